"""An invented city in which phones walk, stop and pass, with the truth about every fence they were in.

Streets are a grid of 90 m. Fences lie along them as densely as in central Helsinki (200 per km²), circles
and rounded rectangles of at least 50 m effective radius, so that most of them are passed or only brushed.
Phones walk at 1.3 m/s from place to place and stop there 5 to 30 minutes: at the centre, up to some metres
from it, or in the street before it. A fix every 15 s; accuracy log-normal (median 12 m, 95 % below 40 m),
changing slowly; errors drift (Ornstein-Uhlenbeck, 60 s). Independent of the simulator package on purpose.
"""

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.crossings import FenceRules
from geo.fixes import Fix
from geo.tracking import DeviceState, advance

Floats = NDArray[np.float64]
Claims = dict[int, list[tuple[str, float]]]

STARTED_AT = 1.7e9
BLOCK_M, SIZE_M, FENCES_PER_KM2 = 90.0, 1400.0, 200
PACE_MPS, FIX_EVERY_S = 1.3, 15
PER_SIGMA = math.sqrt(-2 * math.log(0.32))
LONG_S, DEEP_M, TOLERANCE_S = 60, 15.0, 75.0


@dataclass
class Fences:
    """Rectangles with rounded corners; a circle is one without sides."""

    centre: Floats
    turned: Floats
    half_sides: Floats
    corner_m: Floats

    @property
    def radius_m(self) -> Floats:
        a, b = self.half_sides.T
        return np.sqrt((4 * a * b + 4 * self.corner_m * (a + b)) / math.pi + self.corner_m**2)

    def distances(self, places: Floats, which: NDArray[np.int64]) -> Floats:
        """Signed metres to the edge, one row per place, one column per fence asked about."""
        east, north = np.moveaxis(places[:, None, :] - self.centre[which], -1, 0)
        cos, sin = np.cos(self.turned[which]), np.sin(self.turned[which])
        along = np.abs(cos * east + sin * north) - self.half_sides[which, 0]
        across = np.abs(cos * north - sin * east) - self.half_sides[which, 1]
        outside = np.hypot(np.maximum(along, 0), np.maximum(across, 0))
        return outside + np.minimum(np.maximum(along, across), 0) - self.corner_m[which]


def build_fences(random: np.random.Generator) -> Fences:
    number = int(FENCES_PER_KM2 * (SIZE_M / 1000) ** 2)
    street = random.integers(0, int(SIZE_M / BLOCK_M) + 1, number) * BLOCK_M
    beside = street + random.choice([-1, 1], number) * random.uniform(6, 25, number)
    along = random.uniform(0, SIZE_M, number)
    is_upright = random.random(number) < 0.5
    centre = np.where(is_upright[:, None], np.c_[beside, along], np.c_[along, beside])
    is_circle = random.random(number) < 0.5
    half_sides = np.where(is_circle[:, None], 0.0, random.uniform(5, 30, (number, 2)))
    corner_m = np.where(is_circle, random.choice([50.0, 60.0, 80.0], number, p=[0.8, 0.1, 0.1]), 30.0)
    fences = Fences(centre, random.uniform(0, math.pi, number), half_sides, corner_m)
    while (small := fences.radius_m < 50).any():
        fences.corner_m[small] += 1.0
    return fences


def _in_street(place: Floats) -> tuple[Floats, bool]:
    """The nearest point in a street, and whether that street runs north."""
    streets = np.round(place / BLOCK_M) * BLOCK_M
    is_upright = abs(streets[0] - place[0]) < abs(streets[1] - place[1])
    return np.where([is_upright, not is_upright], streets, place), bool(is_upright)


def _way(start: Floats, goal: Floats) -> list[Floats]:
    (first, first_upright), (last, last_upright) = _in_street(start), _in_street(goal)
    corner = np.round((first + last) / 2 / BLOCK_M) * BLOCK_M
    if first_upright and last_upright:
        between = [np.array([first[0], corner[1]]), np.array([last[0], corner[1]])]
    elif not first_upright and not last_upright:
        between = [np.array([corner[0], first[1]]), np.array([corner[0], last[1]])]
    elif first_upright:
        between = [np.array([first[0], last[1]])]
    else:
        between = [np.array([last[0], first[1]])]
    return [start, first, *between, last]


def walk(random: np.random.Generator, fences: Fences, seconds: int) -> Floats:
    """Where one phone is at each second; it comes from out of town."""
    here = np.array([-300.0, random.uniform(0, SIZE_M)])
    places: list[Floats] = []
    while sum(map(len, places)) <= seconds:
        goal = fences.centre[random.integers(len(fences.centre))]
        way = _way(here, goal)
        stop = random.choice(["centre", "within", "street"], p=[0.4, 0.3, 0.3])
        if stop != "street":
            way.append(goal if stop == "centre" else goal + random.normal(0, 12, 2))
        corners = np.array(way)
        metres = np.r_[0, np.cumsum(np.hypot(*np.diff(corners, axis=0).T))]
        walked = np.arange(0, metres[-1], PACE_MPS)
        places.append(
            np.c_[np.interp(walked, metres, corners[:, 0]), np.interp(walked, metres, corners[:, 1])]
        )
        here = corners[-1]
        places.append(np.repeat(here[None], int(random.uniform(300, 1800)), axis=0))
    return np.concatenate(places)[: seconds + 1]


