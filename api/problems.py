"""Errors as RFC 9457 problems: the one table that gives each error its HTTP status.

Owns statuses, headers and the wire form. Does not know the web framework (see `api.refusals` for
what the framework itself refuses), so that the fixes route can answer without it.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import msgspec
import sqlalchemy.exc

from geo.errors import (
    AlentourError,
    Conflict,
    Fault,
    Forbidden,
    InvalidInput,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE: Final = "application/problem+json"
LARGEST_BODY_BYTES: Final = 1024 * 1024


class BodyTooLarge(AlentourError):
    """More bytes than a request may have (before or after decompression)."""

    code = "body_too_large"
    title = "Body too large"


class UnsupportedMediaType(AlentourError):
    """A body that is not JSON, or in an encoding that is not read here."""

    code = "unsupported_media_type"
    title = "Unsupported media type"


class MethodNotAllowed(AlentourError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"
    title = "Method not allowed"

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow


class KeyReused(AlentourError):
    """An idempotency key that came before with another request."""

    code = "idempotency_key_reused"
    title = "Idempotency key reused"


class ChangedMeanwhile(AlentourError):
    """`If-Match` names another version than there is now."""

    code = "changed_meanwhile"
    title = "Changed meanwhile"


class UrlTooLong(AlentourError):
    """More bytes than an address may have."""

    code = "url_too_long"
    title = "Address too long"


class HeadersTooLarge(AlentourError):
    """More headers than a request may have, or larger ones."""

    code = "headers_too_large"
    title = "Headers too large"


class RateLimited(TooMany):
    """Somebody asks more often than the `policy` lets them: `burst` at once, again after `fills_in_s`."""

    code = "rate_limited"
    title = "Too often"

    def __init__(
        self, detail: str, *, retry_after_s: float, policy: str, burst: int, fills_in_s: float
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.policy = policy
        self.burst = burst
        self.fills_in_s = fills_in_s


class InternalError(AlentourError):
    """A fault of ours; told without its cause."""

    code = "internal_error"
    title = "Internal error"


STATUS_OF: Final[Mapping[type[AlentourError], int]] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    Conflict: 409,
    ChangedMeanwhile: 412,
    BodyTooLarge: 413,
    UrlTooLong: 414,
    UnsupportedMediaType: 415,
    KeyReused: 422,
    TooMany: 429,
    RateLimited: 429,
    HeadersTooLarge: 431,
    InternalError: 500,
    Unavailable: 503,
}

# Every code there is, under the class it is raised with. `api.problem_types` explains each.
CODES_OF: Final[Mapping[type[AlentourError], tuple[str, ...]]] = {
    InvalidInput: (
        "invalid_input", "malformed_json", "nested_too_deeply", "malformed_gzip", "rows_refused",
        "code_malformed", "unknown_notice", "sensitive_place", "idempotency_key_required",
        "webhook_unsigned",
    ),
    Unauthenticated: ("unauthenticated",),
    Forbidden: (
        "forbidden", "device_pending", "no_location_consent", "no_personalisation_consent",
        "no_dietary_consent", "stopped_by_operator", "age_not_declared", "under_age",
    ),
    NotFound: ("not_found", "route_not_found", "code_unknown"),
    MethodNotAllowed: ("method_not_allowed",),
    Conflict: (
        "conflict", "already_exists", "in_use", "wrong_move", "schedule_is_over", "offer_is_active",
        "offer_has_ended", "offer_is_not_stopped", "offer_is_not_a_draft", "offer_has_own_codes",
        "budget_is_used", "key_ended", "link_code_refused",
        "link_code_waiting", "link_code_expired", "link_code_used_up", "no_link_code_free",
        "delivery_not_handed", "delivery_cancelled", "already_redeemed", "code_expired", "stock_exhausted",
        "clock_not_simulated", "clock_goes_forward", "idempotency_in_flight",
        "operation_of_another_code", "notice_outdated",
        "tariff_overlaps", "tariff_in_force", "too_many_plates",
        "quote_used", "quote_expired", "quote_without_plate", "quote_outdated", "price_changed",
        "zone_closed", "zone_ambiguous", "zone_not_paid", "parking_forbidden", "stay_not_allowed",
        "already_parked", "no_return", "stay_ended", "payment_pending", "payment_declined", "not_paid_yet",
        "payment_state", "payment_mismatch", "refund_too_large",
    ),
    ChangedMeanwhile: ("changed_meanwhile",),
    BodyTooLarge: ("body_too_large",),
    UrlTooLong: ("url_too_long",),
    UnsupportedMediaType: ("unsupported_media_type",),
    KeyReused: ("idempotency_key_reused",),
    TooMany: ("too_many_requests", "overloaded", "too_many_live_streams"),
    RateLimited: ("rate_limited",),
    HeadersTooLarge: ("headers_too_large",),
    InternalError: ("internal_error",),
    Unavailable: ("unavailable", "starting", "stopping", "outcome_unknown", "configuration_behind"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What one error says over HTTP."""

    status: int
    code: str
    title: str
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def members(self, request_id: str) -> dict[str, Any]:
        members: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }
        if self.faults:
            members["errors"] = [{"field": fault.field, "reason": fault.reason} for fault in self.faults]
        return members


