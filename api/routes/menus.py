"""Menus over HTTP for retailers: written, edited, published; their versions, and what ran out."""

from datetime import date, datetime
from typing import Annotated, Any, Final

from litestar import MediaType, Response, Router, delete, get, patch, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, Parameter

from api import audit
from api.audit.changes import before_after
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Now, Session
from api.idempotency import once
from api.languages import AcceptLanguage, spoken_language
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.menu_forms import (
    Availability,
    AvailabilityEdit,
    DaySpecials,
    ListedMenu,
    Menu,
    MenuVersion,
    WholeMenuVersion,
    card_in,
    listed,
    merged,
    patched,
    shown,
    version_shown,
)
from api.routes.menu_imports import import_all
from api.routes.resources import Id, IfMatch, RetailerId, etag_of, existing_tenant, refuse_unmatched
from geo.errors import Fault, InvalidInput, NotFound
from geo.places import moment_faults
from geo.sites import site_of
from geo.wall_clock import rfc3339
from offers.menus.availability import FOREVER, end_of_today, say, sold_out
from offers.menus.card import card_of
from offers.menus.menu_edits import (
    create_menu,
    delete_menu,
    edit_menu,
    list_menus,
    list_versions,
    menu_of,
    publish_menu,
    published_card,
    put_special,
    unpublish_menu,
    version_of,
)
from offers.menus.reading import read_card
from offers.menus.sheet import allergen_sheet
from offers.menus.tables import MenuRow

LARGEST_MENU_BYTES: Final = 8 * 1024 * 1024

_ITEM_ID: Final = Parameter(max_length=64, description="The id that the card gives it.")
_VERSION: Final = Parameter(ge=1, le=2**31 - 1, description="Versions count from 1.")


@post(
    "/",
    guards=[requires("manage")],
    before_request=once,
    request_max_body_size=LARGEST_MENU_BYTES,
    operation_id="createMenu",
    summary="Create a menu",
    description="Nobody sees it until it is published. The form is told in the guide to menus.",
)
async def create_one(
    session: Session, now: Now, key: AuthKey, data: JSONBody[Menu], retailer_id: RetailerId = None
) -> Response[Menu]:
    tenant = await existing_tenant(session, key, retailer_id)
    menu = await create_menu(session, tenant, data.site_id, data.external_id, card_in(data), now)
    return _answer(menu, status_code=201)


@get(
    "/",
    guards=[requires("read")],
    operation_id="listMenus",
    summary="List your menus",
    description="In the order of their ids, without their cards.",
)
async def list_all(
    session: Session,
    key: AuthKey,
    retailer_id: RetailerId = None,
    site_id: FromQuery[Id | None] = None,
    external_id: FromQuery[str | None] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ListedMenu]:
    tenant, after = await existing_tenant(session, key, retailer_id), read_cursor(cursor)
    rows = await list_menus(
        session, tenant, after_id=after, limit=limit + 1, site_id=site_id, external_id=external_id
    )
    page = page_of(rows, limit, lambda row: row.menu_id)
    return Page(items=[listed(row) for row in page.items], next_cursor=page.next_cursor)


@get(
    "/{menu_id:int}",
    guards=[requires("read")],
    operation_id="getMenu",
    summary="Read a menu",
    description="As it is being written. Its ETag goes into `If-Match` of an edit.",
)
async def get_one(
    session: Session, key: AuthKey, menu_id: Id, retailer_id: RetailerId = None
) -> Response[Menu]:
    return _answer(await menu_of(session, tenant_of(key, retailer_id), menu_id))


@put(
    "/{menu_id:int}",
    guards=[requires("manage")],
    request_max_body_size=LARGEST_MENU_BYTES,
    operation_id="replaceMenu",
    summary="Replace a menu",
    description="Phones go on seeing the published version until you publish again.",
)
async def put_one(
    session: Session,
    now: Now,
    key: AuthKey,
    menu_id: Id,
    data: JSONBody[Menu],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Menu]:
    menu = await _held(session, key, retailer_id, menu_id, if_match)
    if data.site_id != menu.site_id:
        raise InvalidInput("A menu cannot move.", faults=(Fault("site_id", "cannot change"),))
    _note(await edit_menu(session, menu, data.external_id, card_in(data), now))
    return _answer(menu)


@patch(
    "/{menu_id:int}",
    guards=[requires("manage")],
    request_max_body_size=LARGEST_MENU_BYTES,
    operation_id="patchMenu",
    summary="Change a menu",
    description="A merge patch (RFC 7396) of the card and `external_id`: what is named is changed, null takes"
    " away, lists are replaced. For one dish there is `PATCH …/items/{item_id}`.",
)
async def patch_one(
    session: Session,
    now: Now,
    key: AuthKey,
    menu_id: Id,
    data: JSONBody[dict[str, Any]],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Menu]:
    menu = await _held(session, key, retailer_id, menu_id, if_match)
    external_id, card = patched(menu, dict(data))
    _note(await edit_menu(session, menu, external_id, card, now))
    return _answer(menu)


