"""Everything a retailer defined, out again in the form that its imports take."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, Parameter
from litestar.response import Stream
from sqlalchemy import select, text

from api.auth import AuthKey, requires
from api.database import ORM, Session
from api.export_file import ExportFile
from api.import_bodies import CSV, GEOJSON
from api.room import Room
from api.routes.exported import (
    Everything,
    ExportedFences,
    ExportedOffers,
    ExportedSites,
    OfferInContext,
    exported_cap,
    exported_fence,
    exported_offer,
    exported_site,
    line_of_fence,
    line_of_site,
)
from api.routes.fence_imports import ImportedProperties
from api.routes.offer_imports import ImportedOffer
from api.routes.resources import RetailerId, existing_tenant
from api.routes.site_forms import SiteProperties
from geo.fences import list_fences
from geo.names import FENCES, SITES, names_of
from geo.sites import list_sites
from geo.tables import Fence
from geo.tables import Site as SiteRow
from offers.menus.tables import MENUS
from offers.retail.budgets import Budget, budgets_of
from offers.retail.bulk import OFFERS
from offers.retail.catalogue import list_offers
from offers.tables import CapRow

EXPORTS_AT_ONCE: Final = 2
ROWS_AT_ONCE: Final = 500
JSON: Final = "application/json"
NEGOTIATED: Final = {"vary": "Accept"}
COLLECTION: Final = b'{"type":"FeatureCollection","features":'
# One moment for all pages, however long they take; nothing is locked.
_ONE_MOMENT: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

_room = Room(EXPORTS_AT_ONCE)

Accept = Annotated[str, HeaderParameter(name="Accept", max_length=1000)]
_INSTEAD: Final = Parameter(description="Instead of `Accept`.")


def provide_place_form(
    accept: Accept = "",
    format: Annotated[Literal["geojson", "json", "csv"] | None, _INSTEAD] = None,  # noqa: A002 - on the wire
) -> str:
    """Dependency `media_type` of places; what is asked for by address comes before the header."""
    forms = {"geojson": GEOJSON, "json": JSON, "csv": CSV}
    return forms[format] if format else _accepted(accept, forms.values())


def provide_offer_form(
    accept: Accept = "",
    format: Annotated[Literal["json", "csv"] | None, _INSTEAD] = None,  # noqa: A002 - the same
) -> str:
    """The same of offers."""
    forms = {"json": JSON, "csv": CSV}
    return forms[format] if format else _accepted(accept, forms.values())


@get(
    "/v1/sites/export",
    guards=[requires("read")],
    dependencies={"media_type": Provide(provide_place_form, sync_to_thread=False)},
    operation_id="exportSites",
    summary="Export your sites",
    description="As their import takes them: GeoJSON, or CSV with `Accept: text/csv` or `format=csv`.",
    responses={200: ResponseSpec(ExportedSites, description="All your sites.", generate_examples=False)},
)
async def export_sites(
    session: Session, key: AuthKey, media_type: NamedDependency[str], retailer_id: RetailerId = None
) -> Stream:
    tenant = await tenant_at_one_moment(session, key, retailer_id)
    with opened_file() as file:
        if media_type == CSV:
            await file.write_table(_sites(session, tenant), line_of_site, SiteProperties)
        else:
            await _write_sites(file, session, tenant)
        return sent(file, media_type, "sites")


@get(
    "/v1/fences/export",
    guards=[requires("read")],
    dependencies={"media_type": Provide(provide_place_form, sync_to_thread=False)},
    operation_id="exportFences",
    summary="Export your fences",
    description="As their import takes them: GeoJSON, or CSV (`Accept: text/csv` or `format=csv`) with `lat`,"
    " `lon` and `radius_m`, or `wkt`.",
    responses={200: ResponseSpec(ExportedFences, description="All your fences.", generate_examples=False)},
)
async def export_fences(
    session: Session, key: AuthKey, media_type: NamedDependency[str], retailer_id: RetailerId = None
) -> Stream:
    tenant = await tenant_at_one_moment(session, key, retailer_id)
    with opened_file() as file:
        if media_type == CSV:
            await file.write_table(_fences(session, tenant), line_of_fence, ImportedProperties)
        else:
            await _write_fences(file, session, tenant)
        return sent(file, media_type, "fences")


@get(
    "/v1/offers/export",
    guards=[requires("read")],
    dependencies={"media_type": Provide(provide_offer_form, sync_to_thread=False)},
    operation_id="exportOffers",
    summary="Export your offers",
    description="As their import takes them: JSON, or CSV with `Accept: text/csv` or `format=csv`. `status`"
    " is told, and an import leaves it alone. With codes of your own `budget.deliveries` is null: the codes"
    " stay here.",
    responses={200: ResponseSpec(ExportedOffers, description="All your offers.", generate_examples=False)},
)
async def export_offers(
    session: Session, key: AuthKey, media_type: NamedDependency[str], retailer_id: RetailerId = None
) -> Stream:
    tenant = await tenant_at_one_moment(session, key, retailer_id)
    with opened_file() as file:
        if media_type == CSV:
            await file.write_table(_offers(session, tenant), exported_offer, ImportedOffer)
        else:
            file.write(b'{"offers":')
            await file.write_list(_offers(session, tenant), exported_offer)
            file.write(b"}")
        return sent(file, media_type, "offers")


@get(
    "/v1/export",
    guards=[requires("read")],
    operation_id="exportEverything",
    summary="Export all you defined",
    description="As of one moment: `sites` and `fences` as the FeatureCollections that their imports take,"
    " `offers` as theirs does (it takes this whole document), and the caps, as `POST /v1/caps` takes them but"
    " for `offer_external_id`. Keys and the codes of tills are not in it.",
    responses={200: ResponseSpec(Everything, description="All there is of yours.", generate_examples=False)},
)
async def export_everything(session: Session, key: AuthKey, retailer_id: RetailerId = None) -> Stream:
    tenant = await tenant_at_one_moment(session, key, retailer_id)
    with opened_file() as file:
        file.write(b'{"sites":')
        await _write_sites(file, session, tenant)
        file.write(b',\n"fences":')
        await _write_fences(file, session, tenant)
        file.write(b',\n"offers":')
        await file.write_list(_offers(session, tenant), exported_offer)
        file.write(b',\n"caps":')
        await file.write_list(_caps(session, tenant), exported_cap)
        file.write(b"}")
        return sent(file, JSON, "everything")


async def tenant_at_one_moment(session: Session, key: AuthKey, retailer_id: int | None) -> int:
    await session.execute(_ONE_MOMENT)
    return await existing_tenant(session, key, retailer_id)


@contextlib.contextmanager
def opened_file() -> Iterator[ExportFile]:
    """Room for an export, and its file, which is closed here only where it will not be sent."""
    with _room.taken():
        file = ExportFile()
        try:
            yield file
        except BaseException:
            file.close()
            raise


def sent(file: ExportFile, media_type: str, what: str) -> Stream:
    ending = {GEOJSON: "geojson", JSON: "json", CSV: "csv"}[media_type]
    return file.sent(media_type, f"alentour-{what}.{ending}", NEGOTIATED)


def _accepted(accept: str, forms: Any) -> str:
    """The first that is asked for by name, in the order of the header; JSON, where none is."""
    asked = [one.partition(";")[0].strip().lower() for one in accept.split(",")]
    return next((one for one in asked if one in forms), JSON)


async def _write_sites(file: ExportFile, session: Session, tenant: int) -> None:
    file.write(COLLECTION)
    await file.write_list(_sites(session, tenant), exported_site)
    file.write(b"}")


async def _write_fences(file: ExportFile, session: Session, tenant: int) -> None:
    file.write(COLLECTION)
    await file.write_list(_fences(session, tenant), exported_fence)
    file.write(b"}")


async def _sites(session: Session, tenant: int) -> AsyncIterator[Sequence[SiteRow]]:
    async def after(site_id: int) -> Sequence[SiteRow]:
        return await list_sites(session, tenant, after_id=site_id, limit=ROWS_AT_ONCE)

    async for page in pages(after, lambda row: row.site_id):
        yield page


async def _fences(session: Session, tenant: int) -> AsyncIterator[Sequence[tuple[Fence, Mapping[int, str]]]]:
    """With the names of their sites."""

    async def after(fence_id: int) -> Sequence[Fence]:
        return await list_fences(session, tenant, after_id=fence_id, limit=ROWS_AT_ONCE)

    async for page in pages(after, lambda row: row.fence_id):
        sites = await names_of(session, SITES, tenant, {row.site_id for row in page if row.site_id})
        yield [(row, sites) for row in page]


async def _offers(session: Session, tenant: int) -> AsyncIterator[Sequence[OfferInContext]]:
    async def after(offer_id: int) -> Sequence[Any]:
        return await list_offers(session, tenant, after_id=offer_id, limit=ROWS_AT_ONCE)

    async for page in pages(after, lambda row: row.offer_id):
        budgets = await budgets_of(session, [row.offer_id for row in page])
        fences = await names_of(session, FENCES, tenant, {one for row in page for one in row.fence_ids})
        sites = await names_of(session, SITES, tenant, {one for row in page for one in row.site_ids})
        menus = await names_of(session, MENUS, tenant, {row.menu_id for row in page if row.menu_id})
        yield [OfferInContext(row, budgets.get(row.offer_id, Budget()), fences, sites, menus) for row in page]


async def _caps(session: Session, tenant: int) -> AsyncIterator[Sequence[tuple[CapRow, Mapping[int, str]]]]:
    """With the names of their offers; there are few."""
    query = select(CapRow).where(CapRow.retailer_id == tenant).order_by(CapRow.cap_id)
    rows = (await session.scalars(query)).all()
    offers = await names_of(session, OFFERS, tenant, {row.offer_id for row in rows if row.offer_id})
    if rows:
        yield [(row, offers) for row in rows]


async def pages(
    after: Callable[[int], Awaitable[Sequence[Any]]], id_of: Callable[[Any], int]
) -> AsyncIterator[Sequence[Any]]:
    """All rows in the order of their ids, some hundred at a time."""
    last = 0
    while page := await after(last):
        yield page
        last = id_of(page[-1])


router: Final = Router(
    "/",
    route_handlers=[export_sites, export_fences, export_offers, export_everything],
    dependencies=ORM,
    tags=["Import and export"],
    security=[{"retailerKey": []}],
)
