"""In which zone a phone is parked, as far as its fix can tell.

Pure. A fix is a circle that holds the truth with 68 %; the error is taken as a normal distribution in both
directions, which such a circle is a contour of. A zone's confidence is the share of that distribution inside
it; where zones overlap, they share what falls into both. So the confidences of all zones and of none sum
to one.

The share is counted on points that stand for equal parts of the distribution: right to about 1 %, which is
finer than any phone, and never less for a zone that covers more.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from geo.shapes import metres_per_degree

# Better than any phone in a street: below it, the zones' own edges are not drawn more exactly.
SUREST_M: Final = 3.0
# √(−2 ln(1 − 0.68)): in deviations, how far out the circle is that holds 68 % of a distribution in the plane.
DEVIATIONS_OF_68: Final = 1.5096
_RINGS: Final = 32
_SPOKES: Final = 32
_GOLDEN_TURN: Final = math.pi * (3 - math.sqrt(5))


class Likely(NamedTuple):
    """Of one zone: how likely the phone is in it, and how far away its edge is (metres, 0 inside)."""

    confidence: float
    distance_m: float


def _standard_points() -> NDArray[np.float64]:
    """Points that each stand for the same share of a normal distribution of deviation 1 in the plane."""
    shares = (np.arange(_RINGS) + 0.5) / _RINGS
    radii = np.sqrt(-2 * np.log(1 - shares))
    turns = np.arange(_SPOKES) * (2 * math.pi / _SPOKES)
    # Each ring is turned against the one before, so that no straight edge meets many points at once.
    angles = turns[None, :] + (np.arange(_RINGS) * _GOLDEN_TURN)[:, None]
    return np.column_stack(
        ((radii[:, None] * np.cos(angles)).ravel(), (radii[:, None] * np.sin(angles)).ravel())
    )


_POINTS: Final = _standard_points()


def likely_zones(
    lon: float, lat: float, accuracy_m: float, shapes: Sequence[Polygon | MultiPolygon]
) -> list[Likely]:
    """Of each shape, in their order. Degrees WGS 84; `accuracy_m` is a 68 % radius."""
    if not shapes:
        return []
    scale = np.array(metres_per_degree(lat))
    deviation_m = max(accuracy_m, SUREST_M) / DEVIATIONS_OF_68
    points = np.array((lon, lat)) + _POINTS * deviation_m / scale
    inside = np.array([_covers(shape, points) for shape in shapes])
    shared_by = np.maximum(inside.sum(axis=0), 1)
    confidences = (inside / shared_by).mean(axis=1)
    here = shapely.Point(0, 0)
    distances = [
        shapely.distance(shapely.transform(shape, lambda degrees: (degrees - (lon, lat)) * scale), here)
        for shape in shapes
    ]
    return [
        Likely(float(confidence), float(distance_m))
        for confidence, distance_m in zip(confidences, distances, strict=True)
    ]


def _covers(shape: Polygon | MultiPolygon, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    shapely.prepare(shape)
    covered: NDArray[np.bool_] = shapely.intersects_xy(shape, points[:, 0], points[:, 1])
    return covered