@patch(
    "/{menu_id:int}/items/{item_id:str}",
    guards=[requires("manage")],
    operation_id="patchMenuItem",
    summary="Change one dish",
    description='A merge patch (RFC 7396) of an item of the sections, such as `{"price_minor": 1450}`.',
)
async def patch_item(
    session: Session,
    now: Now,
    key: AuthKey,
    menu_id: Id,
    item_id: Annotated[str, _ITEM_ID],
    data: JSONBody[dict[str, Any]],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Menu]:
    menu = await _held(session, key, retailer_id, menu_id, if_match)
    if not any(one["id"] == item_id for section in menu.card["sections"] for one in section["items"]):
        raise NotFound("The menu has no such item.")
    sections = [
        {
            **section,
            "items": [merged(one, data) if one["id"] == item_id else one for one in section["items"]],
        }
        for section in menu.card["sections"]
    ]
    card = read_card({**menu.card, "sections": sections})
    _note(await edit_menu(session, menu, menu.external_id, card, now))
    return _answer(menu)


@delete(
    "/{menu_id:int}",
    guards=[requires("manage")],
    operation_id="deleteMenu",
    summary="Delete a draft",
    description="Only a menu that was never published (else 409 `in_use`): what phones saw stays readable.",
)
async def delete_one(
    session: Session, key: AuthKey, menu_id: Id, retailer_id: RetailerId = None, if_match: IfMatch = None
) -> None:
    await delete_menu(session, await _held(session, key, retailer_id, menu_id, if_match))


@post(
    "/{menu_id:int}/publish",
    guards=[requires("manage")],
    status_code=200,
    operation_id="publishMenu",
    summary="Publish a menu",
    description="Phones see it as it is written now, and it becomes a version that stays. Once more without"
    " an edit changes nothing and answers 200.",
)
async def publish_one(
    session: Session,
    now: Now,
    key: AuthKey,
    menu_id: Id,
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Menu]:
    menu = await _held(session, key, retailer_id, menu_id, if_match)
    _note(await publish_menu(session, menu, now))
    return _answer(menu)


@post(
    "/{menu_id:int}/unpublish",
    guards=[requires("manage")],
    status_code=200,
    operation_id="unpublishMenu",
    summary="Take a menu back",
    description="Phones see it no more; its versions stay. Once more changes nothing and answers 200.",
)
async def unpublish_one(
    session: Session,
    now: Now,
    key: AuthKey,
    menu_id: Id,
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Menu]:
    menu = await _held(session, key, retailer_id, menu_id, if_match)
    _note(await unpublish_menu(session, menu, now))
    return _answer(menu)


@get(
    "/{menu_id:int}/versions",
    guards=[requires("read")],
    operation_id="listMenuVersions",
    summary="What was published",
    description="The newest first, without their cards.",
)
async def list_versions_of(
    session: Session,
    key: AuthKey,
    menu_id: Id,
    retailer_id: RetailerId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MenuVersion]:
    menu = await menu_of(session, tenant_of(key, retailer_id), menu_id)
    before = None if cursor is None else read_cursor(cursor)
    rows = await list_versions(session, menu, before=before, limit=limit + 1)
    page = page_of(rows, limit, lambda row: row.version)
    return Page(items=[version_shown(row) for row in page.items], next_cursor=page.next_cursor)


@get(
    "/{menu_id:int}/versions/{version:int}",
    guards=[requires("read")],
    operation_id="getMenuVersion",
    summary="What phones saw",
    description="The card of a version as it was, and what was sold out `at` a moment (else: when it was"
    " published).",
)
async def get_version(
    session: Session,
    key: AuthKey,
    menu_id: Id,
    version: Annotated[int, _VERSION],
    retailer_id: RetailerId = None,
    at: FromQuery[datetime | None] = None,
) -> WholeMenuVersion:
    menu = await menu_of(session, tenant_of(key, retailer_id), menu_id)
    found = await version_of(session, menu, version)
    moment = found.published_at if at is None else _moment(at, "at")
    head = version_shown(found)
    return WholeMenuVersion(
        **{name: getattr(head, name) for name in MenuVersion.__struct_fields__},
        card=card_of(found.card),
        sold_out=await sold_out(session, menu.menu_id, moment),
    )


@get(
    "/{menu_id:int}/availability",
    guards=[requires("read")],
    operation_id="getMenuAvailability",
    summary="What is sold out",
    description="Now.",
)
async def get_availability(
    session: Session, now: Now, key: AuthKey, menu_id: Id, retailer_id: RetailerId = None
) -> Availability:
    menu = await menu_of(session, tenant_of(key, retailer_id), menu_id)
    return Availability(sold_out=await sold_out(session, menu.menu_id, now))


