"""Parking zones over HTTP for their operators: create, list, read, edit, close, delete."""

from typing import Annotated, Final, Literal

from litestar import Response, Router, delete, get, post, put
from litestar.params import FromQuery, JSONBody, Parameter

from api import audit
from api.audit.changes import before_after
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Now, Session, config_changed
from api.idempotency import once
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.parking_around import list_around
from api.routes.parking_forms import NamedZone, ZoneFeature, read_zone_feature, shown_zone, with_tariff
from api.routes.parking_imports import import_zones
from api.routes.resources import (
    Id,
    IfMatch,
    RetailerId,
    etag_of,
    existing_tenant,
    refuse_unmatched,
    stopper_of,
)
from geo.errors import Fault, InvalidInput
from offers.parking.tables import ZoneRow
from offers.parking.tariff_rows import ids_of_tariffs, names_of_tariffs
from offers.parking.zone_edits import (
    ZoneEdit,
    create_zone,
    edit_zone,
    list_zones,
    zone_of,
)
from offers.parking.zone_lifecycle import close_zone, delete_zone, reopen_zone

Code = Annotated[str | None, Parameter(max_length=64, description="As on the sign; finds one.")]


@post(
    "/",
    guards=[requires("manage")],
    before_request=once,
    operation_id="createParkingZone",
    summary="Create a parking zone",
    description="A Polygon or MultiPolygon, or a kerb as LineString or MultiLineString that reaches"
    " `buffer_m` (12 m) to either side. `code` is the public one on the sign, which no other zone of yours"
    " has, whatever its capitals and spaces. `tariff` is the `id` of a tariff of yours.",
)
async def create_one(
    session: Session,
    now: Now,
    key: AuthKey,
    data: JSONBody[ZoneFeature],
    retailer_id: RetailerId = None,
) -> Response[ZoneFeature]:
    tenant = await existing_tenant(session, key, retailer_id)
    edit = await _edit_of(session, tenant, data)
    zone = await create_zone(session, tenant, edit, now)
    await config_changed(session)
    return await _answer(session, zone, 201)


@get(
    "/all",
    guards=[requires("read")],
    operation_id="listParkingZones",
    summary="List your parking zones",
    description="In the order of their ids; `code` finds one.",
)
async def list_all(
    session: Session,
    key: AuthKey,
    retailer_id: RetailerId = None,
    code: Code = None,
    tariff_id: FromQuery[Id | None] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ZoneFeature]:
    tenant, after = await existing_tenant(session, key, retailer_id), read_cursor(cursor)
    rows = await list_zones(session, tenant, after_id=after, limit=limit + 1, code=code, tariff_id=tariff_id)
    page = page_of(rows, limit, lambda row: row.zone_id)
    names = await names_of_tariffs(session, tenant, {row.tariff_id for row in page.items if row.tariff_id})
    items = [shown_zone(row, names.get(row.tariff_id or 0)) for row in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@get(
    "/{zone_id:int}",
    guards=[requires("read")],
    operation_id="getParkingZone",
    summary="Read a parking zone",
    description="As a Feature; a kerb as the line that was drawn.",
)
async def get_one(
    session: Session, key: AuthKey, zone_id: Id, retailer_id: RetailerId = None
) -> Response[ZoneFeature]:
    return await _answer(session, await zone_of(session, tenant_of(key, retailer_id), zone_id))


@put(
    "/{zone_id:int}",
    guards=[requires("manage")],
    operation_id="editParkingZone",
    summary="Replace a parking zone",
    description="Every change raises `revision`. Who parks there already keeps the tariff version that was"
    " quoted.",
)
async def put_one(
    session: Session,
    now: Now,
    key: AuthKey,
    zone_id: Id,
    data: JSONBody[ZoneFeature],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[ZoneFeature]:
    tenant = tenant_of(key, retailer_id)
    zone = await zone_of(session, tenant, zone_id, for_update=True)
    refuse_unmatched(if_match, zone.revision)
    if await edit_zone(session, zone, await _edit_of(session, tenant, data), now):
        await config_changed(session)
    else:
        audit.nothing_changed()
    return await _answer(session, zone)


@delete(
    "/{zone_id:int}",
    guards=[requires("manage")],
    operation_id="deleteParkingZone",
    summary="Delete a parking zone",
    description="Refused with 409 `in_use` once anybody parked there: close it instead.",
)
async def delete_one(
    session: Session,
    key: AuthKey,
    zone_id: Id,
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> None:
    zone = await zone_of(session, tenant_of(key, retailer_id), zone_id, for_update=True)
    refuse_unmatched(if_match, zone.revision)
    await delete_zone(session, zone)
    await config_changed(session)


@post(
    "/{zone_id:int}/close",
    status_code=200,
    guards=[requires("manage")],
    operation_id="closeParkingZone",
    summary="Close a parking zone",
    description="Nothing can be bought there from then on, and phones are not shown it around them. Stays"
    " that run go on.",
)
async def close_one(
    session: Session, now: Now, key: AuthKey, zone_id: Id, retailer_id: RetailerId = None
) -> Response[ZoneFeature]:
    zone = await zone_of(session, tenant_of(key, retailer_id), zone_id, for_update=True)
    return await _turned(session, zone, await close_zone(session, zone, stopper_of(key), now))


@post(
    "/{zone_id:int}/reopen",
    status_code=200,
    guards=[requires("manage")],
    operation_id="reopenParkingZone",
    summary="Reopen a parking zone",
    description="What the system's operator closed only they reopen: 403 `stopped_by_operator`.",
)
async def reopen_one(
    session: Session, now: Now, key: AuthKey, zone_id: Id, retailer_id: RetailerId = None
) -> Response[ZoneFeature]:
    zone = await zone_of(session, tenant_of(key, retailer_id), zone_id, for_update=True)
    return await _turned(session, zone, await reopen_zone(session, zone, stopper_of(key), now))


async def _turned(
    session: Session, zone: ZoneRow, before: Literal["retailer", "operator", "same"] | None
) -> Response[ZoneFeature]:
    """`before`: who had closed it; `same`: nothing changed."""
    if before == "same":
        audit.nothing_changed()
    else:
        audit.tell(changed=before_after(closed_by=(before, zone.closed_by)))
        await config_changed(session)
    return await _answer(session, zone)


async def _edit_of(session: Session, tenant: int, data: ZoneFeature) -> ZoneEdit:
    named: NamedZone = read_zone_feature(data)
    ids = await ids_of_tariffs(session, tenant, [named.tariff] if named.tariff else [])
    edit = with_tariff(named, ids)
    if isinstance(edit, Fault):
        raise InvalidInput("The zone cannot be used.", faults=(edit,))
    return edit


async def _answer(session: Session, zone: ZoneRow, status_code: int = 200) -> Response[ZoneFeature]:
    names = await names_of_tariffs(session, zone.retailer_id, [zone.tariff_id] if zone.tariff_id else [])
    shown = shown_zone(zone, names.get(zone.tariff_id or 0))
    return Response(shown, status_code=status_code, headers={"etag": etag_of(zone.revision)})


_operators: Final = Router(
    "/",
    route_handlers=[
        create_one,
        list_all,
        get_one,
        put_one,
        delete_one,
        close_one,
        reopen_one,
        import_zones,
    ],
    dependencies=ORM,
    tags=["Parking operators"],
    security=[{"retailerKey": []}],
)
# One router for one address: a phone's GET is beside an operator's POST.
router: Final = Router("/v1/parking/zones", route_handlers=[list_around, _operators])
