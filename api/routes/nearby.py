"""What is around, over HTTP."""

from typing import Annotated, Final

import msgspec
from litestar import Router, get
from litestar.params import Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Now, Tx
from api.routes.devices import key_of
from geo.spots import spot_of
from offers.consent import may_track
from offers.handing.around import FURTHEST_M, MOST_SITES, SiteNearby, read_around
from offers.minors import may_see_offers
from offers.people.customers import read_standing

Latitude = Annotated[float, Parameter(ge=-90, le=90, description="WGS 84 degrees.")]
Longitude = Annotated[float, Parameter(ge=-180, le=180, description="WGS 84 degrees.")]


class Nearby(msgspec.Struct, kw_only=True):
    """Nearest first. `coarse`: the position was rounded to 0.01° first, `lat` and `lon` say to what."""

    coarse: bool
    lat: float
    lon: float
    items: list[SiteNearby]


@get("/v1/nearby", guards=[requires_phone], operation_id="listNearby", summary="What is around")
async def list_nearby(  # noqa: PLR0913, PLR0917 - one argument per query parameter
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    lat: Latitude,
    lon: Longitude,
    radius_m: Annotated[float, Parameter(ge=1, le=FURTHEST_M, description="How far to look.")] = 1_000,
    accuracy_m: Annotated[
        float | None, Parameter(ge=0, description="How sure the phone is (68 % radius).")
    ] = None,
    kinds: Annotated[
        str | None,
        Parameter(max_length=500, description="Kinds of sites, with commas between: shop,restaurant."),
    ] = None,
    limit: Annotated[int, Parameter(ge=1, le=MOST_SITES, description="How many sites at most.")] = 20,
) -> Nearby:
    """Sites with their distance, bearing, opening and the offers that run there now.

    It is you who look: an offer that names the trigger `nearby` is listed under its sites while it
    runs, and nothing is delivered, coded, counted or limited by this. Offers on enter, dwell or exit
    alone are not listed, nor those that reach the site only by a fence that has not started or is
    disabled. Whoever has not said to be an adult sees the places without offers. Without consent to
    location for offers, or with an accuracy worse than 1,000 m, the position is rounded to 0.01° before
    it is used. Nothing about the position is kept. Pages are by `limit` only.
    """
    standing = await read_standing(tx, key_of(phone))
    spot = spot_of(lat, lon, accuracy_m=accuracy_m, may_locate=may_track(standing.grants))
    wanted = [kind.strip() for kind in (kinds or "").split(",") if kind.strip()]
    sites = await read_around(
        tx,
        spot,
        radius_m=radius_m,
        kinds=wanted or None,
        language=phone.language,
        limit=limit,
        now=now,
        with_offers=may_see_offers(standing.age_band),
    )
    return Nearby(coarse=spot.is_coarse, lat=spot.lat, lon=spot.lon, items=sites)


router: Final = Router("/", route_handlers=[list_nearby], dependencies=PLAIN, tags=["Phones"])
