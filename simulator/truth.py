"""What truly happened: when each phone really was inside each fence.

Computed from the true paths and the fences' shapes, never from fixes. Owns no judgement: what a
server must report of it is for `simulator.score`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from simulator.plane import Floats, Plane
from simulator.walks import Walk

SAMPLE_S: Final = 1.0
# Deeper inside (or farther outside) than this is no longer a matter of opinion.
CLEARLY_M: Final = 15.0
# Corners per quarter of a circle: circles are 64-cornered polygons to the server as well.
QUARTER_CORNERS: Final = 16


@dataclass(frozen=True, slots=True)
class Watch:
    """A time during which a phone's fixes were accepted, from the first such fix to the last."""

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
    seconds, metres = zip(*(_samples(watch) for watch in watches), strict=True)
    starts = np.cumsum([0, *(len(part) for part in seconds)])
    tree = shapely.STRtree(np.asarray(shapely.points(np.concatenate(metres)), dtype=object))
    levels = np.zeros(starts[-1], dtype=np.int8)
    stays: list[Stay] = []
    for fence, shape in enumerate(shapes):
        near = _mark_levels(levels, tree, shape)
        for index in np.unique(np.searchsorted(starts, near, side="right") - 1):
            part = levels[starts[index] : starts[index + 1]]
            stays += _stays(watches[index], fence, seconds[index], part)
        levels[near] = FAR
    return stays


FAR, OUTSIDE, INSIDE, DEEP = range(4)


def _mark_levels(
    levels: NDArray[np.int8], tree: shapely.STRtree, shape: shapely.Geometry
) -> NDArray[np.int64]:
    """Writes OUTSIDE, INSIDE or DEEP for every sample that is not FAR, and returns which those are."""
    near = tree.query(shapely.buffer(shape, CLEARLY_M), predicate="covers")
    levels[near] = OUTSIDE
    levels[tree.query(shape, predicate="covers")] = INSIDE
    levels[tree.query(shapely.buffer(shape, -CLEARLY_M), predicate="covers")] = DEEP
    return np.asarray(near, dtype=np.int64)


def _samples(watch: Watch) -> tuple[Floats, Floats]:
    """Moments and true positions, each second; of a time without movement only its two ends."""
    seconds = np.append(np.arange(watch.from_s, watch.until_s, SAMPLE_S), watch.until_s)
    metres = watch.walk.at(seconds)
    moves = np.any(np.diff(metres, axis=0) != 0, axis=1)
    kept = np.concatenate([[True], moves]) | np.concatenate([moves, [True]])
    return seconds[kept], metres[kept]


def _stays(watch: Watch, fence: int, seconds: Floats, levels: NDArray[np.int8]) -> list[Stay]:
    inside = np.concatenate([[False], levels >= INSIDE, [False]])
    runs = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
    ends = [0, *runs[:, 1]]
    starts = [*runs[:, 0], len(levels)]
    absences = [
        Absence(
            seconds=float(seconds[min(start, len(seconds) - 1)] - seconds[min(end, len(seconds) - 1)]),
            was_far=bool((levels[end:start] == FAR).any()),
        )
        for end, start in zip(ends, starts, strict=True)
    ]
    absences[0] = ALWAYS_AWAY
    return [
        Stay(
            phone=watch.phone,
            fence=fence,
            enter_s=float(seconds[first]),
            exit_s=float(seconds[min(end, len(seconds) - 1)]),
            is_deep=bool((levels[first:end] == DEEP).any()),
            goes_on=bool(end == len(levels)),
            watched_until_s=watch.until_s,
            before=absences[number],
            after=absences[number + 1],
        )
        for number, (first, end) in enumerate(runs)
    ]
