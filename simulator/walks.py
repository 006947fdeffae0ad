"""Where people truly are at every moment: walks along streets, stops at places.

Owns the movement and its randomness. Knows nothing of phones, fences or errors of measurement.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.plane import Floats
from simulator.streets import Streets

SLOWEST_MPS: Final = 1.1
FASTEST_MPS: Final = 1.6
SHORTEST_STOP_S: Final = 5 * 60.0
LONGEST_STOP_S: Final = 30 * 60.0
# How far people go for their next stop, as the crow flies.
NEAREST_STOP_M: Final = 80.0
FARTHEST_STOP_M: Final = 900.0
STARTS_AT_A_STOP: Final = 0.3


@dataclass(frozen=True)
class Walk:
    """A true path: at `seconds[i]` since the start exactly at `metres[i]`, straight in between."""

    seconds: Floats
    metres: Floats

    def at(self, seconds: Floats) -> Floats:
        """(x, y) at each moment; before the first corner and after the last one they stand still."""
        axes = [np.interp(seconds, self.seconds, self.metres[:, axis]) for axis in (0, 1)]
        return np.stack(axes, axis=-1)

    def speeds_mps(self, seconds: Floats) -> Floats:
        """How fast they truly move at each moment (0 while they stop)."""
        lengths_m = np.hypot(*np.diff(self.metres, axis=0).T)
        speeds = np.append(lengths_m / np.maximum(np.diff(self.seconds), 1e-9), 0.0)
        legs = np.searchsorted(self.seconds, seconds, side="right") - 1
        return speeds[np.clip(legs, 0, len(speeds) - 1)]


def standing(metres: Floats) -> Walk:
    """Someone (or a phone left at home) who never moves."""
    return Walk(seconds=np.array([0.0]), metres=metres.reshape(1, 2))


class Walker:
    """Invents walks between stops; one for a city, fed with one generator per person."""

    def __init__(self, streets: Streets, stops: Floats) -> None:
        """`stops` are places (x, y) worth going to, each reached from its nearest street node."""
        self.streets = streets
        self.stops = stops
        self.doors = streets.nearest(stops)

    def walk(self, rng: np.random.Generator, duration_s: float) -> Walk:
        """A walk that lasts at least `duration_s`: a stop, shortest streets, a stop, and so on."""
        path = Path(speed_mps=float(rng.uniform(SLOWEST_MPS, FASTEST_MPS)))
        node = int(rng.integers(len(self.streets.metres)))
        path.reach(self.streets.metres[node])
        if rng.random() < STARTS_AT_A_STOP:
            stop = int(rng.integers(len(self.stops)))
            node, path = int(self.doors[stop]), Path(speed_mps=path.speed_mps)
            path.reach(self.stops[stop])
            path.wait(float(rng.uniform(0, LONGEST_STOP_S)))
            path.reach(self.streets.metres[node])
        while path.now_s < duration_s:
            node = self._go_on(rng, path, node)
        return path.finished()

    def _go_on(self, rng: np.random.Generator, path: "Path", node: int) -> int:
        stop = self._next_stop(rng, self.streets.metres[node])
        door = int(self.doors[stop])
        for corner in self.streets.route(node, door):
            path.reach(corner)
        path.reach(self.stops[stop])
        path.wait(float(rng.uniform(SHORTEST_STOP_S, LONGEST_STOP_S)))
        path.reach(self.streets.metres[door])
        return door

    def _next_stop(self, rng: np.random.Generator, here: Floats) -> int:
        away_m = np.hypot(*(self.stops - here).T)
        near = np.flatnonzero((away_m >= NEAREST_STOP_M) & (away_m <= FARTHEST_STOP_M))
        return int(rng.choice(near if len(near) else len(self.stops)))


class Path:
    """A walk being written down."""

    def __init__(self, speed_mps: float) -> None:
        self.speed_mps = speed_mps
        self.now_s = 0.0
        self._seconds: list[float] = []
        self._metres: list[Floats] = []

    def reach(self, corner: Floats) -> None:
        if self._metres:
            away_m = float(np.hypot(*(corner - self._metres[-1])))
            if away_m == 0:
                return
            self.now_s += away_m / self.speed_mps
        self._seconds.append(self.now_s)
        self._metres.append(corner)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self._seconds.append(self.now_s)
        self._metres.append(self._metres[-1])

    def finished(self) -> Walk:
        return Walk(seconds=np.array(self._seconds), metres=np.array(self._metres))
