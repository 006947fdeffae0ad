"""What phones would make of a fence: people who never come in and those who do, by simulation.

Our own crossing rules (`geo.crossings`) decide on fixes whose errors drift as real ones do: 2-D
Ornstein-Uhlenbeck errors (60 s) with the stated accuracy as their 68 % radius, every fix stating the same
one. Seeded, so that the same shape gets the same answer. Three kinds of people, `PEOPLE` of each:

staying   never come in: an hour at one place, 15 m outside the edge, a fix every 30 s
passing   never come in: walk by in a straight line that comes as near as 15 m, from 150 m before to 150 m
          after at 1.3 m/s, a fix every 15 s
visiting  come in: five minutes at one place within, a fix every 15 s

Places are drawn evenly: along the edge for those outside (for passers-by along that of the convex hull,
whose tangents stay outside), over the area for visitors. Owns no judgement of the result
(`geo.fence_lint`).
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from geo.crossings import ACCURACY_PER_SIGMA, ERROR_CORRELATION_S, FenceRules, FenceState, step
from geo.fixes import Fix
from geo.shapes import Shape, metres_per_degree

ACCURACIES_M: Final = (10.0, 30.0, 65.0)
PEOPLE: Final = 200
STANDOFF_M: Final = 15.0
STAY_S, STAY_FIX_S = 3_600.0, 30.0
PACE_MPS, WALK_FIX_S, WALK_M = 1.3, 15.0, 300.0
VISIT_S: Final = 300.0
SEED: Final = 20260701

_STARTED_AT: Final = 1.7e9
_FINEST_DETAIL_M: Final = 0.5
_TRIES_TO_FIND_A_PLACE: Final = 50

Floats = NDArray[np.float64]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """At one accuracy, of 100 people: told to have entered without, or visiting and not noticed."""

    accuracy_m: float
    false_enters_of_100_staying: float
    false_enters_of_100_passing: float
    missed_of_100_visiting: float


class Ground:
    """A fence's shape in metres around its own middle."""

    def __init__(self, polygon: Polygon | MultiPolygon) -> None:
        west, south, east, north = polygon.bounds
        middle, scale = (
            np.array([(west + east) / 2, (south + north) / 2]),
            metres_per_degree((south + north) / 2),
        )
        flat = shapely.transform(polygon, lambda lon_lat: (lon_lat - middle) * scale)
        self.shape = shapely.simplify(flat, _FINEST_DETAIL_M)
        shapely.prepare(self.shape)
        self.radius_m = float(np.sqrt(self.shape.area / np.pi))
        self._edges = shapely.STRtree(list(_edges_of(self.shape)))

    def distances_m(self, places: Floats) -> Floats:
        """Signed metres to the edge, negative inside; `places` of shape (…, 2)."""
        x, y = places[..., 0].ravel(), places[..., 1].ravel()
        _, metres = self._edges.query_nearest(shapely.points(x, y), return_distance=True, all_matches=False)
        is_inside = shapely.contains_xy(self.shape, x, y)
        signed: Floats = np.where(is_inside, -metres, metres).reshape(places.shape[:-1])
        return signed

    def outside(self, random: np.random.Generator, people: int) -> Floats:
        """Places at `STANDOFF_M` from the edge, of shape (people, 2)."""
        around = shapely.boundary(shapely.buffer(_without_holes(self.shape), STANDOFF_M))
        return shapely.get_coordinates(_points_on(around, random.uniform(0, around.length, people)))

    def ways_past(self, random: np.random.Generator, people: int) -> tuple[Floats, Floats]:
        """(nearest place, unit direction) of straight ways that come as near as `STANDOFF_M`."""
        around = shapely.buffer(shapely.convex_hull(self.shape), STANDOFF_M).exterior
        along_m = random.uniform(0.1, around.length - 0.1, people)
        before, here, after = (
            shapely.get_coordinates(_points_on(around, along_m + more)) for more in (-0.05, 0.0, 0.05)
        )
        ahead = after - before
        return here, ahead / np.hypot(*ahead.T)[:, None]

    def inside(self, random: np.random.Generator, people: int) -> Floats:
        """Places within, of shape (people, 2)."""
        west, south, east, north = self.shape.bounds
        found = np.empty((0, 2))
        for _ in range(_TRIES_TO_FIND_A_PLACE):
            tried = random.uniform((west, south), (east, north), (4 * people, 2))
            found = np.vstack((found, tried[shapely.contains_xy(self.shape, tried[:, 0], tried[:, 1])]))
            if len(found) >= people:
                return found[:people]
        middle = shapely.get_coordinates(shapely.point_on_surface(self.shape))
        return np.vstack((found, np.repeat(middle, people - len(found), axis=0)))


