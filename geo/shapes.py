"""Shapes of fences: a circle or a polygon, as the one polygon that every rule uses.

Owns the value `Shape`, the polygon of a circle, and areas in square metres. Reading and judging
GeoJSON is `geo.geojson`'s; which point lies in which fence is `geo.index`'s.

Lengths and areas come from a local equirectangular projection with the WGS 84 radii of curvature
at the shape's own latitude: over the 10 km of the largest circle it is wrong by less than 0.2 %.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

CORNERS: Final = 64
SMALLEST_RADIUS_M: Final = 20.0
LARGEST_RADIUS_M: Final = 10_000.0

_EQUATOR_M: Final = 6_378_137.0
_ECCENTRICITY_SQUARED: Final = 0.006_694_379_990_14
# Corners of a regular polygon that covers as much ground as its circle lie a little outside it.
_CORNER_SCALE: Final = math.sqrt((2 * math.pi / CORNERS) / math.sin(2 * math.pi / CORNERS))


@dataclass(frozen=True, slots=True)
class Shape:
    """What a fence covers, in WGS 84 degrees, longitude first.

    polygon     the truth about inside and outside, its edge included
    centre      (longitude, latitude), and
    radius_m    only of a circle: how it was drawn, kept so that it can be shown as one
    """

    polygon: Polygon | MultiPolygon
    centre: tuple[float, float] | None = None
    radius_m: float | None = None

    @property
    def area_m2(self) -> float:
        return area_m2(self.polygon)

    @property
    def effective_radius_m(self) -> float:
        """The radius of the circle that covers as much ground."""
        return math.sqrt(self.area_m2 / math.pi)

    @property
    def wkb(self) -> bytes:
        return bytes(shapely.to_wkb(self.polygon))


def circle(lon: float, lat: float, radius_m: float) -> Shape:
    """A circle as a 64-cornered polygon of the same area, counter-clockwise from due east."""
    metres_per_lon, metres_per_lat = metres_per_degree(lat)
    turns = np.arange(CORNERS) * (2 * math.pi / CORNERS)
    reach_m = radius_m * _CORNER_SCALE
    corners = np.column_stack(
        (lon + np.cos(turns) * reach_m / metres_per_lon, lat + np.sin(turns) * reach_m / metres_per_lat)
    )
    return Shape(polygon=Polygon(corners), centre=(lon, lat), radius_m=radius_m)


def metres_per_degree(lat: float) -> tuple[float, float]:
    """How long one degree of longitude and one of latitude are at this latitude (WGS 84)."""
    phi = math.radians(lat)
    shrink = 1 - _ECCENTRICITY_SQUARED * math.sin(phi) ** 2
    across = _EQUATOR_M / math.sqrt(shrink)
    along = _EQUATOR_M * (1 - _ECCENTRICITY_SQUARED) / shrink**1.5
    return math.radians(1) * across * math.cos(phi), math.radians(1) * along


def area_m2(polygon: Polygon | MultiPolygon) -> float:
    """The ground it covers; each part is projected at its own latitude."""
    parts = [polygon] if isinstance(polygon, Polygon) else polygon.geoms
    return sum(_part_area_m2(part) for part in parts)


def _part_area_m2(part: Polygon) -> float:
    _, south, _, north = part.bounds
    metres_per_lon, metres_per_lat = metres_per_degree((south + north) / 2)
    return float(part.area) * metres_per_lon * metres_per_lat
