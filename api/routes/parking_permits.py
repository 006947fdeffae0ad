"""Permits over HTTP: import, list, ask for a plate, delete."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import Router, delete, get, post
from litestar.datastructures import State
from litestar.params import JSONBody, Parameter

from api.audit import READS_ONLY
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Session
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.parking_imports import import_permits
from api.routes.resources import Id, RetailerId, existing_tenant
from offers.parking.permit_edits import delete_permit, list_permits, permits_of_plate
from offers.parking.plates import LONGEST_TYPED, read_plate
from offers.parking.tables import PermitRow

UserClass = Annotated[str | None, Parameter(max_length=40, description="Those of one class only.")]


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """Without its plate, which is not kept. `zone_ids` null: in every zone of yours."""

    permit_id: int
    user_class: str
    zone_ids: list[int] | None
    valid_from: datetime
    valid_until: datetime
    created_at: datetime
    updated_at: datetime


class PermitsFound(msgspec.Struct, frozen=True, kw_only=True):
    """All permits of one plate, those that are over as well."""

    items: list[Permit]


class PlateAsked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A plate, and the country (ISO 3166) that issued it."""

    plate: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TYPED)]
    country: str


@get(
    "/",
    guards=[requires("read")],
    operation_id="listParkingPermits",
    summary="List your permits",
    description="In the order of their ids, without plates: they are not kept.",
)
async def list_all(
    session: Session,
    key: AuthKey,
    retailer_id: RetailerId = None,
    user_class: UserClass = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Permit]:
    tenant, after = await existing_tenant(session, key, retailer_id), read_cursor(cursor)
    rows = await list_permits(session, tenant, after_id=after, limit=limit + 1, user_class=user_class)
    page = page_of(rows, limit, lambda row: row.permit_id)
    return Page(items=[_shown(row) for row in page.items], next_cursor=page.next_cursor)


@post(
    "/look-up",
    status_code=200,
    guards=[requires("read")],
    opt=READS_ONLY,
    operation_id="lookUpParkingPermit",
    summary="Find the permits of a plate",
    description="By POST, so that the plate stands in no address and no log.",
)
async def look_up(
    session: Session, key: AuthKey, state: State, data: JSONBody[PlateAsked], retailer_id: RetailerId = None
) -> PermitsFound:
    tenant = await existing_tenant(session, key, retailer_id)
    plate = read_plate(data.plate, data.country)
    found = await permits_of_plate(session, tenant, plate, state.plate_key)
    return PermitsFound(items=[_shown(row) for row in found])


@delete(
    "/{permit_id:int}",
    guards=[requires("manage")],
    operation_id="deleteParkingPermit",
    summary="Delete a permit",
    description="The plate pays what everybody pays from then on.",
)
async def delete_one(session: Session, key: AuthKey, permit_id: Id, retailer_id: RetailerId = None) -> None:
    await delete_permit(session, tenant_of(key, retailer_id), permit_id)


def _shown(row: PermitRow) -> Permit:
    return Permit(**{name: getattr(row, name) for name in Permit.__struct_fields__})


router: Final = Router(
    "/v1/parking/permits",
    route_handlers=[list_all, look_up, delete_one, import_permits],
    dependencies=ORM,
    tags=["Parking operators"],
    security=[{"retailerKey": []}],
)
