"""Where drivers truly are at every moment: on the road, at lights, parked, on foot, and back to the car.

Owns the movement and its randomness, as `simulator.walks` does for everybody else. Knows nothing of paying.
"""

from typing import Final, NamedTuple

import numpy as np

from simulator.parking.spots import Spots
from simulator.plane import Floats
from simulator.roads import Roads
from simulator.walks import FASTEST_MPS, SLOWEST_MPS, Path, Walk, Walker

# Of the limit: some are slow, some are not.
SLOWEST_DRIVER: Final = 0.9
FASTEST_DRIVER: Final = 1.15
MANOEUVRING_MPS: Final = 3.0
# Of a junction, which the map has a light of for every lane and crossing.
LIGHT_IS_RED: Final = 0.35
SHORTEST_RED_S: Final = 5.0
LONGEST_RED_S: Final = 60.0
ONE_JUNCTION_M: Final = 50.0
# They arrive within this part of the run, or were there when it began.
ARRIVES_WITHIN: Final = 0.3
SEEKS_A_PAID_SPOT: Final = 0.8
SHORTEST_DRIVE_M: Final = 500.0
SITS_S: Final = (15.0, 60.0)
ERRAND_S: Final = (8 * 60.0, 35 * 60.0)
ON_FOOT_AT_MOST_M: Final = 350.0
TRIES: Final = 30


class Parked(NamedTuple):
    """A car stood at (x, y) from its stopping until it was driven off (seconds since the start)."""

    from_s: float
    until_s: float
    metres: Floats


class Outing(NamedTuple):
    """A true path and, where there is a car, the times at which it was parked."""

    walk: Walk
    parked: tuple[Parked, ...] = ()


class Motoring:
    """Invents outings by car in one city, each with a generator of its own."""

    def __init__(self, roads: Roads, spots: Spots, walker: Walker) -> None:
        self._roads = roads
        self._spots = spots
        self._walker = walker

    def outing(self, rng: np.random.Generator, duration_s: float) -> Outing:
        """Drive in, park, see to something on foot, drive to the next; it lasts `duration_s` at least."""
        roads = self._roads
        path = Path(speed_mps=MANOEUVRING_MPS)
        node = int(rng.integers(len(roads.metres)))
        path.reach(roads.metres[node])
        path.wait(float(rng.uniform(0, ARRIVES_WITHIN * duration_s)))
        haste = float(rng.uniform(SLOWEST_DRIVER, FASTEST_DRIVER))
        on_foot_mps = float(rng.uniform(SLOWEST_MPS, FASTEST_MPS))
        parked: list[Parked] = []
        while path.now_s < duration_s:
            spot = self._next_spot(rng, roads.metres[node])
            node = self._drive(rng, path, node, spot, haste)
            stopped_s = path.now_s
            path.wait(float(rng.uniform(*SITS_S)))
            self._see_to_something(rng, path, self._spots.metres[spot], on_foot_mps)
            path.wait(float(rng.uniform(*SITS_S)))
            parked.append(Parked(stopped_s, path.now_s, self._spots.metres[spot]))
        return Outing(path.finished(), tuple(parked))

    def _next_spot(self, rng: np.random.Generator, here: Floats) -> int:
        """Far enough to be worth driving, mostly in a zone."""
        spots = self._spots
        wants_paid = rng.random() < SEEKS_A_PAID_SPOT
        choice = (spots.paid if wants_paid else spots.free) or spots.paid or spots.free
        for _ in range(TRIES):
            spot = int(choice[int(rng.integers(len(choice)))])
            if float(np.hypot(*(spots.metres[spot] - here))) >= SHORTEST_DRIVE_M:
                break
        return spot

    def _drive(self, rng: np.random.Generator, path: Path, node: int, spot: int, haste: float) -> int:
        roads, target = self._roads, self._spots.nodes[spot]
        path.speed_mps = MANOEUVRING_MPS
        path.reach(roads.metres[node])
        before, passed = node, None
        for corner in roads.route(node, target)[1:]:
            path.speed_mps = haste * roads.speed_mps(before, corner)
            path.reach(roads.metres[corner])
            if corner in roads.lights and self._is_another_junction(passed, corner):
                passed = corner
                if rng.random() < LIGHT_IS_RED:
                    path.wait(float(rng.uniform(SHORTEST_RED_S, LONGEST_RED_S)))
            before = corner
        path.speed_mps = MANOEUVRING_MPS
        path.reach(self._spots.metres[spot])
        return target

    def _is_another_junction(self, passed: int | None, corner: int) -> bool:
        metres = self._roads.metres
        return passed is None or float(np.hypot(*(metres[corner] - metres[passed]))) > ONE_JUNCTION_M

    def _see_to_something(
        self, rng: np.random.Generator, path: Path, car: Floats, on_foot_mps: float
    ) -> None:
        """To a place nearby, and back to the car by the same way."""
        path.speed_mps = on_foot_mps
        streets, walker = self._walker.streets, self._walker
        kerb = int(streets.nearest(car))
        stop = self._place_near(rng, car)
        corners = streets.route(kerb, int(walker.doors[stop]))
        for corner in corners:
            path.reach(corner)
        path.reach(walker.stops[stop])
        path.wait(float(rng.uniform(*ERRAND_S)))
        for corner in corners[::-1]:
            path.reach(corner)
        path.reach(car)

    def _place_near(self, rng: np.random.Generator, car: Floats) -> int:
        away_m = np.hypot(*(self._walker.stops - car).T)
        near = np.flatnonzero(away_m <= ON_FOOT_AT_MOST_M)
        return int(rng.choice(near)) if len(near) else int(np.argmin(away_m))
