"""GeoJSON (RFC 7946) in and out: shapes of fences, points of sites, lines of kerbs.

Owns the judgement whether a geometry may be used, with a fault that points at the wrong position.
Features and their properties belong to the routes; the value `Shape` to `geo.shapes`.

Refused rather than repaired: anything whose meaning we would have to guess. Put right without a
word: ring direction (RFC 7946 § 3.1.6 tells readers to be lenient) and positions with altitude.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, TypeGuard

import shapely
from shapely import LineString, MultiLineString, MultiPolygon, Polygon

from geo.errors import Fault, InvalidInput
from geo.shapes import LARGEST_RADIUS_M, SMALLEST_RADIUS_M, Shape, area_m2, circle
from geo.validity import explained

LARGEST_VERTICES: Final = 2_000
SMALLEST_AREA_M2: Final = 100.0
LARGEST_AREA_M2: Final = 2_000e6
# Beyond it a degree of longitude is too short for the flat arithmetic of fences.
LARGEST_LATITUDE: Final = 85.0

Position = tuple[float, float]


def read_shape(geometry: object, radius_m: object = None, *, at: str = "") -> Shape:
    """The shape of a GeoJSON geometry: a Point with `radius_m`, a Polygon or a MultiPolygon.

    `at` is written before every field name (`features[3].`). Raises InvalidInput.
    """
    kind, coordinates, field = _opened(geometry, at)
    if kind == "Point":
        return _circle(coordinates, radius_m, at)
    if kind not in ("Polygon", "MultiPolygon"):
        raise _wrong(f"{at}geometry.type", "must be Point (with radius_m), Polygon or MultiPolygon")
    if radius_m is not None:
        raise _wrong(f"{at}properties.radius_m", "goes with a Point only")
    if kind == "Polygon":
        return _polygonal(_polygon(coordinates, field), field)
    members = _listed(coordinates, field, at_least=1, of="polygons")
    parts = [_polygon(member, f"{field}[{n}]") for n, member in enumerate(members)]
    return _polygonal(MultiPolygon(parts), field)


def read_point(geometry: object, *, at: str = "") -> Position:
    """(longitude, latitude) of a GeoJSON Point. Raises InvalidInput."""
    kind, coordinates, field = _opened(geometry, at)
    if kind != "Point":
        raise _wrong(f"{at}geometry.type", "must be Point")
    return _position(coordinates, field)


def read_line(geometry: object, *, at: str = "") -> LineString | MultiLineString:
    """A GeoJSON LineString or MultiLineString, such as a kerb. Raises InvalidInput."""
    kind, coordinates, field = _opened(geometry, at)
    if kind == "LineString":
        line: LineString | MultiLineString = LineString(_positions(coordinates, field))
    elif kind == "MultiLineString":
        members = _listed(coordinates, field, at_least=1, of="lines")
        line = MultiLineString([_positions(member, f"{field}[{n}]") for n, member in enumerate(members)])
    else:
        raise _wrong(f"{at}geometry.type", "must be LineString or MultiLineString")
    vertices = shapely.get_num_coordinates(line)
    if vertices > LARGEST_VERTICES:
        raise _wrong(field, f"has {vertices} vertices; at most {LARGEST_VERTICES} are allowed")
    _, south, _, north = line.bounds
    _refuse_polar(south, north, field)
    return line


def write_line(line: LineString | MultiLineString) -> dict[str, Any]:
    """The same the other way."""
    if isinstance(line, LineString):
        return {"type": "LineString", "coordinates": shapely.get_coordinates(line).tolist()}
    parts = [shapely.get_coordinates(part).tolist() for part in line.geoms]
    return {"type": "MultiLineString", "coordinates": parts}


def write_shape(shape: Shape) -> dict[str, Any]:
    """The geometry of a shape; a circle is written as its centre."""
    if shape.centre is not None:
        return write_point(*shape.centre)
    geometry = shape.polygon
    if isinstance(geometry, Polygon):
        return {"type": "Polygon", "coordinates": _rings_of(geometry)}
    return {"type": "MultiPolygon", "coordinates": [_rings_of(part) for part in geometry.geoms]}


def write_point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def refuse_crs(member: object, *, at: str = "") -> None:
    """RFC 7946 § 4 knows one reference system; a `crs` member of the older draft is refused."""
    if isinstance(member, dict) and member.get("crs") is not None:
        raise _wrong(f"{at}crs", "GeoJSON is always WGS 84 (RFC 7946, section 4); leave crs out")


def looks_swapped(lon: float, lat: float, near: Position) -> bool:
    """True if this place is far from `near` but would be close to it with its numbers swapped."""
    far = math.hypot(lon - near[0], lat - near[1])
    swapped = math.hypot(lat - near[0], lon - near[1])
    return far > 10 and swapped < 1


def _opened(geometry: object, at: str) -> tuple[object, object, str]:
    if not isinstance(geometry, dict):
        raise _wrong(f"{at}geometry", "must be a GeoJSON geometry object")
    refuse_crs(geometry, at=f"{at}geometry.")
    return geometry.get("type"), geometry.get("coordinates"), f"{at}geometry.coordinates"


def _circle(coordinates: object, radius_m: object, at: str) -> Shape:
    lon, lat = _position(coordinates, f"{at}geometry.coordinates")
    if not _is_number(radius_m) or not SMALLEST_RADIUS_M <= radius_m <= LARGEST_RADIUS_M:
        raise _wrong(
            f"{at}properties.radius_m",
            f"a Point needs a radius of {SMALLEST_RADIUS_M:g} to {LARGEST_RADIUS_M:g} metres",
        )
    _refuse_polar(lat, lat, f"{at}geometry.coordinates")
    shape = circle(lon, lat, float(radius_m))
    west, south, east, north = shape.polygon.bounds
    if west < -180 or east > 180:
        raise _wrong(f"{at}geometry.coordinates", "the circle crosses the antimeridian (180°)")
    _refuse_polar(south, north, f"{at}geometry.coordinates")
    return shape


def _polygonal(geometry: Polygon | MultiPolygon, field: str) -> Shape:
    vertices = shapely.get_num_coordinates(geometry)
    if vertices > LARGEST_VERTICES:
        raise _wrong(field, f"has {vertices} vertices; at most {LARGEST_VERTICES} are allowed")
    _, south, _, north = geometry.bounds
    _refuse_polar(south, north, field)
    if not shapely.is_valid(geometry):
        fault = explained(geometry, field)
        raise _wrong(fault.field, fault.reason)
    ground_m2 = area_m2(geometry)
    if not SMALLEST_AREA_M2 <= ground_m2 <= LARGEST_AREA_M2:
        raise _wrong(
            field,
            f"covers {ground_m2:,.0f} m²; allowed are {SMALLEST_AREA_M2:,.0f} m² to "
            f"{LARGEST_AREA_M2 / 1e6:,.0f} km²",
        )
    return Shape(polygon=shapely.orient_polygons(geometry))


def _polygon(coordinates: object, field: str) -> Polygon:
    rings = _listed(coordinates, field, at_least=1, of="rings")
    shell, *holes = (_ring(ring, f"{field}[{n}]") for n, ring in enumerate(rings))
    return Polygon(shell, holes)


def _ring(coordinates: object, field: str) -> list[Position]:
    listed = _listed(coordinates, field, at_least=4, of="positions, the first repeated at the end")
    ring = _positions(listed, field)
    if ring[0] != ring[-1]:
        raise _wrong(f"{field}[{len(ring) - 1}]", "the ring is not closed: repeat its first position here")
    return ring


def _positions(coordinates: object, field: str) -> list[Position]:
    listed = _listed(coordinates, field, at_least=2, of="positions")
    if len(listed) > LARGEST_VERTICES:
        raise _wrong(field, f"has {len(listed)} vertices; at most {LARGEST_VERTICES} are allowed")
    positions = [_position(position, f"{field}[{n}]") for n, position in enumerate(listed)]
    for n, (here, there) in enumerate(pairwise(positions), start=1):
        if abs(there[0] - here[0]) > 180:
            raise _wrong(
                f"{field}[{n}]",
                "the edge to here crosses the antimeridian (180°); cut the shape there into a MultiPolygon",
            )
    return positions


def _position(position: object, field: str) -> Position:
    match position:
        case [float(lon), float(lat), *_] if -180 <= lon <= 180 and -90 <= lat <= 90:
            return lon, lat  # the common case, told apart first: NaN fails both comparisons
        case [lon, lat, *_]:
            return _odd_position(lon, lat, field)
    raise _wrong(field, "must be a position: [longitude, latitude]")


def _odd_position(lon: object, lat: object, field: str) -> Position:
    """A position of whole numbers, or a wrong one."""
    if not _is_number(lon):
        raise _wrong(f"{field}[0]", "must be a finite number")
    if not _is_number(lat):
        raise _wrong(f"{field}[1]", "must be a finite number")
    if -180 <= lon <= 180 and -90 <= lat <= 90:
        return float(lon), float(lat)
    hint = "; longitude comes first, then latitude" if abs(lon) <= 90 and abs(lat) <= 180 else ""
    if not -180 <= lon <= 180:
        raise _wrong(f"{field}[0]", f"longitude must be between -180 and 180{hint}")
    raise _wrong(f"{field}[1]", f"latitude must be between -90 and 90{hint}")


def _is_number(value: object) -> TypeGuard[float]:
    # bool is an int to Python, not to GeoJSON; an int may be too long for a float, and is then refused.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _listed(value: object, field: str, *, at_least: int, of: str) -> Sequence[object]:
    if not isinstance(value, list | tuple) or len(value) < at_least:
        raise _wrong(field, f"must be a list of at least {at_least} {of}")
    return value


def _refuse_polar(south: float, north: float, field: str) -> None:
    if south < -LARGEST_LATITUDE or north > LARGEST_LATITUDE:
        raise _wrong(field, f"reaches beyond {LARGEST_LATITUDE:g}° of latitude")


def _rings_of(polygon: Polygon) -> list[list[list[float]]]:
    return [shapely.get_coordinates(ring).tolist() for ring in (polygon.exterior, *polygon.interiors)]


def _wrong(field: str, reason: str) -> InvalidInput:
    return InvalidInput("The geometry cannot be used.", faults=(Fault(field, reason),))
