"""The import of menus: our JSON, schema.org JSON-LD, or a table of dishes, judged item by item."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import msgspec
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Key
from api.import_bodies import CSV, Form, Item
from api.import_rows import Rows
from api.menu_table import read_lines, read_menu_table
from api.refusals import fault_of, read_json, refuse_nul
from api.routes.importing import Bulk, importing
from api.routes.resources import PlaceId
from geo.errors import Fault, InvalidInput
from geo.names import SITES, ids_of
from geo.places import Written, external_id_faults
from geo.sites import positions_of_sites
from geo.tables import is_one_of
from offers.menus.card import Card, card_of
from offers.menus.json_ld import MEDIA_TYPE as JSON_LD
from offers.menus.json_ld_nodes import Found, identifier_of, is_json_ld, menus_in
from offers.menus.json_ld_reading import read_menu
from offers.menus.judging import faults_of
from offers.menus.menu_edits import create_menu, edit_menu, publish_menu
from offers.menus.reading import read_card
from offers.menus.tables import MENUS, MenuRow

MOST_MENUS: Final = 1_000
_PUBLISHED: Final = "Published"  # schema.org's creativeWorkStatus


class ImportedMenu(Card, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of an import: a card, the site by your own id or ours, and whether to publish it."""

    external_id: str
    site_external_id: str | None = None
    site_id: PlaceId | None = None
    status: Literal["draft", "published"] = "draft"


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    external_id: str
    site_external_id: str | None = None
    site_id: PlaceId | None = None
    status: Literal["draft", "published"] = "draft"


class Imported(NamedTuple):
    """One menu of an import. `has_all`: False where its form has no formulas and specials."""

    head: _Head
    card: Card
    at_site: str
    has_all: bool = True


class Judged(NamedTuple):
    """Where a menu goes, and what is there already."""

    site_id: int
    menu: MenuRow | None
    card: Card


def _read_json(raw: dict[str, Any], at: str) -> Imported:
    members = dict(raw)
    named = {name: members.pop(name) for name in _Head.__struct_fields__ if name in members}
    head = _head_of(named, at)
    return Imported(head, read_card(members, at), f"{at}site_external_id")


def _read_linked(found: Found, _: str) -> Imported:
    external_id, card = read_menu(found)
    site = None if found.restaurant is None else identifier_of(found.restaurant)
    published = found.node.get("creativeWorkStatus") == _PUBLISHED
    named = {
        "external_id": external_id,
        "site_external_id": site,
        "status": "published" if published else "draft",
    }
    return Imported(_head_of(named, found.at), card, f"{found.at}identifier")


def _read_lines(lines: list[Any], _: str) -> Imported:
    said, card = read_lines(lines)
    row = f"rows[{lines[0][0]}]."
    named = {
        "external_id": said.get("menu", ""),
        "site_external_id": said.get("site"),
        "status": said.get("status", "draft"),
    }
    return Imported(_head_of(named, row), card, f"{row}site", has_all=False)


def _head_of(named: Mapping[str, Any], at: str) -> _Head:
    try:
        head = msgspec.convert(named, _Head)
    except msgspec.ValidationError as error:
        fault = fault_of(str(error), _Head)
        raise InvalidInput(
            "", faults=(Fault((at + fault.field).removesuffix(".body"), fault.reason),)
        ) from None
    faults = external_id_faults(head.external_id, f"{at}external_id")
    if (head.site_id is None) == (head.site_external_id is None):
        faults.append(Fault(f"{at}site_external_id", "is needed, or site_id; not both"))
    if faults:
        raise InvalidInput("", faults=tuple(faults))
    return head


def _menus_in(body: bytes) -> Iterator[Item]:
    menus = read_json(body, dict[str, Any]).get("menus")
    if not isinstance(menus, list) or not 1 <= len(menus) <= MOST_MENUS:
        raise _refused("menus", f"must be a list of 1 to {MOST_MENUS}")
    refuse_nul(body)
    return enumerate(menus)


def _linked_in(body: bytes) -> Iterator[Item]:
    read_json(body, Any)
    refuse_nul(body)
    # Prices as they are written: a float has already lost some of them.
    found = menus_in(json.loads(body, parse_float=Decimal))
    if len(found) > MOST_MENUS:
        raise _refused("body", f"must have 1 to {MOST_MENUS} menus")
    return enumerate(found)


def _lines_in(body: bytes) -> Iterator[Item]:
    by_menu = read_menu_table(body)
    if len(by_menu) > MOST_MENUS:
        raise _refused("body", f"must have 1 to {MOST_MENUS} menus")
    return ((lines[0][0], lines) for lines in by_menu.values())