def problem_of(error: BaseException) -> Problem:
    """The problem that tells this error: its own words if it is the user's, few words if ours."""
    told = told_as(error)
    status = next(STATUS_OF[cls] for cls in type(told).__mro__ if cls in STATUS_OF)
    return Problem(
        status=status,
        code=told.code,
        title=told.title,
        detail=told.detail,
        faults=told.faults,
        headers=_headers_of(told),
    )


def problem_body(error: BaseException, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (content type included) and body of the answer to `error`."""
    problem = problem_of(error)
    headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store", **problem.headers}
    return problem.status, headers, msgspec.json.encode(problem.members(request_id))


def told_as(error: BaseException) -> AlentourError:
    """The error in words a client may read; `InternalError` where it is none of theirs."""
    while isinstance(error, BaseExceptionGroup):  # one failed dependency arrives wrapped
        error = error.exceptions[0]
    if isinstance(error, AlentourError):
        return error if any(cls in STATUS_OF for cls in type(error).__mro__) else InternalError(error.detail)
    return _database_error(error) or InternalError("Something went wrong on our side.")


def sqlstate_of(error: BaseException) -> str | None:
    """The SQLSTATE of a database error, whichever of the two drivers' wrappers it comes in."""
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        error = error.orig or error
    sqlstate = getattr(error, "sqlstate", None)
    return sqlstate if isinstance(sqlstate, str) else None


def _database_error(error: BaseException) -> AlentourError | None:
    sqlstate = sqlstate_of(error)
    if sqlstate is not None:
        return _by_sqlstate(sqlstate)
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return overloaded()
    if isinstance(error, asyncpg.DataError):  # a value that does not fit its column's type
        return InvalidInput("A value is out of range.")
    lost = isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated
    # InternalClientError: the connection broke between two messages of the protocol.
    broken = (asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError, TimeoutError)
    if lost or isinstance(error, broken):
        return Unavailable("The database cannot be reached at the moment; try again.")
    return None


def _by_sqlstate(sqlstate: str) -> AlentourError | None:
    """By SQLSTATE only: constraint names are not stable where tables are spread over hosts."""
    if sqlstate == "23505":
        return Conflict("This already exists.", code="already_exists")
    if sqlstate == "23503":
        return Conflict("This refers to something that does not exist, or is still referred to.")
    if sqlstate == "23514" or sqlstate.startswith("22"):
        return InvalidInput("A value is out of range.")
    # Lock and statement timeouts, deadlock, serialisation, lost connection, shutdown, no room.
    if sqlstate in {"55P03", "57014", "40001", "40P01", "25P03"} or sqlstate[:2] in {"08", "53"}:
        return Unavailable("The database is busy or out of reach; try again.")
    if sqlstate.startswith("57P"):
        return Unavailable("The database is restarting; try again.")
    return None


def overloaded() -> TooMany:
    """No room for one more request now; the wait is spread so that not all come back at once."""
    return TooMany(
        "Too many requests at once; try again shortly.",
        retry_after_s=random.uniform(1, 3),  # noqa: S311 - spreads retries, protects nothing
        code="overloaded",
    )


def _headers_of(told: AlentourError) -> dict[str, str]:
    if isinstance(told, Unauthenticated):
        return {"www-authenticate": 'Bearer realm="alentour"'}
    if isinstance(told, MethodNotAllowed):
        return {"allow": told.allow}
    if isinstance(told, TooMany):
        wait_s = max(1, math.ceil(told.retry_after_s))
        return {"retry-after": str(wait_s), **_policy_of(told, wait_s)}
    if isinstance(told, Unavailable):
        return {"retry-after": str(random.randint(1, 3))}  # noqa: S311 - spreads retries
    return {}


def _policy_of(told: TooMany, wait_s: int) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers: what may be asked, and that nothing is left."""
    if not isinstance(told, RateLimited):
        return {}
    return {
        "ratelimit-policy": f'"{told.policy}";q={told.burst};w={max(1, round(told.fills_in_s))}',
        "ratelimit": f'"{told.policy}";r=0;t={wait_s}',
    }
