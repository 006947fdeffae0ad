"""The fences a phone's operating system may watch, over HTTP."""

import hashlib
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Now, Tx
from api.etags import is_known
from api.routes.devices import key_of
from api.routes.nearby import Latitude, Longitude
from geo.errors import Forbidden
from geo.regions import Platform, Regions, nearest_regions
from geo.spots import spot_of
from offers.consent import may_track
from offers.people.customers import read_grants


@get(
    "/v1/fences/sync",
    guards=[requires_phone],
    operation_id="syncFences",
    summary="Which regions to watch",
    responses={304: ResponseSpec(None, description="The answer is the one you have.")},
)
async def sync_fences(
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    platform: Annotated[Platform, Parameter(description="iOS watches 20 regions, Android 100.")],
    lat: Latitude,
    lon: Longitude,
    reserved: Annotated[
        int,
        Parameter(ge=0, le=99, description="Slots the app keeps for itself; the refresh circle takes one."),
    ] = 1,
    if_none_match: Annotated[
        str | None, HeaderParameter(name="If-None-Match", max_length=400, description="The ETag you have.")
    ] = None,
) -> Response[Regions]:
    """The nearest fences by distance to their edge, each as a circle that encloses it.

    Watch `refresh` too, in the slot that `reserved` keeps, and ask again when the phone leaves it:
    inside it no edge of a fence that is not listed can be crossed. Circles have at least 100 m, below
    which phones watch unreliably; the fence itself may be smaller, so send a fix when a circle is
    entered. Where fences are so dense that an edge that is not listed lies nearer, `refresh_is_exact`
    is false: send fixes on every occasion there, as `POST /v1/fixes` advises. 304 while the answer would
    be the one you have. Needs consent to location for offers.
    """
    if not may_track(await read_grants(tx, key_of(phone))):
        raise Forbidden("Location for offers is not granted.", code="no_location_consent")
    spot = spot_of(lat, lon, may_locate=True)
    regions = await nearest_regions(tx, spot, platform=platform, reserved=reserved, now=now)
    etag = f'W/"{hashlib.sha256(msgspec.json.encode(regions)).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if is_known(if_none_match, etag):
        return Response(cast("Any", None), status_code=304, headers=headers)
    return Response(regions, headers=headers)


router: Final = Router("/", route_handlers=[sync_fences], dependencies=PLAIN, tags=["Phones"])
