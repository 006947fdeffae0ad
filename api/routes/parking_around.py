"""Parking zones for drivers over HTTP: around a phone, and by the code on the sign.

`list_around` shares its address with the operators' POST and is wired with it, in `api.routes.parking_zones`.
"""

from typing import Annotated, Final

import msgspec
from litestar import Router, get
from litestar.params import Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Now, Tx
from api.languages import AcceptLanguage, spoken_language
from api.routes.devices import key_of
from api.routes.nearby import Latitude, Longitude
from api.routes.resources import LARGEST_ID
from geo.errors import Fault, Forbidden, InvalidInput
from geo.spots import COARSEST_ACCURACY_M
from offers.consent import may_use_location
from offers.parking.around import ZoneAround, ZoneSeen, read_zones_around, seen_zones
from offers.parking.zones import zones_by_code
from offers.people.customers import read_grants

_USUAL_ACCURACY_M: Final = 20.0

Accuracy = Annotated[float, Parameter(ge=0, le=100_000, description="68 % radius, in metres.")]
Operator = Annotated[
    int | None, Parameter(ge=1, le=LARGEST_ID, description="Whose sign it is, if several have this code.")
]
SignCode = Annotated[str, Parameter(max_length=64, description="As on the sign.")]


class ZonesAround(msgspec.Struct, frozen=True, kw_only=True):
    """The likeliest first; `none` is how likely the phone is in none of any."""

    items: list[ZoneAround]
    none: float


class ZonesOfCode(msgspec.Struct, frozen=True, kw_only=True):
    """Mostly one; several where operators use the same code."""

    items: list[ZoneSeen]


@get(
    "/",
    guards=[requires_phone],
    dependencies=PLAIN,
    tags=["Parking"],
    operation_id="listParkingZonesAround",
    summary="In which parking zone am I?",
)
async def list_around(
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    lat: Latitude,
    lon: Longitude,
    accuracy_m: Accuracy = _USUAL_ACCURACY_M,
    accept_language: AcceptLanguage = None,
) -> ZonesAround:
    """Zones the phone may be parked in, each with a confidence; the driver says which, as the sign does.

    With consent to location for parking only (403 `no_location_consent`); without it, and with an accuracy
    worse than 1,000 m, ask by the code on the sign, which needs no location. Nothing about the position is
    kept. Closed zones are left out. Prices are those of somebody without a permit.
    """
    if not may_use_location(await read_grants(tx, key_of(phone)), "location_parking"):
        raise Forbidden(
            "Location for parking is not consented to; ask by the code on the sign.",
            code="no_location_consent",
        )
    if accuracy_m > COARSEST_ACCURACY_M:
        reason = (
            f"is worse than {COARSEST_ACCURACY_M:.0f} m, which fits any zone; ask by the code on the sign"
        )
        raise InvalidInput("This position says nothing.", faults=(Fault("accuracy_m", reason),))
    language = spoken_language(accept_language, fallback=phone.language)
    found = await read_zones_around(tx, lat, lon, accuracy_m, language=language, now=now)
    return ZonesAround(items=found.zones, none=found.none)


@get(
    "/v1/parking/zones/by-code/{code:str}",
    guards=[requires_phone],
    operation_id="findParkingZone",
    summary="The parking zone with this sign",
)
async def find_by_code(
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    code: SignCode,
    operator: Operator = None,
    accept_language: AcceptLanguage = None,
) -> ZonesOfCode:
    """By the code on the sign, whatever its capitals and spaces. Needs no location, and no consent.

    `is_open` false: it was closed, and nothing can be bought. 404 where no sign says so.
    """
    language = spoken_language(accept_language, fallback=phone.language)
    found = await zones_by_code(tx, code, operator)
    return ZonesOfCode(items=await seen_zones(tx, found, language, now))


router: Final = Router("/", route_handlers=[find_by_code], dependencies=PLAIN, tags=["Parking"])
