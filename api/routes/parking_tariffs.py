"""Parking tariffs over HTTP: publish a version, list, read, withdraw, import."""

from typing import Annotated, Final

from litestar import Response, Router, delete, get, post
from litestar.params import JSONBody, Parameter

from api import audit
from api.audit.changes import before_after
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Now, Session, config_changed
from api.idempotency import once
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.parking_forms import (
    MAX_VERSION,
    TariffInfo,
    TariffPublished,
    shown_tariff,
    shown_version,
)
from api.routes.parking_imports import import_tariffs
from api.routes.resources import Id, RetailerId, existing_tenant
from geo.errors import Conflict, NotFound
from offers.parking.publishing import plan_tariffs, publish, withdraw
from offers.parking.tables import TariffVersionRow
from offers.parking.tariff_rows import ids_of_tariffs, list_tariffs, tariff_of, versions_of
from offers.parking.tariffs import Tariff, read_tariff, write_tariff

Version = Annotated[int, Parameter(ge=1, le=MAX_VERSION)]
OwnName = Annotated[
    str | None, Parameter(max_length=200, description="Your own name of it, its `id`; finds one.")
]


@post(
    "/",
    guards=[requires("manage")],
    before_request=once,
    operation_id="publishParkingTariff",
    summary="Publish a version of a parking tariff",
    description="`id` is your own name of the tariff, `version` your number of this version: none is ever"
    " edited. Two may not hold at once (409 `tariff_overlaps`); one without an end ends where the next"
    " begins. The same again changes nothing. The form is described in the guide to tariffs.",
)
async def publish_one(
    session: Session, now: Now, key: AuthKey, data: JSONBody[Tariff], retailer_id: RetailerId = None
) -> Response[TariffPublished]:
    tenant = await existing_tenant(session, key, retailer_id)
    tariff = read_tariff(write_tariff(data))
    plan = await plan_tariffs(session, tenant, {0: tariff}, now)
    if faults := plan.faults.get(0):
        taken = any(one.field == "version" for one in faults)
        code = "already_exists" if taken else "tariff_overlaps"
        raise Conflict("This version cannot be published.", faults=tuple(faults), code=code)
    written = await publish(session, tenant, plan, now, {0})
    tariff_id = (await ids_of_tariffs(session, tenant, [tariff.id]))[tariff.id]
    if written.created:
        audit.tell("parking_tariff", tariff_id, changed=before_after(version=(None, tariff.version)))
        await config_changed(session)
    else:
        audit.nothing_changed()
    version = await _version_of(session, tenant, tariff_id, tariff.version)
    return Response(shown_version(version), status_code=201)


@get(
    "/",
    guards=[requires("read")],
    operation_id="listParkingTariffs",
    summary="List your parking tariffs",
    description="In the order of their ids, with when their versions hold.",
)
async def list_all(
    session: Session,
    key: AuthKey,
    retailer_id: RetailerId = None,
    external_id: OwnName = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TariffInfo]:
    tenant, after = await existing_tenant(session, key, retailer_id), read_cursor(cursor)
    rows = await list_tariffs(session, tenant, after_id=after, limit=limit + 1, external_id=external_id)
    page = page_of(rows, limit, lambda row: row.tariff_id)
    versions = await versions_of(session, [row.tariff_id for row in page.items])
    items = [shown_tariff(row, versions[row.tariff_id]) for row in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@get(
    "/{tariff_id:int}",
    guards=[requires("read")],
    operation_id="getParkingTariff",
    summary="Read when the versions of a parking tariff hold",
)
async def get_one(
    session: Session, key: AuthKey, tariff_id: Id, retailer_id: RetailerId = None
) -> TariffInfo:
    """All of them, those that are over or were withdrawn as well."""
    tariff = await tariff_of(session, tenant_of(key, retailer_id), tariff_id)
    return shown_tariff(tariff, (await versions_of(session, [tariff_id]))[tariff_id])


@get(
    "/{tariff_id:int}/versions/{version:int}",
    guards=[requires("read")],
    operation_id="getParkingTariffVersion",
    summary="Read a version of a parking tariff",
)
async def get_version(
    session: Session, key: AuthKey, tariff_id: Id, version: Version, retailer_id: RetailerId = None
) -> TariffPublished:
    """Its terms, which never change, and when it holds."""
    return shown_version(await _version_of(session, tenant_of(key, retailer_id), tariff_id, version))


@delete(
    "/{tariff_id:int}/versions/{version:int}",
    guards=[requires("manage")],
    operation_id="withdrawParkingTariffVersion",
    summary="Withdraw a version before it holds",
)
async def withdraw_version(
    session: Session, now: Now, key: AuthKey, tariff_id: Id, version: Version, retailer_id: RetailerId = None
) -> None:
    """It stays readable, and never holds. 409 `tariff_in_force` once it has begun."""
    row = await _version_of(session, tenant_of(key, retailer_id), tariff_id, version, for_update=True)
    if await withdraw(session, row, now):
        audit.tell("parking_tariff", tariff_id, changed=before_after(version=(version, None)))
        await config_changed(session)
    else:
        audit.nothing_changed()


async def _version_of(
    session: Session, tenant: int, tariff_id: int, version: int, *, for_update: bool = False
) -> TariffVersionRow:
    await tariff_of(session, tenant, tariff_id)
    found = await session.get(TariffVersionRow, (tariff_id, version), with_for_update=for_update or None)
    if found is None:
        raise NotFound("There is no such version of this tariff.")
    return found


router: Final = Router(
    "/v1/parking/tariffs",
    route_handlers=[publish_one, list_all, get_one, get_version, withdraw_version, import_tariffs],
    dependencies=ORM,
    tags=["Parking operators"],
    security=[{"retailerKey": []}],
)
