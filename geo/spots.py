"""Where somebody who asks says they are, and how finely that may be read.

Owns the coarse mode: without a location purpose, or when the phone itself hardly knows, a place is
rounded before anything is done with it.
"""

import math
from typing import Final

import msgspec

from geo.errors import Fault, InvalidInput

COARSEST_ACCURACY_M: Final = 1_000.0
COARSE_DECIMALS: Final = 2  # 0.01° is about 1.1 km northwards


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A position in WGS 84 degrees; `is_coarse` when it was rounded to 0.01°."""

    lat: float
    lon: float
    is_coarse: bool = False


def spot_of(lat: float, lon: float, *, accuracy_m: float | None = None, may_locate: bool) -> Spot:
    """The position to use. InvalidInput for what is not on Earth.

    Coarse without a location purpose (`may_locate`) or with an accuracy worse than 1,000 m.
    """
    faults = [
        Fault(name, f"must be a number from -{limit} to {limit}")
        for name, value, limit in (("lat", lat, 90), ("lon", lon, 180))
        if not (math.isfinite(value) and -limit <= value <= limit)
    ]
    if accuracy_m is not None and not (math.isfinite(accuracy_m) and accuracy_m >= 0):
        faults.append(Fault("accuracy_m", "must be a number of metres, zero or more"))
    if faults:
        raise InvalidInput("This position cannot be used.", faults=tuple(faults))
    if may_locate and (accuracy_m is None or accuracy_m <= COARSEST_ACCURACY_M):
        return Spot(lat=lat, lon=lon)
    return Spot(lat=round(lat, COARSE_DECIMALS), lon=round(lon, COARSE_DECIMALS), is_coarse=True)
