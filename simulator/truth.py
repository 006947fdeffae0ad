"""What truly happened: when each phone really was inside each fence.

Computed from the true paths and the fences' shapes, never from fixes. Owns no judgement: what a
server must report of it is for `simulator.score`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from simulator.plane import Floats, Plane
from simulator.walks import Walk

Integers = NDArray[np.int64]

SAMPLE_S: Final = 1.0
# Deeper inside (or farther outside) than this is no longer a matter of opinion.
CLEARLY_M: Final = 15.0
# Corners per quarter of a circle: circles are 64-cornered polygons to the server as well.
QUARTER_CORNERS: Final = 16


@dataclass(frozen=True, slots=True)
class Watch:
    """A time during which a phone had to be followed, from its first fix that counts to the last."""

    phone: int
    walk: Walk
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Absence:
    """The time outside before or after a stay; `was_far`: more than 15 m from the fence at some moment.

    Before the first stay of a watch it has lasted for ever; after the last one it ends with the watch.
    """

    seconds: float
    was_far: bool


@dataclass(frozen=True, slots=True)
class Stay:
    """A phone was inside a fence from `enter_s` to `exit_s` (seconds since the start).

    `is_deep`: at some moment more than 15 m inside. `watched_until_s` is the end of the watch; when
    the stay lasted until then, `exit_s` is the same moment and `goes_on` is true: there is no exit.
    """

    phone: int
    fence: int
    enter_s: float
    exit_s: float
    is_deep: bool
    goes_on: bool
    watched_until_s: float
    before: Absence
    after: Absence


ALWAYS_AWAY: Final = Absence(seconds=float("inf"), was_far=True)


@dataclass(frozen=True, slots=True)
class FenceShape:
    """A fence by its server-given id, in degrees (longitude, latitude); a circle if it has a radius."""

    fence_id: int
    shape: shapely.Geometry
    radius_m: float | None = None


def flat_shapes(fences: Sequence[FenceShape], plane: Plane) -> list[shapely.Geometry]:
    """The fences in metres on the plane, circles as polygons with 64 corners."""
    flat = [shapely.transform(fence.shape, plane.to_metres) for fence in fences]
    return [
        shape if fence.radius_m is None else shapely.buffer(shape, fence.radius_m, quad_segs=QUARTER_CORNERS)
        for fence, shape in zip(fences, flat, strict=True)
    ]


def true_stays(watches: Sequence[Watch], shapes: Sequence[shapely.Geometry]) -> list[Stay]:
    """Every stay of every watch in every fence (`Stay.fence` is an index into `shapes`)."""
    if not watches or not shapes:
        return []
    samples = _Samples(watches)
    return [stay for fence, shape in enumerate(shapes) for stay in samples.stays(fence, shape)]


class _Samples:
    """True positions of all watches, one watch after the other, and a tree to find those near a fence.

    Below, `near` are the numbers of the samples at most 15 m outside a fence; all others are far.
    """

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches
        seconds, metres = zip(*(_samples(watch) for watch in watches), strict=True)
        self._ends = np.cumsum([len(part) for part in seconds])
        self._seconds = np.concatenate(seconds)
        self._x, self._y = np.concatenate(metres).T.copy()
        self._tree = shapely.STRtree(np.asarray(shapely.points(self._x, self._y), dtype=object))

    def stays(self, fence: int, shape: shapely.Geometry) -> list[Stay]:
        """The runs of consecutive samples of one watch inside the fence."""
        grown, shrunk = shapely.buffer(shape, CLEARLY_M), shapely.buffer(shape, -CLEARLY_M)
        near = self._covered(grown, np.sort(self._tree.query(grown)))
        inside = self._covered(shape, near)
        deep = self._covered(shrunk, inside)
        watch = np.searchsorted(self._ends, inside, side="right")
        begins = np.flatnonzero((np.diff(inside, prepend=-2) != 1) | (np.diff(watch, prepend=-1) != 0))
        if not len(begins):
            return []
        runs = _Runs(
            watch=watch[begins],
            first=inside[begins],
            last=inside[np.append(begins[1:], len(inside)) - 1],
            watch_end=self._ends[watch[begins]],
        )
        return self._described(fence, runs, near, deep)

    def _covered(self, area: shapely.Geometry, samples: Integers) -> Integers:
        """Those of the samples that lie in an area."""
        shapely.prepare(area)
        covered: Integers = samples[shapely.intersects_xy(area, self._x[samples], self._y[samples])]
        return covered

    def _described(self, fence: int, runs: "_Runs", near: Integers, deep: Integers) -> list[Stay]:
        is_deep = np.searchsorted(deep, runs.last, side="right") > np.searchsorted(deep, runs.first)
        goes_on = runs.last + 1 == runs.watch_end
        exit_s = self._seconds[np.where(goes_on, runs.last, runs.last + 1)]
        # The absence after a run: up to the next one of the same watch, or to the watch's end.
        comes_back = np.append(runs.watch[1:] == runs.watch[:-1], False)
        back = np.where(comes_back, np.append(runs.first[1:], 0), runs.watch_end)
        away_s = self._seconds[np.where(comes_back, back, back - 1)] - exit_s
        near_between = np.searchsorted(near, back) - np.searchsorted(near, runs.last, side="right")
        was_far = near_between < back - runs.last - 1
        afters = [Absence(*absence) for absence in zip(away_s.tolist(), was_far.tolist(), strict=True)]
        befores = [ALWAYS_AWAY, *afters[:-1]]
        lines = zip(
            runs.watch.tolist(),
            self._seconds[runs.first].tolist(),
            exit_s.tolist(),
            is_deep.tolist(),
            goes_on.tolist(),
            [False, *comes_back[:-1].tolist()],
            befores,
            afters,
            strict=True,
        )
        return [
            Stay(
                phone=self._watches[watch].phone,
                fence=fence,
                enter_s=enter,
                exit_s=exit_,
                is_deep=deep_,
                goes_on=on,
                watched_until_s=self._watches[watch].until_s,
                before=before if came_back else ALWAYS_AWAY,
                after=after,
            )
            for watch, enter, exit_, deep_, on, came_back, before, after in lines
        ]


class _Runs(NamedTuple):
    """Samples inside a fence without a break: the watch of each run, its first and last sample, and the
    number after the watch's own last sample.
    """

    watch: Integers
    first: Integers
    last: Integers
    watch_end: Integers


def _samples(watch: Watch) -> tuple[Floats, Floats]:
    """Moments and true positions, each second; of a time without movement only its two ends."""
    seconds = np.append(np.arange(watch.from_s, watch.until_s, SAMPLE_S), watch.until_s)
    metres = watch.walk.at(seconds)
    moves = np.any(np.diff(metres, axis=0) != 0, axis=1)
    kept = np.concatenate([[True], moves]) | np.concatenate([moves, [True]])
    return seconds[kept], metres[kept]
