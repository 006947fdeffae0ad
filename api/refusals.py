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
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import Empty

from api.bounds import refuse_deep, too_deep
from api.members import choices_at, places_of_nul
from api.methods import allowed_at
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
_NO_CHOICE: Final = "Invalid enum value"
# The only way to say NUL in JSON.
_NUL: Final = b"\\u0000"
_MISSING: Final = re.compile(r"Missing required (?:query|header|cookie|path) parameter '([^']+)'")


def _method_not_allowed(request: Request[Any, Any, Any], error: HTTPException) -> AlentourError:
    allow = allowed_at(request.scope["path"], (error.headers or {}).get("allow", ""))
    return MethodNotAllowed(f"This address knows {allow or 'other methods'}.", allow=allow)


_REFUSALS: Final[Mapping[int, Callable[[Request[Any, Any, Any], HTTPException], AlentourError]]] = {
    404: lambda *_: NotFound("There is nothing at this address.", code="route_not_found"),
    405: _method_not_allowed,
    413: lambda request, _: BodyTooLarge(too_large(request.scope.get("route_handler"))),
    415: lambda *_: UnsupportedMediaType("Send application/json."),
}


class StrictRequest(Request[Any, Any, Any]):
    """Reads a JSON body into the handler's `data` type exactly: no number out of a string."""

    async def json(self) -> Any:
        if self._json is Empty:
            wanted = self.route_handler.parsed_data_field
            body = await self.body()
            is_left_out = not body and wanted is not None and wanted.is_optional
            self._json = None if is_left_out else read_json(body, wanted.annotation if wanted else Any)
            refuse_deep(body)
            refuse_nul(body)
        return self._json

    @property
    def known_body(self) -> bytes | None:
        """The body if it has been read already; never waits for it."""
        return None if self._body is Empty else self._body


def read_json(body: bytes, wanted: Any) -> Any:
    """`body` as a value of type `wanted`.

    Raises InvalidInput: `malformed_json`, `nested_too_deeply`, or with its fault.
    """
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.ValidationError as error:
        raise InvalidInput("The body is not as expected.", faults=(fault_of(str(error), wanted),)) from None
    except RecursionError:
        raise too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        detail = "The body is empty." if not body else "The body is not valid JSON."
        raise InvalidInput(detail, code="malformed_json") from None


def refuse_nul(body: bytes) -> None:
    """Raise InvalidInput if a text of this JSON body holds a NUL, which no column can keep."""
    if _NUL not in body:
        return
    faults = tuple(Fault(at, "holds a NUL character") for at in places_of_nul(msgspec.json.decode(body)))
    if faults:
        raise InvalidInput("The body is not as expected.", faults=faults)


def fault_of(message: str, wanted: Any) -> Fault:
    """What msgspec says of a value that is no `wanted`, as field and reason.

    Such as `fixes[3].lat`, "expected `float`, got `str`". Of words to choose from it names all.
    """
    match = _PATH.match(message)
    reason, path = (match["reason"], match["path"]) if match else (message, "")
    choices = choices_at(wanted, path) if reason.startswith(_NO_CHOICE) else []
    told = f"must be one of {', '.join(choices)}" if choices else reason[:1].lower() + reason[1:]
    return Fault(path.lstrip(".") or "body", told)


def _translated(request: Request[Any, Any, Any], error: HTTPException) -> AlentourError:
    """The same refusal as a domain error; `InternalError` for what has no other word."""
    if isinstance(error, ValidationException):
        faults = _parameter_faults(error, request.route_handler)
        return InvalidInput("A parameter is not as expected.", faults=faults)
    if error.status_code in _REFUSALS:
        return _REFUSALS[error.status_code](request, error)
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
    return _translated(request, error) if isinstance(error, HTTPException) else told_as(error)


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


def _parameter_faults(error: ValidationException, handler: BaseRouteHandler) -> tuple[Fault, ...]:
    if missing := _MISSING.match(error.detail):
        return (Fault(missing[1], "is required"),)
    extra = error.extra if isinstance(error.extra, list) else []
    told = (item for item in extra if isinstance(item, dict) and "message" in item)
    return tuple(_parameter_fault(item, handler) for item in told)


def _parameter_fault(item: dict[str, Any], handler: BaseRouteHandler) -> Fault:
    name = str(item.get("key", ""))
    if name == "data":  # Litestar's word for a body that was not there
        return Fault("body", "is required")
    declared = handler.parsed_fn_signature.parameters.get(name)
    wanted = declared.annotation if declared else Any
    return Fault(name, fault_of(str(item["message"]), wanted).reason)
