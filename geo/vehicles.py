"""Has the car that this phone rides in just stopped, or driven off? Told by the speeds of its fixes.

Owns the state machine of one phone: on foot → driving → stopping → parked → driving. Pure: plain values
in, new values out, times by the fixes' own clock. Knows nothing of parking zones, consents or tariffs.

A phone's own speed is believed where it tells one (it comes from the Doppler shift, not from positions).
Else it went as fast, at least, as the distance of two fixes says, less the radius that holds 68 % of the
difference of their errors.

Driving is two fixes, at least, faster than anybody runs, that end well away from where they began: one
wild fix goes out and comes back. Stopped is where a driving phone then stood, and stayed or went on only as
fast as people walk: for longer than a traffic light is red, since whoever waits at one is not to be asked.
"""

from math import cos, hypot, isfinite, radians
from typing import Final, Literal

import msgspec

from geo.fixes import Fix
from geo.sightings import METRES_PER_DEGREE, Sighting

DRIVING_MPS: Final = 7.0  # 25 km/h: above runners and bicycles with a motor (EU 168/2013 art. 2)
DRIVING_FIXES: Final = 2
DRIVEN_M: Final = 150.0
ON_FOOT_MPS: Final = 2.5
# Few lights stay red for longer.
STOPPED_FOR_S: Final = 90.0
STOOD_FOR_S: Final = 10.0
EVIDENCE_LASTS_S: Final = 300.0
DRIVE_FORGOTTEN_AFTER_S: Final = 3600.0

ON_FOOT: Final = 0  # or not known; kept only while there is evidence of driving to be weighed
DRIVING: Final = 1
STOPPING: Final = 2
PARKED: Final = 3


