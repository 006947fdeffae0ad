"""Why a polygon is not valid, in words and with the narrowest place that is wrong.

GEOS judges (OGC simple features); this module finds the part, ring and edge it speaks of.
"""

from itertools import pairwise
from typing import Final

import shapely
from shapely import MultiPolygon, Polygon

from geo.errors import Fault

_MEANINGS: Final = {
    "Self-intersection": "the outline crosses or touches itself",
    "Ring Self-intersection": "the ring touches itself",
    "Hole lies outside shell": "the hole lies outside its polygon",
    "Holes are nested": "one hole lies inside another",
    "Interior is disconnected": "the holes cut the polygon into pieces",
    "Nested shells": "one polygon lies inside another",
    "Duplicate Rings": "the same ring appears twice",
    "Too few points in geometry component": "the ring has no area",
}


def explained(geometry: Polygon | MultiPolygon, field: str) -> Fault:
    """The fault of an invalid geometry whose coordinates are called `field`."""
    if isinstance(geometry, MultiPolygon):
        for n, part in enumerate(geometry.geoms):
            if not shapely.is_valid(part):
                return explained(part, f"{field}[{n}]")
        return _fault(geometry, field)
    for n, ring in enumerate((geometry.exterior, *geometry.interiors)):
        alone = Polygon(ring)
        if not shapely.is_valid(alone):
            return _of_ring(alone, f"{field}[{n}]")
    return _fault(geometry, field)


def _of_ring(alone: Polygon, field: str) -> Fault:
    """A ring wrong in itself: the field is the start of the first edge through the bad point."""
    where = _place_in(shapely.is_valid_reason(alone))
    if where is None:
        return _fault(alone, field)
    edges = shapely.linestrings(list(pairwise(shapely.get_coordinates(alone.exterior))))
    first = int(shapely.distance(edges, shapely.Point(where)).argmin())
    return _fault(alone, f"{field}[{first}]")


def _fault(geometry: Polygon | MultiPolygon, field: str) -> Fault:
    said = shapely.is_valid_reason(geometry)
    name = said.partition("[")[0].strip()
    reason = _MEANINGS.get(name, name.lower())
    where = _place_in(said)
    return Fault(field, reason if where is None else f"{reason} at [{where[0]:.6f}, {where[1]:.6f}]")


def _place_in(said: str) -> tuple[float, float] | None:
    """GEOS writes `Self-intersection[2.35 48.85]`."""
    numbers = said.partition("[")[2].rstrip("]").split()
    return (float(numbers[0]), float(numbers[1])) if len(numbers) == 2 else None
