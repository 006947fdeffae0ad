"""Phones in cars, on bicycles and on foot: a true way, and fixes of it with errors that drift."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import cos, exp, radians, sqrt

import numpy as np

from geo.crossings import ACCURACY_PER_SIGMA, ERROR_CORRELATION_S
from geo.fixes import Fix
from geo.sightings import METRES_PER_DEGREE, Sighting
from geo.vehicles import CarEvent, Vehicle, drive

LAT, LON = 60.17, 24.94
BEGAN_AT = 1_782_900_000.0

Leg = tuple[float, float]  # seconds, metres a second


def fixes_of(
    legs: Sequence[Leg],
    *,
    every_s: float = 15.0,
    accuracy_m: float = 0.0,
    tells_speed: bool = True,
    seed: int = 1,
) -> list[Fix]:
    """One straight way north at these speeds, a fix every `every_s`; errors of that 68 % radius."""
    rng = np.random.default_rng(seed)
    sigma_m = accuracy_m / ACCURACY_PER_SIGMA
    kept = exp(-every_s / ERROR_CORRELATION_S)
    error_m = rng.normal(0, sigma_m, 2)
    fixes = []
    duration_s = sum(seconds for seconds, _ in legs)
    for number in range(int(duration_s // every_s) + 1):
        north_m, speed_mps = _where(legs, number * every_s)
        fixes.append(
            Fix(
                fix_id=str(number),
                at=BEGAN_AT + number * every_s,
                lat=LAT + float(north_m + error_m[0]) / METRES_PER_DEGREE,
                lon=LON + float(error_m[1]) / METRES_PER_DEGREE / cos(radians(LAT)),
                accuracy_m=accuracy_m,
                speed_mps=speed_mps if tells_speed else None,
            )
        )
        error_m = kept * error_m + sqrt(1 - kept * kept) * rng.normal(0, sigma_m, 2)
    return fixes


def _where(legs: Sequence[Leg], after_s: float) -> tuple[float, float]:
    north_m = speed_mps = 0.0
    for seconds, speed_mps in legs:
        north_m += min(seconds, after_s) * speed_mps
        if after_s <= seconds:
            break
        after_s -= seconds
    return north_m, speed_mps


def driven(fixes: Iterable[Fix], vehicle: Vehicle | None = None) -> tuple[Vehicle | None, list[CarEvent]]:
    """What is remembered after all of these, and what was noticed on the way."""
    before: Sighting | None = None
    events = []
    for fix in fixes:
        vehicle, event = drive(vehicle, before, fix)
        before = Sighting(fix.at, fix.lat, fix.lon, fix.accuracy_m)
        if event is not None:
            events.append(event)
    return vehicle, events


def north_of(event: CarEvent) -> float:
    """Metres north of where the way began."""
    return (event.lat - LAT) * METRES_PER_DEGREE