async def _judge(session: AsyncSession, retailer_id: int, _: Key, rows: Rows[Imported]) -> dict[int, Judged]:
    """Find the sites, and the menus that are there already, which are held until the commit."""
    good = dict(rows.good)
    names = {one.head.site_external_id for one in good.values()} - {None}
    sites = await ids_of(session, SITES, retailer_id, {str(name) for name in names})
    ids = {one.head.site_id for one in good.values() if one.head.site_id is not None} | set(sites.values())
    known = await positions_of_sites(session, retailer_id, ids)
    there = await _there(session, retailer_id, [one.head.external_id for one in good.values()])
    judged = {}
    for number, one in good.items():
        site_id = one.head.site_id or sites.get(one.head.site_external_id or "")
        menu = there.get(one.head.external_id)
        card = one.card if menu is None else _with_the_rest(one, card_of(menu.card))
        if site_id is None or site_id not in known:
            rows.refuse(number, [Fault(one.at_site, "there is no such site")])
        elif menu is not None and menu.site_id != site_id:
            rows.refuse(number, [Fault(one.at_site, "is not where this menu is; a menu cannot move")])
        elif card is not one.card and (faults := faults_of(card, rows.at(number))):
            rows.refuse(number, faults)  # formulas that name dishes which are gone now
        else:
            judged[number] = Judged(site_id, menu, card)
    return judged


async def _there(session: AsyncSession, retailer_id: int, names: list[str]) -> dict[str, MenuRow]:
    ids = await ids_of(session, MENUS, retailer_id, names)
    query = select(MenuRow).where(is_one_of(MenuRow.menu_id, ids.values()))
    rows = await session.scalars(query.order_by(MenuRow.menu_id).with_for_update())
    by_id = {row.menu_id: row for row in rows}
    return {name: by_id[menu_id] for name, menu_id in ids.items() if menu_id in by_id}


def _with_the_rest(one: Imported, there: Card) -> Card:
    """A table cannot say formulas and specials, so those that are there stay."""
    if one.has_all:
        return one.card
    return msgspec.structs.replace(one.card, formulas=there.formulas, specials=there.specials)


async def _write(
    session: AsyncSession, retailer_id: int, rows: Rows[Imported], judged: dict[int, Judged], now: datetime
) -> Written:
    created = updated = unchanged = 0
    for number in sorted(rows.good, key=lambda one: rows.good[one].head.external_id):
        head, (site_id, menu, card) = rows.good[number].head, judged[number]
        if menu is None:
            menu = await create_menu(session, retailer_id, site_id, head.external_id, card, now)
            created += 1
            is_changed = True
        else:
            is_changed = await edit_menu(session, menu, head.external_id, card, now)
        is_new = judged[number].menu is None
        if head.status == "published":
            is_changed = await publish_menu(session, menu, now) or is_changed
        updated += is_changed and not is_new
        unchanged += not is_changed
    return Written(created=created, updated=updated, unchanged=unchanged)


def _name_of(one: Imported) -> str:
    return one.head.external_id


def _refused(field: str, reason: str) -> InvalidInput:
    return InvalidInput("The body cannot be imported.", faults=(Fault(field, reason),))


_JSON: Final = Form("menus", _menus_in, dict[str, Any], _read_json)
_LINKED: Final = Form("menus", _linked_in, Any, _read_linked)
_TABLE: Final = Form("rows", _lines_in, Any, _read_lines, "menu")


class _MenuBulk(Bulk[Imported]):
    """Menus come as our JSON, as linked data or as a table, and never as places on a map."""

    def form_of(self, media_type: str, body: bytes) -> Form[Imported]:
        if media_type == CSV:
            return _TABLE
        return _LINKED if media_type == JSON_LD or _says_linked(body) else _JSON

    def bodies(self) -> dict[str, Schema]:
        thing = Schema(type=OpenAPIType.OBJECT)
        many = Schema(type=OpenAPIType.ARRAY, items=thing, min_items=1, max_items=MOST_MENUS)
        menus = Schema(type=OpenAPIType.OBJECT, required=["menus"], properties={"menus": many})
        return {"application/json": menus, JSON_LD: thing, CSV: Schema(type=OpenAPIType.STRING)}


def _says_linked(body: bytes) -> bool:
    try:
        return is_json_ld(msgspec.json.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False  # what is wrong with it is told when it is read


import_all = importing(
    _MenuBulk(
        kind="menu",
        key=_name_of,
        judge=_judge,
        write=_write,
        in_geojson=_JSON,
        in_table=_TABLE,
        in_json=_JSON,
        most="1,000 menus",
    ),
    operation_id="importMenus",
    summary="Import menus from JSON, JSON-LD or CSV",
    description='`{"menus": […]}` of cards, each with your `external_id` and that of its site'
    " (`site_external_id`); or schema.org JSON-LD (`application/ld+json`): a Restaurant whose `identifier` is"
    " your id of the site, with `hasMenu`; or `text/csv` with a line for each dish. With `status` `published`"
    " it is published. The guide to menus tells all three. Errors name the dish and the member.",
)