def _drift(random: np.random.Generator, steps: int, axes: int, memory_s: float) -> Floats:
    kept = math.exp(-FIX_EVERY_S / memory_s)
    values = random.normal(size=(steps, axes))
    for now in range(1, steps):
        values[now] = kept * values[now - 1] + math.sqrt(1 - kept * kept) * values[now]
    return values


def report(random: np.random.Generator, path: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """When the phone sends a fix, where it believes it is, and the accuracy that it states."""
    seconds = np.arange(random.integers(FIX_EVERY_S), len(path), FIX_EVERY_S)
    spread = math.log(40 / 12) / 1.6449
    accuracy_m = 12 * np.exp(spread * _drift(random, len(seconds), 1, 600.0))
    error = _drift(random, len(seconds), 2, 60.0) * accuracy_m / PER_SIGMA
    return seconds, path[seconds] + error, accuracy_m[:, 0]


def follow(
    seconds: NDArray[np.int64], accuracy_m: Floats, near: NDArray[np.int64], metres: Floats, radius_m: Floats
) -> Claims:
    """The enters and exits that the rules claim, by fence, in seconds since the start."""
    rules = {int(fence): FenceRules(180.0, 0.0, float(radius_m[fence])) for fence in near}
    state = DeviceState()
    claims: Claims = defaultdict(list)
    for second, accuracy, row in zip(seconds.tolist(), accuracy_m.tolist(), metres, strict=True):
        fix = Fix(fix_id=str(second), at=STARTED_AT + second, lat=0.0, lon=0.0, accuracy_m=accuracy)
        for crossing in advance(state, fix, dict(zip(near.tolist(), row.tolist(), strict=True)), rules.get):
            claims[crossing.fence_id].append((crossing.kind, crossing.at - STARTED_AT))
    return claims


@dataclass
class Tally:
    found: int = 0
    missed: int = 0
    extra: int = 0

    @property
    def f1(self) -> float:
        return 2 * self.found / (2 * self.found + self.missed + self.extra)


def _matched(claimed: list[float], moments: list[float]) -> tuple[set[int], set[int]]:
    """Which claims and moments find each other, the closest first, one to one."""
    pairs = sorted(
        (abs(at - moment), claim, number)
        for claim, at in enumerate(claimed)
        for number, moment in enumerate(moments)
        if abs(at - moment) <= TOLERANCE_S
    )
    claims: set[int] = set()
    found: set[int] = set()
    for _, claim, number in pairs:
        if claim not in claims and number not in found:
            claims.add(claim)
            found.add(number)
    return claims, found


def score(kind: str, true_m: Floats, claimed: list[float], tally: Tally) -> None:
    """Compare one phone and fence: `true_m` is the true signed distance at each second.

    A stay that the end of the simulation cuts short may be claimed, and need not be.
    """
    is_inside = np.r_[False, true_m <= 0, False]
    due, tolerated = [], []
    for start, end in np.flatnonzero(np.diff(is_inside.astype(int))).reshape(-1, 2).tolist():
        is_due = (
            end - start >= LONG_S and -true_m[start:end].min() > DEEP_M and end < len(true_m) - TOLERANCE_S
        )
        (due if is_due else tolerated).append(float(start if kind == "enter" else end))
    claims, found = _matched(claimed, due)
    others = [at for claim, at in enumerate(claimed) if claim not in claims]
    excused, _ = _matched(others, tolerated)
    tally.found += len(found)
    tally.missed += len(due) - len(found)
    tally.extra += len(others) - len(excused)


def simulate(seed: int, phones: int, hours: float) -> dict[str, Tally]:
    """Enters and exits, found, missed and extra, over all phones and fences."""
    random = np.random.default_rng(seed)
    fences = build_fences(random)
    tallies = {"enter": Tally(), "exit": Tally()}
    for _ in range(phones):
        path = walk(random, fences, int(hours * 3600))
        seconds, believed, accuracy_m = report(random, path)
        everywhere = np.arange(len(fences.centre))
        metres = fences.distances(believed, everywhere)
        true_m = fences.distances(path[::FIX_EVERY_S], everywhere)
        near = np.flatnonzero((metres.min(axis=0) <= 0) | (true_m.min(axis=0) < FIX_EVERY_S * PACE_MPS))
        claims = follow(seconds, accuracy_m, near, metres[:, near], fences.radius_m)
        truth = fences.distances(path, near)
        for column, fence in enumerate(near.tolist()):
            for kind, tally in tallies.items():
                claimed = [at for what, at in claims.get(fence, []) if what == kind]
                score(kind, truth[:, column], claimed, tally)
    return tallies
