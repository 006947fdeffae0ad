"""The OpenAPI document and the page that shows it, both served from here alone."""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, Router, get
from litestar.response import Redirect

from api import docs_page, openapi
from api.docs_page.frame import CONTENT_POLICY


@get("/", status_code=302)
async def home() -> Redirect:
    """There is no home page yet: the documentation is it."""
    return Redirect("/docs")


@get("/openapi.json", media_type="application/vnd.oai.openapi+json")
async def openapi_json(request: Request[Any, Any, Any]) -> bytes:
    return msgspec.json.encode(_document(request))


@get("/docs", media_type=MediaType.HTML)
async def docs(request: Request[Any, Any, Any]) -> Response[str]:
    state = request.app.state
    if "docs_page" not in state:
        state.docs_page = docs_page.render(_document(request))
    return Response(state.docs_page, headers={"content-security-policy": CONTENT_POLICY})


def _document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Made once per process, when somebody first asks."""
    state = request.app.state
    if "openapi_document" not in state:
        state.openapi_document = openapi.document(request.app)
    document: dict[str, Any] = state.openapi_document
    return document


router = Router("/", route_handlers=[home, openapi_json, docs], include_in_schema=False)
