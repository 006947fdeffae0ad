"""All menus of a retailer, out again as the import takes them: JSON, schema.org JSON-LD, or CSV."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, Parameter
from litestar.response import Stream
from sqlalchemy import text

from api.auth import AuthKey, requires
from api.csv_cells import written_row
from api.database import ORM, Session
from api.export_file import ExportFile
from api.import_bodies import CSV
from api.menu_lines import cell, columns_of, lines_of
from api.room import Room
from api.routes.menu_imports import ImportedMenu
from api.routes.resources import RetailerId, existing_tenant
from geo.names import SITES, names_of
from offers.menus.card import Card, as_json, card_of
from offers.menus.json_ld import CONTEXT, menu_node
from offers.menus.json_ld import MEDIA_TYPE as JSON_LD
from offers.menus.menu_edits import list_menus
from offers.menus.tables import MENUS, MenuRow

EXPORTS_AT_ONCE: Final = 2
_PAGE: Final = 50
_JSON: Final = "application/json"
_FORMS: Final = {"json": _JSON, "json_ld": JSON_LD, "csv": CSV}
_ENDINGS: Final = {_JSON: "json", JSON_LD: "jsonld", CSV: "csv"}
# One moment for all pages, however long they take; nothing is locked.
_ONE_MOMENT: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

_room = Room(EXPORTS_AT_ONCE)


class ExportedMenus(msgspec.Struct, kw_only=True):
    """What the import of menus takes."""

    menus: list[ImportedMenu]


class _Out(NamedTuple):
    row: MenuRow
    card: Card
    name: str
    site: str

    @property
    def status(self) -> str:
        return "draft" if self.row.published_version is None else "published"


def provide_form(
    accept: Annotated[str, HeaderParameter(name="Accept", max_length=1000)] = "",
    format: Annotated[  # noqa: A002 - on the wire
        Literal["json", "json_ld", "csv"] | None, Parameter(description="Instead of `Accept`.")
    ] = None,
) -> str:
    """Dependency `media_type`; what is asked for by address comes before the header."""
    if format:
        return _FORMS[format]
    asked = [one.partition(";")[0].strip().lower() for one in accept.split(",")]
    return next((one for one in asked if one in _FORMS.values()), _JSON)


@get(
    "/v1/menus/export",
    guards=[requires("read")],
    dependencies={"media_type": Provide(provide_form, sync_to_thread=False)},
    operation_id="exportMenus",
    summary="Export your menus",
    description="As they are being written, as their import takes them: JSON, JSON-LD (`format=json_ld` or"
    " `Accept: application/ld+json`), or CSV, which has no formulas and specials.",
    responses={200: ResponseSpec(ExportedMenus, description="All your menus.", generate_examples=False)},
)
async def export_menus(
    session: Session, key: AuthKey, media_type: NamedDependency[str], retailer_id: RetailerId = None
) -> Stream:
    await session.execute(_ONE_MOMENT)
    tenant = await existing_tenant(session, key, retailer_id)
    with _file() as file:
        if media_type == CSV:
            await _write_table(file, session, tenant)
        elif media_type == JSON_LD:
            file.write(b'{"@context":' + msgspec.json.encode(CONTEXT) + b',"@graph":')
            await file.write_list(_pages(session, tenant), _as_restaurant)
            file.write(b"}")
        else:
            file.write(b'{"menus":')
            await file.write_list(_pages(session, tenant), _as_import)
            file.write(b"}")
        return file.sent(media_type, f"alentour-menus.{_ENDINGS[media_type]}", {"vary": "Accept"})


def _as_import(menu: _Out) -> Mapping[str, Any]:
    head = {"external_id": menu.name, "site_external_id": menu.site, "status": menu.status}
    return {**head, **as_json(menu.card)}


def _as_restaurant(menu: _Out) -> Mapping[str, Any]:
    node = menu_node(menu.card, menu.name)
    if menu.status == "published":
        node["creativeWorkStatus"] = "Published"
    return {"@type": "Restaurant", "identifier": menu.site, "hasMenu": node}


async def _write_table(file: ExportFile, session: Session, tenant: int) -> None:
    columns: dict[str, None] = {}
    async for page in _pages(session, tenant):
        columns |= dict.fromkeys(columns_of([menu.card for menu in page]))
    file.write(written_row(list(columns)).encode())
    async for page in _pages(session, tenant):
        for menu in page:
            for line in lines_of(menu.card, menu.name, menu.site, menu.status):
                file.write(written_row([cell(line.get(name, "")) for name in columns]).encode())


async def _pages(session: Session, tenant: int) -> AsyncIterator[Sequence[_Out]]:
    after = 0
    while rows := await list_menus(session, tenant, after_id=after, limit=_PAGE):
        sites = await names_of(session, SITES, tenant, {row.site_id for row in rows})
        yield [_Out(row, card_of(row.card), MENUS.name_of(row), sites[row.site_id]) for row in rows]
        after = rows[-1].menu_id


@contextlib.contextmanager
def _file() -> Iterator[ExportFile]:
    """Room for an export, and its file, which is closed here only where it will not be sent."""
    with _room.taken():
        file = ExportFile()
        try:
            yield file
        except BaseException:
            file.close()
            raise


router: Final = Router(
    "/",
    route_handlers=[export_menus],
    dependencies=ORM,
    tags=["Menus"],
    security=[{"retailerKey": []}],
)
