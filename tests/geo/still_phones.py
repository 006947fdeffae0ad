"""Phones that lie still near an edge for hours, then walk away: how often do their crossings flap?

A command of its own, because it takes millions of steps:

    python -m tests.geo.still_phones [--phones 4000] [--accuracy 10 30 65] [--seed 1]

Half the phones lie at a straight edge, half at a circle of 150 m radius, evenly from 100 m inside to
100 m outside. Errors in x and y are Ornstein-Uhlenbeck processes (60 s) whose 68 % radius is the stated
accuracy. One fix per 30 s for 8 h; then each phone walks 300 m outwards at 1.3 m/s and stays there.

Prints one JSON object: by accuracy and shape, per phone-hour,
`flaps`          every enter and exit after the first,
`late_enters`    first enters after the first ten minutes: no flap, yet the phone had not moved either,
and `visits` at the end of the 8 h, of which `unreported` did not end in exactly one exit.
"""

import argparse
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geo.crossings import FenceRules, FenceState, step
from geo.fixes import Fix

Floats = NDArray[np.float64]

STEP_S = 30
HOURS = 8
STILL = HOURS * 3600 // STEP_S
STAYS_AFTERWARDS = 30
WALK = int(300 / 1.3 / STEP_S) + 1 + STAYS_AFTERWARDS
SETTLED_AFTER_S = 600
CIRCLE_RADIUS_M = 150.0
STRAIGHT_RADIUS_M = 100_000.0


def drifting_errors(random: np.random.Generator, steps: int, phones: int, step_s: float) -> Floats:
    """Unit Ornstein-Uhlenbeck errors, shape (steps, phones, 2)."""
    kept = np.exp(-step_s / 60)
    errors = random.normal(size=(steps, phones, 2))
    errors[1:] *= np.sqrt(1 - kept * kept)
    for now in range(1, steps):
        errors[now] += kept * errors[now - 1]
    return errors


def distances(random: np.random.Generator, shape: str, phones: int, accuracy_m: float) -> Floats:
    """Signed distances to the edge as the phones report them, shape (steps, phones)."""
    from_edge_m = np.linspace(-100, 100, phones)
    walked_m = np.clip((np.arange(STILL + WALK) - STILL) * STEP_S * 1.3, 0, 300)
    error_m = drifting_errors(random, STILL + WALK, phones, STEP_S) * accuracy_m / np.sqrt(-2 * np.log(0.32))
    outwards_m = from_edge_m + walked_m[:, None] + error_m[..., 0]
    if shape == "straight":
        return outwards_m
    return np.hypot(CIRCLE_RADIUS_M + outwards_m, error_m[..., 1]) - CIRCLE_RADIUS_M


def observe(
    rules: FenceRules, fixes: Sequence[Fix], reported_m: Sequence[float]
) -> tuple[int, int, int, int]:
    """One phone's (flaps, late first enters, whether it was visiting at the end, exits on leaving)."""
    state: FenceState | None = None
    flaps = late = visits = exits = 0
    has_entered = False
    for position, (fix, distance_m) in enumerate(zip(fixes, reported_m, strict=True)):
        if position == STILL:
            visits = int(state is not None and state.is_visiting)
        if state is None and distance_m > 0:
            continue
        state, crossings = step(1, state, distance_m, fix, rules)
        for crossing in crossings:
            if crossing.kind == "dwell":
                continue
            if position >= STILL:
                exits += crossing.kind == "exit"
            elif has_entered:
                flaps += 1
            else:
                late += position * STEP_S > SETTLED_AFTER_S
            has_entered = True
    return flaps, late, visits, exits


def measure(seed: int, phones: int, accuracy_m: float, shape: str) -> dict[str, float]:
    random = np.random.default_rng([seed, int(accuracy_m), len(shape)])
    rules = FenceRules(180.0, 0.0, CIRCLE_RADIUS_M if shape == "circle" else STRAIGHT_RADIUS_M)
    fixes = [
        Fix(fix_id="", at=1.7e9 + position * STEP_S, lat=0.0, lon=0.0, accuracy_m=accuracy_m)
        for position in range(STILL + WALK)
    ]
    reported_m = distances(random, shape, phones, accuracy_m)
    seen = [observe(rules, fixes, reported_m[:, phone].tolist()) for phone in range(phones)]
    hours = phones * HOURS
    return {
        "flaps": sum(flaps for flaps, _, _, _ in seen) / hours,
        "late_enters": sum(late for _, late, _, _ in seen) / hours,
        "visits": sum(visits for _, _, visits, _ in seen),
        "unreported": sum(exits != visits for _, _, visits, exits in seen if visits),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--phones", type=int, default=4000)
    parser.add_argument("--accuracy", type=float, nargs="+", default=[10.0, 30.0, 65.0])
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(  # noqa: T201 - a command that prints
        json.dumps(
            {
                f"{accuracy_m:g}": {
                    shape: measure(asked.seed, asked.phones // 2, accuracy_m, shape)
                    for shape in ("straight", "circle")
                }
                for accuracy_m in asked.accuracy
            }
        )
    )


if __name__ == "__main__":
    main()