def try_phones(shape: Shape) -> tuple[Trial, ...]:
    """A trial for each of `ACCURACIES_M`; takes some tenths of a second the first time."""
    return _tried(shape.polygon)


# A polygon is the same by its coordinates, and cannot change.
@lru_cache(maxsize=512)
def _tried(polygon: Polygon | MultiPolygon) -> tuple[Trial, ...]:
    ground = Ground(polygon)
    return tuple(run_trial(ground, accuracy_m, PEOPLE, SEED) for accuracy_m in ACCURACIES_M)


def run_trial(ground: Ground, accuracy_m: float, people: int, seed: int) -> Trial:
    """One accuracy, with so many people of each kind."""
    random = np.random.default_rng([seed, int(accuracy_m)])
    staying = np.repeat(ground.outside(random, people)[None], int(STAY_S / STAY_FIX_S) + 1, axis=0)
    nearest, ahead = ground.ways_past(random, people)
    walked_m = np.arange(-WALK_M / 2, WALK_M / 2, PACE_MPS * WALK_FIX_S)
    begun_m = walked_m[:, None] + random.uniform(0, PACE_MPS * WALK_FIX_S, people)
    passing = nearest + begun_m[..., None] * ahead
    visiting = np.repeat(ground.inside(random, people)[None], int(VISIT_S / WALK_FIX_S) + 1, axis=0)

    def entered_of_100(places: Floats, every_s: float) -> float:
        reported = (
            places + drifting_errors(random, len(places), people, every_s) * accuracy_m / ACCURACY_PER_SIGMA
        )
        entered = _count_entered(ground, reported, every_s, accuracy_m)
        return round(100 * entered / people, 1)

    return Trial(
        accuracy_m=accuracy_m,
        false_enters_of_100_staying=entered_of_100(staying, STAY_FIX_S),
        false_enters_of_100_passing=entered_of_100(passing, WALK_FIX_S),
        missed_of_100_visiting=round(100 - entered_of_100(visiting, WALK_FIX_S), 1),
    )


def drifting_errors(random: np.random.Generator, fixes: int, people: int, every_s: float) -> Floats:
    """Unit Ornstein-Uhlenbeck errors, of shape (fixes, people, 2)."""
    kept = np.exp(-every_s / ERROR_CORRELATION_S)
    errors = random.normal(size=(fixes, people, 2))
    errors[1:] *= np.sqrt(1 - kept * kept)
    for now in range(1, fixes):
        errors[now] += kept * errors[now - 1]
    return errors


def _count_entered(ground: Ground, reported: Floats, every_s: float, accuracy_m: float) -> int:
    metres = ground.distances_m(reported)
    fixes = [
        Fix(fix_id="", at=_STARTED_AT + number * every_s, lat=0.0, lon=0.0, accuracy_m=accuracy_m)
        for number in range(len(reported))
    ]
    rules = FenceRules(dwell_s=86_400.0, retrigger_s=0.0, radius_m=ground.radius_m)
    # Nobody enters without a fix inside.
    candidates = metres[:, (metres <= 0).any(axis=0)].T.tolist()
    return sum(_enters(rules, zip(fixes, way, strict=True)) for way in candidates)


def _enters(rules: FenceRules, way: Iterable[tuple[Fix, float]]) -> bool:
    """Whether the rules say so; as `geo.tracking` does, they are asked from the first fix inside on."""
    state: FenceState | None = None
    for fix, distance_m in way:
        if state is None and distance_m > 0:
            continue
        state, crossings = step(0, state, distance_m, fix, rules)
        if any(crossing.kind == "enter" for crossing in crossings):
            return True
    return False


def _edges_of(shape: Polygon | MultiPolygon) -> Iterator[shapely.LineString]:
    for part in shapely.get_parts(shape):
        for ring in (part.exterior, *part.interiors):
            yield from shapely.linestrings(list(pairwise(shapely.get_coordinates(ring))))


def _without_holes(shape: Polygon | MultiPolygon) -> MultiPolygon:
    return MultiPolygon([Polygon(part.exterior) for part in shapely.get_parts(shape)])


def _points_on(lines: shapely.Geometry, along_m: Floats) -> NDArray[np.object_]:
    """Points so far along one or several lines, taken one after the other."""
    parts = shapely.get_parts(lines)
    ends = np.cumsum(shapely.length(parts))
    which = np.minimum(np.searchsorted(ends, along_m), len(parts) - 1)
    starts = ends - shapely.length(parts)
    points: NDArray[np.object_] = shapely.line_interpolate_point(parts[which], along_m - starts[which])
    return points
