"""The fence of a place: its outline with a margin, or a circle, and never too small to be noticed.

Pure geometry on WGS 84 degrees in and out. Metres are taken on a plane that touches the earth at
the place itself (equirectangular): over the few hundred metres of a building its error is below
one in a thousand. Says nothing about whom the fence belongs to, or where it is stored.
"""

import math
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.index import EARTH_RADIUS_M

Outline = shapely.Polygon | shapely.MultiPolygon

MARGIN_M: Final = 30.0
CIRCLE_RADIUS_M: Final = 60.0
CIRCLE_CORNERS: Final = 64
LEAST_EFFECTIVE_RADIUS_M: Final = 50.0
MOST_CORNERS: Final = 2_000

# Sphere or ellipsoid, the radius must not come out under the least one: they differ by 0.6 %.
_AIMED_RADIUS_M: Final = LEAST_EFFECTIVE_RADIUS_M * 1.01
_FIRST_TOLERANCE_M: Final = 0.5


def circle_around(lat: float, lon: float, radius_m: float = CIRCLE_RADIUS_M) -> shapely.Polygon:
    """The circle as the 64-cornered polygon that stands for it (corners on the circle)."""
    turns = np.linspace(0, 2 * math.pi, CIRCLE_CORNERS, endpoint=False)
    corners = np.column_stack((np.cos(turns), np.sin(turns))) * radius_m
    return shapely.transform(shapely.Polygon(corners), _Plane(lat, lon).to_degrees)


def fence_around(lat: float, lon: float, outline: Outline) -> Outline:
    """The outline and `MARGIN_M` around it, more where that makes less than the least radius.

    Courtyards are filled: who stands in one is at the place. At most `MOST_CORNERS` corners. The
    outline is covered, and so is the point (lat, lon), which lies in or beside the outline.
    """
    plane = _Plane(lat, lon)
    parts = shapely.get_parts(shapely.transform(outline, plane.to_metres))
    block = shapely.union_all([shapely.Polygon(part.exterior) for part in parts] + [shapely.Point(0, 0)])
    fence = _with_margin(block, MARGIN_M)
    lacking_m = _AIMED_RADIUS_M - effective_radius_m(fence)
    if lacking_m > 0:
        # Growing a shape by d grows its effective radius by d or more (isoperimetric inequality),
        # so once is enough.
        fence = _with_margin(block, MARGIN_M + lacking_m)
    return shapely.transform(fence, plane.to_degrees)


def effective_radius_m(shape_in_metres: Outline) -> float:
    """Radius of the circle of the same area."""
    return math.sqrt(shape_in_metres.area / math.pi)


def _with_margin(block: shapely.Geometry, margin_m: float) -> Outline:
    """Simplified as little as the limit on corners asks for; simplifying may cost the tolerance."""
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
        metres_per_degree = math.radians(EARTH_RADIUS_M)
        self._scale = np.array((metres_per_degree * math.cos(math.radians(lat)), metres_per_degree))

    def to_metres(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        metres: NDArray[np.float64] = (degrees - self._origin) * self._scale
        return metres

    def to_degrees(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        degrees: NDArray[np.float64] = metres / self._scale + self._origin
        return degrees
