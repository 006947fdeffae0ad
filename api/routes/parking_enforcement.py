"""Enforcement over HTTP: whether a plate may stand where it stands. For keys with the role `enforce` only."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import asyncpg
from litestar import Response, Router, get
from litestar.datastructures import State
from litestar.params import Parameter

from api import audit
from api.auth import AuthKey, requires
from api.database import PLAIN, Now, Tx
from api.pages import Cursor, Limit, Page, page_of, read_text_cursor
from api.routes.resources import LARGEST_ID, Id
from geo.errors import Fault, InvalidInput, NotFound
from offers.parking.enforcement import PlateTold, StandsHere, look_up_plate, plates_in_zone
from offers.parking.plates import LONGEST_TYPED, read_plate
from offers.parking.zones import Zone, read_zone

_NOT_KEPT: Final = {"cache-control": "no-store"}

PlateText = Annotated[
    str, Parameter(max_length=LONGEST_TYPED, description="As on the car; spaces and hyphens do not matter.")
]
Country = Annotated[str, Parameter(max_length=2, description="Which country issued it, ISO 3166.")]
ZoneStood = Annotated[
    int | None,
    Parameter(ge=1, le=LARGEST_ID, description="The zone where the car stands: for a verdict."),
]
At = Annotated[datetime | None, Parameter(description="When it stood there; left out: now.")]


@get(
    "/v1/parking/enforcement/plates/{plate:str}",
    operation_id="lookUpPlate",
    summary="May this car stand here?",
)
async def look_up(
    plate: PlateText,
    country: Country,
    key: AuthKey,
    tx: Tx,
    now: Now,
    state: State,
    zone_id: ZoneStood = None,
    at: At = None,
) -> Response[PlateTold]:
    """What was paid for this plate in your zones, by anybody, and as what it parks. Never whose it is.

    With the zone where it stands, a verdict; where nothing was paid that had to be, the FPS (forfait de
    post-stationnement) net of what was paid for the same stay. Every look-up is in the audit log, without the
    plate.
    """
    operator = _operator(key.retailer_id)
    moment = _moment(at, now)
    wanted = read_plate(plate, country)
    zone = None if zone_id is None else await _own_zone(tx, operator, zone_id)
    told = await look_up_plate(tx, operator, wanted, state.plate_key, moment, zone)
    await audit.audit(tx, "plate")
    return Response(told, headers=_NOT_KEPT)


@get(
    "/v1/parking/zones/{zone_id:int}/enforcement",
    operation_id="listPlatesInZone",
    summary="Which cars may stand in this zone?",
)
async def in_zone(
    zone_id: Annotated[Id, Parameter(description="Of your zone.")],
    key: AuthKey,
    tx: Tx,
    now: Now,
    state: State,
    at: At = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response[Page[StandsHere]]:
    """The plates that were paid for at that moment, in no order that says anything. Audited."""
    zone = await _own_zone(tx, _operator(key.retailer_id), zone_id)
    after = _after(read_text_cursor(cursor))
    found = await plates_in_zone(
        tx, zone.zone_id, state.plate_key, _moment(at, now), after=after, at_most=limit + 1
    )
    await audit.audit(tx, "parking_zone", zone.zone_id)
    return Response(page_of(found, limit, lambda one: str(one.right_id)), headers=_NOT_KEPT)


async def _own_zone(tx: asyncpg.Connection, operator: int, zone_id: int) -> Zone:
    zone = await read_zone(tx, zone_id)
    if zone.retailer_id != operator:
        raise NotFound("There is no such parking zone.")
    return zone


def _operator(retailer_id: int | None) -> int:
    assert retailer_id is not None, "only a retailer's key has the role enforce"
    return retailer_id


def _moment(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    if at.tzinfo is None:
        raise _wrong("at", "must have an offset or Z")
    if at > now:
        raise _wrong("at", "must not be in the future")
    return at


def _after(cursor: str) -> UUID:
    try:
        return UUID(cursor) if cursor else UUID(int=0)
    except ValueError:
        raise _wrong("cursor", "is malformed") from None


def _wrong(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field} {reason}.", faults=(Fault(field, reason),))


router: Final = Router(
    "/",
    route_handlers=[look_up, in_zone],
    guards=[requires("enforce")],
    dependencies=PLAIN,
    tags=["Parking inspectors"],
)
