"""Parking zones and tariffs, out again in the form that their imports take."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from api.auth import AuthKey, requires
from api.database import ORM, Session
from api.import_bodies import GEOJSON
from api.routes.exports import COLLECTION, JSON, ROWS_AT_ONCE, opened_file, pages, sent, tenant_at_one_moment
from api.routes.parking_forms import ZoneFeature, exported_zone, terms_of_row
from api.routes.resources import RetailerId
from offers.parking.tables import TariffRow, TariffVersionRow, ZoneRow
from offers.parking.tariff_rows import list_tariffs, names_of_tariffs, versions_of
from offers.parking.tariffs import Tariff, write_tariff
from offers.parking.zone_edits import list_zones


class ExportedZones(msgspec.Struct, kw_only=True):
    """A FeatureCollection that the import of parking zones takes."""

    type: str
    features: list[ZoneFeature]


class ExportedTariffs(msgspec.Struct, kw_only=True):
    """What the import of parking tariffs takes."""

    tariffs: list[Tariff]


@get(
    "/v1/parking/zones/export",
    guards=[requires("read")],
    operation_id="exportParkingZones",
    summary="Export your parking zones",
    responses={200: ResponseSpec(ExportedZones, description="All your zones.", generate_examples=False)},
)
async def export_zones(session: Session, key: AuthKey, retailer_id: RetailerId = None) -> Stream:
    """As their import takes them: GeoJSON. That a zone is closed is not in it."""
    tenant = await tenant_at_one_moment(session, key, retailer_id)
    with opened_file() as file:
        file.write(COLLECTION)
        await file.write_list(_zones(session, tenant), lambda row: exported_zone(*row))
        file.write(b"}")
        return sent(file, GEOJSON, "parking-zones")


@get(
    "/v1/parking/tariffs/export",
    guards=[requires("read")],
    operation_id="exportParkingTariffs",
    summary="Export your parking tariffs",
    responses={200: ResponseSpec(ExportedTariffs, description="All versions.", generate_examples=False)},
)
async def export_tariffs(session: Session, key: AuthKey, retailer_id: RetailerId = None) -> Stream:
    """As their import takes them: every version but those that were withdrawn, with when it holds."""
    tenant = await tenant_at_one_moment(session, key, retailer_id)
    with opened_file() as file:
        file.write(b'{"tariffs":')
        await file.write_list(_versions(session, tenant), _written)
        file.write(b"}")
        return sent(file, JSON, "parking-tariffs")


async def _zones(session: Session, tenant: int) -> AsyncIterator[Sequence[tuple[ZoneRow, str | None]]]:
    """With the names of their tariffs."""

    async def after(zone_id: int) -> Sequence[ZoneRow]:
        return await list_zones(session, tenant, after_id=zone_id, limit=ROWS_AT_ONCE)

    async for page in pages(after, lambda row: row.zone_id):
        ids = {row.tariff_id for row in page if row.tariff_id is not None}
        names = await names_of_tariffs(session, tenant, ids)
        yield [(row, names.get(row.tariff_id)) for row in page]


async def _versions(session: Session, tenant: int) -> AsyncIterator[Sequence[TariffVersionRow]]:
    async def after(tariff_id: int) -> Sequence[TariffRow]:
        return await list_tariffs(session, tenant, after_id=tariff_id, limit=ROWS_AT_ONCE)

    async for page in pages(after, lambda row: row.tariff_id):
        versions = await versions_of(session, [row.tariff_id for row in page])
        yield [one for row in page for one in versions[row.tariff_id] if one.withdrawn_at is None]


def _written(version: TariffVersionRow) -> Mapping[str, Any]:
    return write_tariff(terms_of_row(version))


router: Final = Router(
    "/",
    route_handlers=[export_zones, export_tariffs],
    dependencies=ORM,
    tags=["Import and export"],
    security=[{"retailerKey": []}],
)