class Vehicle(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is remembered of the car a phone rides in.

    at               when the phase began; of `DRIVING` the last fast fix, of `ON_FOOT` the first
    lat, lon, accuracy_m   where it stopped; while driving is not yet certain, where that began
    stood_until      the last fix that was still where it stopped
    fast_fixes       how many were fast since then, `fast_at` the last of them
    is_leaving       it drove off, and whoever asks about zones has not said yet that it left them
    """

    phase: int
    at: float
    lat: float
    lon: float
    accuracy_m: float
    stood_until: float = 0.0
    fast_fixes: int = 0
    fast_at: float = 0.0
    is_leaving: bool = False


class CarEvent(msgspec.Struct, frozen=True, gc=False):
    """`stopped`: at that place and moment, as is certain now. `driving`: here, after it drove off."""

    kind: Literal["stopped", "driving"]
    at: float
    lat: float
    lon: float
    accuracy_m: float


Driven = tuple[Vehicle | None, CarEvent | None]


def drive(vehicle: Vehicle | None, before: Sighting | None, fix: Fix) -> Driven:
    """What one accepted fix changes, `before` being the accepted one before it.

    None for the vehicle is "on foot, nothing to remember", both ways. ValueError for what is not finite.
    """
    if not isfinite(fix.lat + fix.lon + fix.at + fix.accuracy_m):
        raise ValueError("a fix must be finite")
    slowest_mps = _slowest_mps(before, fix)
    is_fast = slowest_mps is not None and slowest_mps >= DRIVING_MPS
    phase = ON_FOOT if vehicle is None else vehicle.phase
    if vehicle is not None and phase == DRIVING:
        return _driving(vehicle, fix, slowest_mps)
    if vehicle is not None and phase == STOPPING and not is_fast:
        return _stopping(vehicle, fix)
    if vehicle is not None and phase == STOPPING:
        return _driving_at(fix, is_leaving=vehicle.is_leaving), None
    return _weighing(vehicle, before, fix, is_fast=is_fast)


def left(vehicle: Vehicle) -> Vehicle:
    """The same once it is settled that it left its zones, or that nobody needs to know."""
    return msgspec.structs.replace(vehicle, is_leaving=False)


def is_riding(vehicle: Vehicle | None) -> bool:
    """Whether something may happen at any moment, so that the phone is to be heard often."""
    return vehicle is not None and (vehicle.phase in {DRIVING, STOPPING} or vehicle.fast_fixes > 0)


def _driving(vehicle: Vehicle, fix: Fix, slowest_mps: float | None) -> Driven:
    event = _driving_here(fix) if vehicle.is_leaving else None
    if slowest_mps is not None and slowest_mps > ON_FOOT_MPS:
        return _driving_at(fix, is_leaving=vehicle.is_leaving), event
    if fix.at - vehicle.at > DRIVE_FORGOTTEN_AFTER_S:
        return None, None
    return _stopping_at(fix, is_leaving=vehicle.is_leaving), event


def _stopping(vehicle: Vehicle, fix: Fix) -> Driven:
    away_m = _metres(vehicle, fix)
    slack_m = vehicle.accuracy_m + fix.accuracy_m
    if away_m - slack_m > ON_FOOT_MPS * (fix.at - vehicle.stood_until):
        return _stopping_at(fix, is_leaving=vehicle.is_leaving), None  # it rolled on
    if away_m <= slack_m:
        better = fix if fix.accuracy_m < vehicle.accuracy_m else vehicle
        vehicle = msgspec.structs.replace(
            vehicle, stood_until=fix.at, lat=better.lat, lon=better.lon, accuracy_m=better.accuracy_m
        )
    if fix.at - vehicle.at < STOPPED_FOR_S or vehicle.stood_until - vehicle.at < STOOD_FOR_S:
        return vehicle, None
    parked = msgspec.structs.replace(vehicle, phase=PARKED, is_leaving=False)
    return parked, CarEvent("stopped", vehicle.at, vehicle.lat, vehicle.lon, vehicle.accuracy_m)


def _weighing(vehicle: Vehicle | None, before: Sighting | None, fix: Fix, *, is_fast: bool) -> Driven:
    """On foot or parked: is this driving?"""
    is_parked = vehicle is not None and vehicle.phase == PARKED
    if vehicle is not None and fix.at - vehicle.fast_at > EVIDENCE_LASTS_S:
        vehicle = msgspec.structs.replace(vehicle, fast_fixes=0, fast_at=0.0) if is_parked else None
    if not is_fast:
        return vehicle, None
    if vehicle is None:
        start = before or fix
        vehicle = Vehicle(ON_FOOT, fix.at, start.lat, start.lon, start.accuracy_m)
    fast_fixes = vehicle.fast_fixes + 1
    driven_m = _metres(vehicle, fix) - vehicle.accuracy_m - fix.accuracy_m
    if fast_fixes >= DRIVING_FIXES and driven_m >= DRIVEN_M:
        return _driving_at(fix, is_leaving=is_parked), _driving_here(fix) if is_parked else None
    return msgspec.structs.replace(vehicle, fast_fixes=fast_fixes, fast_at=fix.at), None


def _driving_at(fix: Fix, *, is_leaving: bool) -> Vehicle:
    return Vehicle(DRIVING, fix.at, fix.lat, fix.lon, fix.accuracy_m, is_leaving=is_leaving)


def _stopping_at(fix: Fix, *, is_leaving: bool) -> Vehicle:
    return Vehicle(
        STOPPING, fix.at, fix.lat, fix.lon, fix.accuracy_m, stood_until=fix.at, is_leaving=is_leaving
    )


def _driving_here(fix: Fix) -> CarEvent:
    return CarEvent("driving", fix.at, fix.lat, fix.lon, fix.accuracy_m)


def _slowest_mps(before: Sighting | None, fix: Fix) -> float | None:
    """How fast the phone went at least; None where two fixes say nothing of it."""
    if fix.speed_mps is not None:
        return fix.speed_mps
    if before is None or not 0 < fix.at - before.at <= EVIDENCE_LASTS_S:
        return None
    least_m = _metres(before, fix) - hypot(before.accuracy_m, fix.accuracy_m)
    return max(least_m, 0.0) / (fix.at - before.at)


def _metres(start: Sighting | Vehicle, fix: Fix) -> float:
    """Equirectangular, across the date line too."""
    north_m = (fix.lat - start.lat) * METRES_PER_DEGREE
    east = (fix.lon - start.lon + 540) % 360 - 180
    return hypot(north_m, east * METRES_PER_DEGREE * cos(radians((fix.lat + start.lat) / 2)))
