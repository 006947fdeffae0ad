"""A kerb: a line along a street, and the strip around it that counts as being parked there.

Pure geometry. A strip is measured in metres on the ground, on a plane that touches the earth at the middle of
each line: for a street its error is below one in a thousand. How wide it is says the operator, who knows
whether cars stand along or across.
"""

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiLineString, MultiPolygon, Polygon

from geo.errors import Fault, InvalidInput
from geo.geojson import LARGEST_VERTICES, read_line
from geo.shapes import Shape, metres_per_degree

Kerb = LineString | MultiLineString

NARROWEST_M: Final = 2.0
WIDEST_M: Final = 50.0
# Half a lane of parked cars, the kerb drawn a few metres off, and a lane that a phone is often put into.
USUAL_M: Final = 12.0
# Beyond it, one plane for a line is no longer good to one in a thousand.
LONGEST_DEGREES: Final = 0.1
# A quarter of a circle as so many chords: within 1 % of its radius.
_CHORDS: Final = 5
_TOLERANCE_M: Final = 0.25


def read_kerb(geometry: object, buffer_m: float | None, *, at: str = "") -> tuple[Kerb, float, Shape]:
    """The line of a GeoJSON LineString or MultiLineString, how far its strip reaches, and the strip.

    Raises InvalidInput.
    """
    width_m = USUAL_M if buffer_m is None else buffer_m
    if not NARROWEST_M <= width_m <= WIDEST_M:
        raise _wrong(f"{at}properties.buffer_m", f"must be {NARROWEST_M:g} to {WIDEST_M:g} metres")
    kerb = read_line(geometry, at=at)
    for part in shapely.get_parts(kerb):
        west, south, east, north = part.bounds
        if max(east - west, north - south) > LONGEST_DEGREES:
            raise _wrong(f"{at}geometry.coordinates", f"has a line of more than {LONGEST_DEGREES:g}°; cut it")
        if west == east and south == north:
            raise _wrong(f"{at}geometry.coordinates", "has a line without length")
    strip = strip_along(kerb, width_m)
    if shapely.get_num_coordinates(strip.polygon) > LARGEST_VERTICES:
        raise _wrong(f"{at}geometry.coordinates", "is too winding a line; draw it with fewer positions")
    return kerb, width_m, strip


def strip_along(kerb: Kerb, buffer_m: float) -> Shape:
    """All within `buffer_m` of the line, in WGS 84 degrees."""
    strips = [_strip(part, buffer_m) for part in shapely.get_parts(kerb)]
    ground = shapely.union_all(strips) if len(strips) > 1 else strips[0]
    assert isinstance(ground, Polygon | MultiPolygon)
    return Shape(polygon=shapely.orient_polygons(ground))


def _strip(line: LineString, buffer_m: float) -> shapely.Geometry:
    _, south, _, north = line.bounds
    origin = shapely.get_coordinates(line)[0]
    scale = np.array(metres_per_degree((south + north) / 2))

    def to_metres(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        metres: NDArray[np.float64] = (degrees - origin) * scale
        return metres

    def to_degrees(metres: NDArray[np.float64]) -> NDArray[np.float64]:
        degrees: NDArray[np.float64] = metres / scale + origin
        return degrees

    plane = shapely.simplify(shapely.transform(line, to_metres), _TOLERANCE_M)
    return shapely.transform(shapely.buffer(plane, buffer_m, quad_segs=_CHORDS), to_degrees)


def _wrong(field: str, reason: str) -> InvalidInput:
    return InvalidInput("The geometry cannot be used.", faults=(Fault(field, reason),))
