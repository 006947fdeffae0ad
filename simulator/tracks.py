"""What each phone will report, fix by fix: the true walk seen through the noise.

All of it is computed before the run, at once for all phones.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import SeedSequence

from simulator.noise import errors_m, stated_accuracy_m
from simulator.parking.outings import Motoring, Outing, Parked
from simulator.people import Phone
from simulator.plane import Floats
from simulator.walks import Walk, Walker, standing

Go = Callable[[int, np.random.Generator], Outing]

# Phones never claim to be better than this.
FINEST_ACCURACY_M: Final = 1.0


@dataclass(frozen=True)
class Track:
    """One phone's fixes: `seconds` since the start, (longitude, latitude), accuracy and speed.

    `parked` is where and when the car stood that the phone came in.
    """

    walk: Walk
    seconds: Floats
    degrees: Floats
    accuracy_m: Floats
    speed_mps: Floats
    parked: tuple[Parked, ...] = ()


def tracks(
    phones: Sequence[Phone],
    walker: Walker,
    *,
    seed: SeedSequence,
    duration_s: float,
    interval_s: float,
    motoring: Motoring | None = None,
    drivers: Collection[int] = (),
) -> list[Track]:
    """One track per phone. Two phones of one person go together, unless one was left at home.

    `drivers` are those people, by number, who come by car.
    """
    walk_seed, noise_seed = seed.spawn(2)

    def go(person: int, rng: np.random.Generator) -> Outing:
        if motoring is not None and person in drivers:
            return motoring.outing(rng, duration_s)
        return Outing(walker.walk(rng, duration_s))

    outings = outings_of(phones, go, walk_seed)
    rng = np.random.default_rng(noise_seed)
    fixes = round(duration_s / interval_s)
    accuracy_m = stated_accuracy_m(rng, len(phones), fixes, interval_s)
    errors = errors_m(rng, accuracy_m, interval_s)
    steps_s: Floats = np.arange(fixes, dtype=np.float64) * interval_s
    found: list[Track] = []
    for phone, (walk, parked), accuracy, error in zip(phones, outings, accuracy_m, errors, strict=True):
        seconds: Floats = steps_s + phone.phase_s
        seen = walker.streets.plane.to_degrees(walk.at(seconds) + error).round(7)
        stated = np.maximum(accuracy, FINEST_ACCURACY_M).round(1)
        found.append(Track(walk, seconds, seen, stated, walk.speeds_mps(seconds).round(2), parked))
    return found


def outings_of(phones: Sequence[Phone], go: Go, seed: SeedSequence) -> list[Outing]:
    """Where each phone truly is; `go` says it of a person."""
    by_person: dict[int, Outing] = {}
    for phone in phones:
        number = phone.person.number
        if number not in by_person:
            (own,) = seed.spawn(1)
            by_person[number] = go(number, np.random.default_rng(own))
    outings = [by_person[phone.person.number] for phone in phones]
    return [
        Outing(standing(outing.walk.metres[0])) if phone.is_left_at_home else outing
        for phone, outing in zip(phones, outings, strict=True)
    ]
