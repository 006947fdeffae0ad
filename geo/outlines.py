"""The fence of a place: its outline with a margin, or a circle, and never too small to be noticed.

Pure geometry. Metres are taken on a plane that touches the earth at the place itself: over the few
hundred metres of a building its error is below one in a thousand. Says nothing about whom a fence
belongs to, or where it is stored.
"""

import math
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.shapes import Shape, circle, metres_per_degree

Outline = shapely.Polygon | shapely.MultiPolygon

MARGIN_M: Final = 30.0
CIRCLE_RADIUS_M: Final = 60.0
LEAST_EFFECTIVE_RADIUS_M: Final = 50.0
MOST_CORNERS: Final = 2_000

# Sphere or ellipsoid, the radius must not come out under the least one: they differ by 0.6 %.
_AIMED_RADIUS_M: Final = LEAST_EFFECTIVE_RADIUS_M * 1.01
_FIRST_TOLERANCE_M: Final = 0.5


def fence_around(lat: float, lon: float, outline: Outline | None) -> Shape:
    """The outline and `MARGIN_M` around it, more where that makes less than the least radius.

    Courtyards are filled: who stands in one is at the place. At most `MOST_CORNERS` corners. The
    outline is covered, and so is the point (lat, lon). Without an outline: a circle.
    """
    if outline is None:
        return circle(lon, lat, CIRCLE_RADIUS_M)
    plane = _Plane(lat, lon)
    parts = shapely.get_parts(shapely.transform(outline, plane.to_metres))
    block = shapely.union_all([shapely.Polygon(part.exterior) for part in parts] + [shapely.Point(0, 0)])
    fence = _with_margin(block, MARGIN_M)
    lacking_m = _AIMED_RADIUS_M - math.sqrt(fence.area / math.pi)
    if lacking_m > 0:
        # Growing a shape by d grows its effective radius by d or more (isoperimetric inequality),
        # so once is enough.
        fence = _with_margin(block, MARGIN_M + lacking_m)
    return Shape(polygon=shapely.transform(fence, plane.to_degrees))


def _with_margin(block: shapely.Geometry, margin_m: float) -> Outline:
    """Simplified as little as the limit on corners asks for; what that may cut off is added first."""
    tolerance_m = _FIRST_TOLERANCE_M
    while True:
        fence = shapely.simplify(shapely.buffer(block, margin_m + tolerance_m), tolerance_m)
        if shapely.get_num_coordinates(fence) <= MOST_CORNERS:
            assert isinstance(fence, shapely.Polygon | shapely.MultiPolygon)
            return fence
        tolerance_m *= 2


class _Plane:
    """Metres east and north of a place."""

    def __init__(self, lat: float, lon: float) -> None:
        self._origin = np.array((lon, lat))
        self._scale = np.array(metres_per_degree(lat))

    def to_metres(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        metres: NDArray[np.float64] = (degrees - self._origin) * self._scale
        return metres

    def to_degrees(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        degrees: NDArray[np.float64] = metres / self._scale + self._origin
        return degrees