@put(
    "/{menu_id:int}/availability",
    guards=[requires("manage")],
    operation_id="setMenuAvailability",
    summary="Say what ran out",
    description="Phones see it at once. It makes no version, but is kept: what a phone was told can be looked"
    " up. Items are those of the sections, the specials and the formulas.",
)
async def put_availability(
    session: Session,
    now: Now,
    key: AuthKey,
    menu_id: Id,
    data: JSONBody[AvailabilityEdit],
    retailer_id: RetailerId = None,
) -> Availability:
    tenant = tenant_of(key, retailer_id)
    menu = await menu_of(session, tenant, menu_id, for_update=True)
    site = await site_of(session, tenant, menu.site_id)
    until = _until(data, site.time_zone, now)
    if await say(session, menu, data.item_ids, until, now):
        told = before_after(sold_out_until=(None, until or "back"))
        audit.tell("menu", menu_id, retailer_id=tenant, changed=told)
    else:
        audit.nothing_changed()
    return Availability(sold_out=await sold_out(session, menu_id, now))


@put(
    "/{menu_id:int}/specials/{day:str}",
    guards=[requires("manage")],
    operation_id="setMenuSpecials",
    summary="Say the dishes of a day",
    description="On the clock of the site. Where the menu is published phones see it at once, as a new"
    " version of what they see; other edits wait for you to publish them.",
)
async def put_specials(
    session: Session,
    now: Now,
    key: AuthKey,
    menu_id: Id,
    day: Annotated[str, Parameter(max_length=10, description="Such as 2026-07-14.")],
    data: JSONBody[DaySpecials],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Menu]:
    menu = await _held(session, key, retailer_id, menu_id, if_match)
    _note(await put_special(session, menu, _date(day), data.items, now))
    return _answer(menu)


@get(
    "/{menu_id:int}/allergens",
    guards=[requires("read")],
    media_type=MediaType.HTML,
    operation_id="printAllergens",
    summary="The allergens to print",
    description="A page with every dish against the fourteen allergens of Regulation (EU) 1169/2011, and in"
    " words: of the published version, else of what is being written. In English or French.",
    responses={200: ResponseSpec(str, description="A page to print.", media_type="text/html")},
)
async def print_allergens(
    session: Session,
    key: AuthKey,
    menu_id: Id,
    retailer_id: RetailerId = None,
    accept_language: AcceptLanguage = None,
) -> Response[str]:
    menu = await menu_of(session, tenant_of(key, retailer_id), menu_id)
    version = menu.published_version
    card = card_of(menu.card) if version is None else await published_card(session, menu)
    spoken = spoken_language(accept_language, card.language)
    headers = {"content-language": spoken, "vary": "Accept-Language"}
    return Response(allergen_sheet(card, spoken, version), media_type=MediaType.HTML, headers=headers)


async def _held(
    session: Session, key: AuthKey, retailer_id: int | None, menu_id: int, if_match: str | None
) -> MenuRow:
    menu = await menu_of(session, tenant_of(key, retailer_id), menu_id, for_update=True)
    refuse_unmatched(if_match, menu.revision)
    return menu


def _note(is_changed: bool) -> None:
    if not is_changed:
        audit.nothing_changed()


def _until(data: AvailabilityEdit, time_zone: str, now: datetime) -> str | None:
    if data.until is not None and data.state != "sold_out":
        raise InvalidInput("until cannot be used.", faults=(Fault("until", "goes with the state sold_out"),))
    if data.state == "available":
        return None
    if data.state == "sold_out_today":
        return rfc3339(end_of_today(time_zone, now))
    if data.until is None:
        return FOREVER
    if _moment(data.until, "until") <= now:
        raise InvalidInput("until must be in the future.", faults=(Fault("until", "must be in the future"),))
    return rfc3339(data.until)


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        fault = Fault("day", "is not a date such as 2026-07-14")
        raise InvalidInput("The day cannot be used.", faults=(fault,)) from None


def _moment(at: datetime, field: str) -> datetime:
    faults = [Fault(field, "must have an offset from UTC")] if at.tzinfo is None else moment_faults(at, field)
    if faults:
        raise InvalidInput(f"{field} cannot be used.", faults=tuple(faults))
    return at


def _answer(menu: MenuRow, status_code: int = 200) -> Response[Menu]:
    return Response(shown(menu), status_code=status_code, headers={"etag": etag_of(menu.revision)})


router: Final = Router(
    "/v1/menus",
    route_handlers=[
        create_one,
        list_all,
        get_one,
        put_one,
        patch_one,
        patch_item,
        delete_one,
        publish_one,
        unpublish_one,
        list_versions_of,
        get_version,
        get_availability,
        put_availability,
        put_specials,
        print_allergens,
        import_all,
    ],
    dependencies=ORM,
    tags=["Menus"],
    security=[{"retailerKey": []}],
)
