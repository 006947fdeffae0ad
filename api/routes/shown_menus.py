"""Menus as phones read them, over HTTP."""

import hashlib
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from litestar import Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Now, Tx
from api.languages import ranked_languages, spoken_language
from api.routes.resources import Id
from api.routes.sync import is_known
from offers.menus.showing import Reader, menu_shown, menus_of_site
from offers.menus.shown import ShownMenu, SiteMenus

_NOT_MODIFIED: Final = {304: ResponseSpec(None, description="The answer is the one you have.")}

Languages = Annotated[
    str | None,
    HeaderParameter(
        name="Accept-Language",
        max_length=400,
        description="Which languages you would rather read; then the phone's own, then the menu's own.",
    ),
]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", max_length=400, description="The ETag you have.")
]
Form = Annotated[Literal["full", "compact"], Parameter(description="`compact`: heads without dishes.")]


@get(
    "/v1/sites/by-id/{site_id:int}/menus",
    guards=[requires_phone],
    operation_id="listSiteMenus",
    summary="The menus of a site",
    responses=_NOT_MODIFIED,
)
async def list_of_site(
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    site_id: Id,
    form: Form = "full",
    accept_language: Languages = None,
    if_none_match: IfNoneMatch = None,
) -> Response[SiteMenus]:
    """Those that are published, the ones served now first; each in one language that all of it has.

    `GET /v1/sites/{site_id}/menus` is the same. Needs no consent and no position. `allergens` null means
    that the restaurant has not said, [] that it declares none; `allergens_text` says either in words, in
    English or French. Filter on the phone: what somebody may not eat is nobody's business. 304 while the
    answer would be the one you have.
    """
    reader = _reader(accept_language, phone.language)
    menus = await menus_of_site(tx, site_id, reader, now, compact=form == "compact")
    return _answer(menus, if_none_match)


@get(
    "/v1/menus/{menu_id:int}/card",
    guards=[requires_phone],
    operation_id="openMenu",
    summary="Open a menu",
    responses=_NOT_MODIFIED,
)
async def open_one(
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    menu_id: Id,
    accept_language: Languages = None,
    if_none_match: IfNoneMatch = None,
) -> Response[ShownMenu]:
    """One menu by its id, as an offer names it; in the form that the menus of a site have."""
    reader = _reader(accept_language, phone.language)
    return _answer(await menu_shown(tx, menu_id, reader, now), if_none_match)


def _reader(accept_language: str | None, of_phone: str) -> Reader:
    wanted = [*ranked_languages(accept_language), of_phone]
    return Reader(wanted, spoken_language(accept_language, of_phone))


def _answer(body: Any, if_none_match: str | None) -> Response[Any]:
    etag = f'W/"{hashlib.sha256(msgspec.json.encode(body)).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "private, no-cache", "vary": "Accept-Language"}
    if is_known(if_none_match, etag):
        return Response(cast("Any", None), status_code=304, headers=headers)
    return Response(body, headers=headers)


router: Final = Router(
    "/",
    route_handlers=[list_of_site, open_one],
    dependencies=PLAIN,
    tags=["Phones"],
)
