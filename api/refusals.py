"""What the web framework refuses by itself, in the words of `api.problems`.

Owns the translation of Litestar's exceptions and of msgspec's messages, and the strict reading of
JSON bodies. Owns no status codes.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.types import Empty

from api.observability import frames_of
from api.problems import (
    LARGEST_BODY_BYTES,
    BodyTooLarge,
    InternalError,
    MethodNotAllowed,
    UnsupportedMediaType,
    problem_body,
    sqlstate_of,
    told_as,
)
from api.requests import CURRENT
from geo.errors import AlentourError, Fault, InvalidInput, NotFound, Unavailable

_log = structlog.get_logger(__name__)

_PATH: Final = re.compile(r"^(?P<reason>.*?) - at (?:`key` in )?`\$(?P<path>[^`]*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"Missing required (?:query|header|cookie|path) parameter '([^']+)'")


_REFUSALS: Final[Mapping[int, Callable[[], AlentourError]]] = {
    404: lambda: NotFound("There is nothing at this address.", code="route_not_found"),
    415: lambda: UnsupportedMediaType("Send application/json."),
}


class StrictRequest(Request[Any, Any, Any]):
    """Reads a JSON body into the handler's `data` type exactly: no number out of a string."""

    async def json(self) -> Any:
        if self._json is Empty:
            wanted = self.route_handler.parsed_data_field
            body = await self.body()
            is_left_out = not body and wanted is not None and wanted.is_optional
            self._json = None if is_left_out else read_json(body, wanted.annotation if wanted else Any)
        return self._json


def read_json(body: bytes, wanted: Any) -> Any:
    """`body` as a value of type `wanted`. Raises InvalidInput (`malformed_json`, or with its fault)."""
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.ValidationError as error:
        raise InvalidInput("The body is not as expected.", faults=(fault_of(str(error)),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        detail = "The body is empty." if not body else "The body is not valid JSON."
        raise InvalidInput(detail, code="malformed_json") from None


def fault_of(message: str) -> Fault:
    """What msgspec says, as field and reason: `fixes[3].lat`, "expected `float`, got `str`"."""
    match = _PATH.match(message)
    reason, path = (match["reason"], match["path"]) if match else (message, "")
    return Fault(path.lstrip(".") or "body", reason[:1].lower() + reason[1:])


def translated(error: HTTPException) -> AlentourError:
    """The same refusal as a domain error; `InternalError` for what has no other word."""
    if isinstance(error, ValidationException):
        return InvalidInput("A parameter is not as expected.", faults=_parameter_faults(error))
    if error.status_code == 405:
        allow = (error.headers or {}).get("allow", "")
        return MethodNotAllowed(f"This address knows {allow or 'other methods'}.", allow=allow)
    if error.status_code in _REFUSALS:
        return _REFUSALS[error.status_code]()
    if isinstance(error, InternalServerException) and "disconnected" in error.detail:
        return InvalidInput("The body ended early.", code="malformed_json")
    if 400 <= error.status_code < 500:
        return InvalidInput("The request cannot be read.")
    return InternalError("Something went wrong on our side.")


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's handler for every exception."""
    told = _told(request, error)
    if isinstance(told, InternalError):
        log_unexpected(error)
    elif isinstance(told, Unavailable):
        _log.warning("unavailable", **_described(error))
    record = CURRENT.get(None)
    status, headers, body = problem_body(told, record.request_id if record else "")
    media_type = headers.pop("content-type")
    return Response(body, status_code=status, headers=headers, media_type=media_type)


def too_large(handler: object) -> str:
    """What is said of a body that is larger than this route takes."""
    own = handler.resolve_request_max_body_size() if isinstance(handler, HTTPRouteHandler) else None
    return f"The body is larger than {(own or LARGEST_BODY_BYTES) // 2**20} MiB."


def _told(request: Request[Any, Any, Any], error: Exception) -> AlentourError:
    if not isinstance(error, HTTPException):
        return told_as(error)
    if error.status_code == 413:
        return BodyTooLarge(too_large(request.scope.get("route_handler")))
    return translated(error)


def log_unexpected(error: BaseException) -> None:
    """Where it happened, without its message: that may hold what a person sent."""
    _log.error("unexpected error", **_described(error))


def _described(error: BaseException) -> dict[str, Any]:
    cause = error.__cause__
    return {
        "error": type(error).__name__,
        "cause": type(cause).__name__ if cause else None,
        "sqlstate": sqlstate_of(error),
        "frames": frames_of(error),
    }


def _parameter_faults(error: ValidationException) -> tuple[Fault, ...]:
    if missing := _MISSING.match(error.detail):
        return (Fault(missing[1], "is required"),)
    extra = error.extra if isinstance(error.extra, list) else []
    return tuple(_parameter_fault(item) for item in extra if isinstance(item, dict) and "message" in item)


def _parameter_fault(item: dict[str, Any]) -> Fault:
    if item.get("key") == "data":  # Litestar's word for a body that was not there
        return Fault("body", "is required")
    return Fault(str(item.get("key", "")), fault_of(str(item["message"])).reason)
