"""What can go wrong, in the domain's words.

These classes know no HTTP: `api.problems` holds the one table that gives each its status.
`code` is stable and public (RFC 9457 `code` member); `detail` is one readable sentence.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong value: `field` is a path such as `fixes[3].lat`, `reason` one short clause."""

    field: str
    reason: str


class AlentourError(Exception):
    """Base of every error a user may be told about."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str, *, faults: tuple[Fault, ...] = (), code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults
        if code is not None:
            self.code = code  # type: ignore[misc]  # a narrower code on the instance, same class


class InvalidInput(AlentourError):
    """The request says something that cannot be; each fault names its field."""

    code = "invalid_input"
    title = "Invalid input"


class NotFound(AlentourError):
    """There is no such thing, or it belongs to another tenant (which must look the same)."""

    code = "not_found"
    title = "Not found"


class Conflict(AlentourError):
    """The request is well formed but the present state does not allow it."""

    code = "conflict"
    title = "Conflict"


class Unauthenticated(AlentourError):
    """No credentials, or credentials that are unknown, expired or revoked."""

    code = "unauthenticated"
    title = "Unauthenticated"


class Forbidden(AlentourError):
    """Known, but not allowed to do this."""

    code = "forbidden"
    title = "Forbidden"


class TooMany(AlentourError):
    """Over a limit of rate or room; try again after `retry_after_s` seconds."""

    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: float, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class Unavailable(AlentourError):
    """The outcome is unknown or cannot be reached now; a retry settles it."""

    code = "unavailable"
    title = "Unavailable"
