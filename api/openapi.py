"""The OpenAPI document: what Litestar finds in the handlers, completed with what holds for all.

Owns the texts of the whole, the security schemes, the problems every operation may answer with,
and that each has an example. What one route takes and gives is said at its handler.
"""

from functools import partial
from typing import Any, Final

from litestar import Litestar, Request, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.routes import HTTPRoute

from api.idempotency import once, once_required
from api.openapi_examples import example_of
from api.problems import MEDIA_TYPE
from api.refusals import too_large
from api.routes.health import VERSION

_DESCRIPTION: Final = """\
A phone reports where it is; Alentour answers with what the places around are allowed to say to that
person. It says nothing without consent, and never too often.

**Retailers** use a key (`ak_…`), **phones** a device token (`dt_…`), both as `Authorization: Bearer …`.
Times are RFC 3339 in UTC, coordinates WGS 84 degrees, distances metres, shapes GeoJSON (RFC 7946).
Errors are RFC 9457 problems with a stable `code`. Lists come in pages: pass `next_cursor` back as `cursor`.
"""

TAGS: Final = {
    "Phones": "Registering, being found, reporting fixes, and what is around.",
    "Consent": "What a person has been told and has answered.",
    "Offers on the phone": "What was delivered, why, and what became of it.",
    "Sites": "Places of business.",
    "Fences": "The shapes whose edges matter.",
    "Offers": "What may be shown, to whom, when and how often.",
    "Limits": "Frequency caps and quiet hours.",
    "Till": "Redeeming a code, once.",
    "Retailers and keys": "Tenants, and what opens their doors.",
    "Operations": "Health, metrics, and the clock.",
    "Problems": "What each refusal means, and what to do about it.",
}

_WELL: Final = {"200": "As asked.", "201": "Made.", "202": "Begun.", "204": "Done; there is nothing to tell."}

# What any operation may answer besides its own; `default` stands for what is listed nowhere.
_MEANINGS: Final = {
    "400": "Something in the request is not as expected; `errors` names the fields.",
    "401": "No credentials, or unknown, expired or revoked ones.",
    "403": "Known, but not allowed to do this.",
    "404": "There is no such thing, or it belongs to somebody else.",
    "409": "The present state does not allow this.",
    "415": "The body is not JSON.",
    "422": "This Idempotency-Key came before with another request.",
    "429": "Too much at once; come back after `Retry-After` seconds.",
    "503": "The outcome is unknown or out of reach; come back after `Retry-After` seconds.",
    "default": "Anything else, as a problem.",
}
_CODES: Final = {
    "400": "invalid_input", "401": "unauthenticated", "403": "forbidden", "404": "not_found",
    "409": "conflict", "413": "body_too_large", "415": "unsupported_media_type",
    "422": "idempotency_key_reused", "429": "too_many_requests", "503": "unavailable",
    "default": "internal_error",
}  # fmt: skip

_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. `code` is stable; `detail` is for people.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}


class _NoPages(OpenAPIRenderPlugin):
    """Litestar's own pages load scripts from elsewhere; ours are in `api.routes.docs`."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        raise NotImplementedError

    def receive_router(self, router: Router) -> None:
        router.routes.clear()


def config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Alentour",
        version=VERSION,
        summary="Location-aware mobile marketing that asks first.",
        description=_DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        tags=[Tag(name=name, description=text) for name, text in TAGS.items()],
        components=Components(
            security_schemes={
                "retailerKey": SecurityScheme(
                    type="http", scheme="bearer", description="A key of a retailer or an admin: `ak_…`."
                ),
                "deviceToken": SecurityScheme(
                    type="http", scheme="bearer", description="The token of a registered phone: `dt_…`."
                ),
            }
        ),
        use_handler_docstrings=True,
        render_plugins=[_NoPages()],
    )


def document(app: Litestar) -> dict[str, Any]:
    """The complete document of this application, as plain JSON values."""
    found: dict[str, Any] = app.openapi_schema.to_schema()
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM_SCHEMA
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format in found["paths"]:
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    operation = found["paths"][route.path_format].get(method.lower())
                    if operation is not None:
                        _complete(operation, handler, schemas)
    return found


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, schemas: dict[str, Any]) -> None:
    schemes = [scheme for guard in handler.resolve_guards() if (scheme := _scheme_of(guard))]
    if schemes:
        operation["security"] = [{scheme: []} for scheme in schemes]
    has_key = _document_key(operation, handler)
    for status, answer in operation["responses"].items():
        if status in _WELL and not handler.response_description:
            answer["description"] = _WELL[status]
    for status in _problems_of(operation, is_guarded=bool(schemes), has_key=has_key):
        own = operation["responses"].get(status)
        meaning = too_large(handler) if status == "413" else _MEANINGS[status]
        # Litestar's own guess at a 400 has a shape that this server never answers with.
        if own is None or "application/problem+json" not in own.get("content", {}):
            described = own["description"] if own and status != "400" else meaning
            operation["responses"][status] = _problem_response(status, described)
    _exemplify(operation, partial(example_of, schemas=schemas))


def _scheme_of(guard: object) -> str | None:
    # Litestar wraps guards to call them alike.
    return getattr(guard, "security_scheme", None) or getattr(
        getattr(guard, "func", None), "security_scheme", None
    )


def _document_key(operation: dict[str, Any], handler: HTTPRouteHandler) -> bool:
    hook = handler.resolve_before_request()
    hook = getattr(hook, "func", hook)
    if hook not in {once, once_required}:
        return False
    operation.setdefault("parameters", []).append(
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": hook is once_required,
            "description": "1 to 128 printable ASCII characters. The same request sent again with the"
            " same key within 24 hours is answered as before, and does nothing.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
            "example": "7d1c0b9e-2f43-4e0a-9c56-0d8f3f0b6a11",
        }
    )
    return True


def _problems_of(operation: dict[str, Any], *, is_guarded: bool, has_key: bool) -> list[str]:
    """Which problems can come of an operation like this one."""
    parameters = operation.get("parameters", [])
    has_body = "requestBody" in operation
    return [
        *(["400"] if parameters or has_body else []),
        *(["401", "403"] if is_guarded else []),
        *(["404"] if any(parameter["in"] == "path" for parameter in parameters) else []),
        *(["409", "422"] if has_key else []),
        *(["413", "415"] if has_body else []),
        *(["429", "503"] if is_guarded else []),
        "default",
    ]


def _problem_response(status: str, description: str) -> dict[str, Any]:
    code = _CODES.get(status, "conflict")
    example: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": 500 if status == "default" else int(status),
        "detail": description,
        "code": code,
        "request_id": "5f0c2b9e41a7d683",
    }
    if status == "400":
        example["errors"] = [{"field": "name", "reason": "expected `str` of length >= 1"}]
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": description, "content": {MEDIA_TYPE: content}}


def _exemplify(operation: dict[str, Any], example: Any) -> None:
    """Where a handler gives no example of its own, make one out of the schema."""
    for parameter in operation.get("parameters", []):
        if not {"example", "examples"} & parameter.keys():
            parameter["example"] = example(parameter["schema"], parameter["name"])
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for media_type, content in body.get("content", {}).items():
            if "json" in media_type and not {"example", "examples"} & content.keys():
                content["example"] = example(content.get("schema", {}), "")
