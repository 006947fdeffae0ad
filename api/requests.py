"""One request's record: its id, the status it will be answered with, what must be ended with it.

Owns no behaviour of the edge (see `api.edge`); it is how the edge, the transactions and the
idempotency keys of one request find each other, whichever task of the request they run in.
"""

import itertools
import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Protocol

from litestar import Response

CONTENT_POLICY_NAME: Final = b"content-security-policy"
# On every answer, whoever gives it. Only a page brings a policy of its own, in place of this one.
_STANDING: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NO_PAGE: Final = (CONTENT_POLICY_NAME, b"default-src 'none'; frame-ancestors 'none'")
# A year (RFC 6797); other hosts of the domain are nobody's business here.
_ONLY_TLS: Final = (b"strict-transport-security", b"max-age=31536000")

_SAFE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# A credential, or degrees with decimals: never in a log, whoever calls it an id.
_TELLING: Final = re.compile(rb"(dt|ak)_|[0-9]\.[0-9]{3}")


# An id of ours: random for the process, then counted.
_PROCESS: Final = secrets.token_hex(4)
_COUNTER: Final = itertools.count()


def standing_headers(*, tls_in_front: bool) -> list[tuple[bytes, bytes]]:
    """The security headers of every answer, with the policy of one that is no page."""
    return [*_STANDING, *([_ONLY_TLS] if tls_in_front else []), _NO_PAGE]


class Ending(Protocol):
    """Something open that a request must not leave behind."""

    async def abandon(self) -> None:
        """Undo and free it, unless it has already ended. Never raises."""


class Note(Protocol):
    """Something to write in the request's own transaction, just before it commits."""

    async def write(self, record: "RequestRecord", execute: "Execute") -> None:
        """Write it with `execute`."""

    def was_committed(self) -> None:
        """The transaction it was written in has been committed."""


class Execute(Protocol):
    """Runs one statement with `$1…` parameters in the transaction at hand; how many rows it wrote."""

    async def __call__(self, statement: str, *parameters: object) -> int: ...


@dataclass(slots=True)
class RequestRecord:
    """What one request's parts tell each other."""

    request_id: str
    response: Response[object] | None = None
    kept_content: object = None
    is_rehearsal: bool = False
    open: list[Ending] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def keeps_nothing(self) -> bool:
        """Whether the transaction ends by being undone, although all went well."""
        return self.is_refusal or self.is_rehearsal

    @property
    def is_refusal(self) -> bool:
        """Whether the handler chose an answer that says nothing was done."""
        return self.response is not None and (self.response.status_code or 200) >= 400

    async def abandon(self) -> None:
        """End whatever is still open, newest first."""
        while self.open:
            await self.open.pop().abandon()


CURRENT: Final[ContextVar[RequestRecord]] = ContextVar("alentour_request")


def only_rehearse() -> None:
    """Let this request do everything and keep nothing of it: its transaction will be undone."""
    CURRENT.get().is_rehearsal = True


def request_id_from(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The client's `X-Request-Id` if it is harmless in a log, else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _SAFE_ID.fullmatch(value) and not _TELLING.search(value):
            return value.decode()
    return f"{_PROCESS}{next(_COUNTER):08x}"


async def remember_response(response: Response[object]) -> Response[object]:
    """Litestar's `after_request`: the transaction's end looks at the status."""
    record = CURRENT.get(None)
    if record is not None:
        record.response = response
    return response
