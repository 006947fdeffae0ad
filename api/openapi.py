"""The OpenAPI document: what Litestar finds in the handlers, completed with what holds for all.

Owns the texts of the whole, the security schemes, and the putting together. What one route takes and
gives is said at its handler; schemas, problems and examples are completed by `api.openapi_schemas`,
`api.openapi_problems` and `api.openapi_examples`.
"""

import copy
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from litestar import Litestar, Request, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.routes import HTTPRoute

from api import openapi_problems
from api.idempotency import once, once_required
from api.openapi_examples import exemplify
from api.openapi_schemas import PREFIX, complete_parameters, complete_schemas
from api.refusals import too_large
from api.routes.health import VERSION

_DESCRIPTION: Final = """\
A phone reports where it is; Alentour answers with what the places around are allowed to say to that
person. It says nothing without consent, and never too often.

**Retailers** use a key (`ak_…`), **phones** a device token (`dt_…`), both as `Authorization: Bearer …`.
Times are RFC 3339 in UTC, coordinates WGS 84 degrees, distances metres, shapes GeoJSON (RFC 7946).
Errors are RFC 9457 problems with a stable `code`; `/problems` explains each, and every `type` leads to it.
Lists come in pages: pass `next_cursor` back as `cursor`.
"""

TAGS: Final = {
    "Phones": "Registering, being found, reporting fixes, and what is around.",
    "Consent": "What a person has been told and has answered.",
    "Your data": "A copy of it, what is known and why, and erasure in one tap.",
    "Import and export": "Many things at once, in and out.",
    "Offers on the phone": "What was delivered, why, and what became of it.",
    "Sites": "Places of business.",
    "Fences": "The shapes whose edges matter.",
    "Offers": "What may be shown, to whom, when and how often.",
    "Parking": "Which zone one is in, what it costs, plates, stays, and what drivers are asked.",
    "Parking inspectors": "Whether a plate may stand where it stands, and nothing else.",
    "Parking operators": "Zones, tariffs and permits.",
    "Known customers": "What a retailer says about a customer who let it, and to whom that shows.",
    "Explaining": "What would be decided and why; phones to try things on.",
    "Menus": "What restaurants serve: cards, their versions, what ran out.",
    "Limits": "Frequency caps and quiet hours.",
    "Reports": "What happened, what it does for return visits, and why an offer does not run.",
    "Till": "Redeeming a code, once.",
    "Payments": "What was paid, what was given back, and the books.",
    "Retailers and keys": "Tenants, and what opens their doors.",
    "Operations": "Health, metrics, and the clock.",
    "Problems": "What each refusal means, and what to do about it.",
}

_WELL: Final = {"200": "As asked.", "201": "Made.", "202": "Begun.", "204": "Done; there is nothing to tell."}

# The same answer in another form, where a client asks for it by `Accept`.
_FEATURES: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "features", "next_cursor"],
    "properties": {
        "type": {"type": "string", "enum": ["FeatureCollection"]},
        "features": {"type": "array", "items": {"$ref": "#/components/schemas/FenceFeature"}},
        "next_cursor": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
}
_PAGE: Final = {"text/html": {"schema": {"type": "string"}}}
_TABLE: Final = {"text/csv": {"schema": {"type": "string"}}}
_OTHER_FORMS: Final[Mapping[str, dict[str, Any]]] = {
    "listProblems": _PAGE,
    "explainProblem": _PAGE,
    "readReport": _TABLE,
    "exportSites": {"application/geo+json": {"schema": {"$ref": f"{PREFIX}ExportedSites"}}, **_TABLE},
    "exportFences": {"application/geo+json": {"schema": {"$ref": f"{PREFIX}ExportedFences"}}, **_TABLE},
    "exportOffers": _TABLE,
    "exportParkingZones": {"application/geo+json": {"schema": {"$ref": f"{PREFIX}ExportedZones"}}},
    "listFences": {"application/geo+json": {"schema": _FEATURES}},
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
    # Litestar keeps what it returns.
    found: dict[str, Any] = copy.deepcopy(app.openapi_schema.to_schema())
    operations = list(_operations(found, app))
    complete_schemas(found, [handler for _, handler in operations])
    found["components"]["schemas"]["Problem"] = openapi_problems.SCHEMA
    for operation, handler in operations:
        _complete(operation, handler)
    return found


def _operations(found: dict[str, Any], app: Litestar) -> Iterator[tuple[dict[str, Any], HTTPRouteHandler]]:
    """Every described operation with its handler."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format in found["paths"]:
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    operation = found["paths"][route.path_format].get(method.lower())
                    if operation is not None:
                        yield operation, handler


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    schemes = [scheme for guard in handler.resolve_guards() if (scheme := _scheme_of(guard))]
    if schemes:
        operation["security"] = [{scheme: []} for scheme in schemes]
    operation["parameters"] = [
        # OpenAPI ignores this one: the media types of the answer say what may be asked for.
        one
        for one in operation.get("parameters", [])
        if one["name"] != "Accept"
    ]
    complete_parameters(operation, handler)
    key_is_required = _document_key(operation, handler)
    _document_answers(operation)
    _document_problems(operation, handler, key_is_required)
    exemplify(operation)


def _scheme_of(guard: object) -> str | None:
    # Litestar wraps guards to call them alike.
    return getattr(guard, "security_scheme", None) or getattr(
        getattr(guard, "func", None), "security_scheme", None
    )


def _document_key(operation: dict[str, Any], handler: HTTPRouteHandler) -> bool | None:
    """Whether the `Idempotency-Key` is required; None where none is taken."""
    hook = handler.resolve_before_request()
    hook = getattr(hook, "func", hook)
    if hook not in {once, once_required}:
        return None
    operation["parameters"].append(
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": hook is once_required,
            "description": "1 to 128 printable ASCII characters. The same request sent again with the"
            " same key within 24 hours is answered as before, and does nothing.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
        }
    )
    return hook is once_required


def _document_answers(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    # Litestar's own guess at a 400 has a shape that this server never answers with.
    responses.pop("400", None)
    for status, answer in responses.items():
        if status in _WELL and answer["description"] == HTTPStatus(int(status)).description:
            answer["description"] = _WELL[status]
    if forms := _OTHER_FORMS.get(operation["operationId"]):
        responses["200"]["content"] |= copy.deepcopy(forms)


def _document_problems(
    operation: dict[str, Any], handler: HTTPRouteHandler, key_is_required: bool | None
) -> None:
    details = {"body_too_large": too_large(handler)}
    fault = openapi_problems.fault_of(operation)
    codes = openapi_problems.codes_of(operation, key_is_required=key_is_required)
    for status, possible in codes.items():
        operation["responses"][status] = openapi_problems.response_of(possible, details, fault)
    operation["responses"][openapi_problems.DEFAULT] = openapi_problems.default_response()
