"""What each phone will report, fix by fix: the true walk seen through the noise.

All of it is computed before the run, at once for all phones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import SeedSequence

from simulator.noise import errors_m, stated_accuracy_m
from simulator.people import Phone
from simulator.plane import Floats
from simulator.streets import Streets
from simulator.walks import Walk, Walker, standing

# Phones never claim to be better than this.
FINEST_ACCURACY_M: Final = 1.0


@dataclass(frozen=True)
class Track:
    """One phone's fixes: `seconds` since the start, (longitude, latitude), accuracy and speed."""

    walk: Walk
    seconds: Floats
    degrees: Floats
    accuracy_m: Floats
    speed_mps: Floats


def tracks(
    phones: Sequence[Phone],
    streets: Streets,
    stops: Floats,
    *,
    seed: SeedSequence,
    duration_s: float,
    interval_s: float,
) -> list[Track]:
    """One track per phone. Two phones of one person walk together, unless one was left at home."""
    walk_seed, noise_seed = seed.spawn(2)
    walks = walks_of(phones, Walker(streets, stops), walk_seed, duration_s)
    rng = np.random.default_rng(noise_seed)
    fixes = round(duration_s / interval_s)
    accuracy_m = stated_accuracy_m(rng, len(phones), fixes, interval_s)
    errors = errors_m(rng, accuracy_m, interval_s)
    steps_s: Floats = np.arange(fixes, dtype=np.float64) * interval_s
    found: list[Track] = []
    for phone, walk, accuracy, error in zip(phones, walks, accuracy_m, errors, strict=True):
        seconds: Floats = steps_s + phone.phase_s
        seen = streets.plane.to_degrees(walk.at(seconds) + error).round(7)
        stated = np.maximum(accuracy, FINEST_ACCURACY_M).round(1)
        found.append(Track(walk, seconds, seen, stated, walk.speeds_mps(seconds).round(2)))
    return found


def walks_of(phones: Sequence[Phone], walker: Walker, seed: SeedSequence, duration_s: float) -> list[Walk]:
    """The true path of each phone."""
    by_person: dict[int, Walk] = {}
    for phone in phones:
        if phone.person.number not in by_person:
            (own,) = seed.spawn(1)
            by_person[phone.person.number] = walker.walk(np.random.default_rng(own), duration_s)
    walks = [by_person[phone.person.number] for phone in phones]
    return [
        standing(walk.metres[0]) if phone.is_left_at_home else walk
        for phone, walk in zip(phones, walks, strict=True)
    ]
