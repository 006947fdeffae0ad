"""Shapes and GeoJSON: what is taken, what is refused, and that the fault names the place."""

import math
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput
from geo.geojson import looks_swapped, read_point, read_shape, refuse_crs, write_shape
from geo.shapes import circle

SQUARE = [[2.0, 48.0], [2.01, 48.0], [2.01, 48.01], [2.0, 48.01], [2.0, 48.0]]
HOLE = [[2.004, 48.004], [2.006, 48.004], [2.006, 48.006], [2.004, 48.006], [2.004, 48.004]]


def polygon(*rings: object) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def point(lon: object, lat: object) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def moved(ring: list[list[float]], by: float) -> list[list[float]]:
    return [[lon + by, lat] for lon, lat in ring]


def many_cornered(vertices: int) -> list[list[float]]:
    turns = [2 * math.pi * n / (vertices - 1) for n in range(vertices - 1)]
    ring = [[2 + math.cos(turn) / 100, 48 + math.sin(turn) / 100] for turn in turns]
    return [*ring, ring[0]]


BOW_TIE = [[0.0, 0.0], [0.01, 0.01], [0.01, 0.0], [0.0, 0.01], [0.0, 0.0]]

REFUSED: list[tuple[str, object, object, str, str]] = [
    ("no object", "here", None, "geometry", "GeoJSON geometry object"),
    ("nothing", None, None, "geometry", "GeoJSON geometry object"),
    ("a line", {"type": "LineString", "coordinates": SQUARE}, None, "geometry.type", "Polygon"),
    ("no type", {"coordinates": [SQUARE]}, None, "geometry.type", "Polygon"),
    ("a list as its type", {"type": ["Polygon"], "coordinates": [SQUARE]}, None, "geometry.type", "Polygon"),
    ("no coordinates", {"type": "Polygon"}, None, "geometry.coordinates", "list"),
    ("no rings", polygon(), None, "geometry.coordinates", "at least 1 rings"),
    ("a ring that is text", polygon("round"), None, "geometry.coordinates[0]", "list"),
    ("three positions", polygon(SQUARE[:3]), None, "geometry.coordinates[0]", "at least 4 positions"),
    ("an open ring", polygon(SQUARE[:4]), None, "geometry.coordinates[0][3]", "not closed"),
    ("an open hole", polygon(SQUARE, HOLE[:4]), None, "geometry.coordinates[1][3]", "not closed"),
    (
        "a position of one number",
        polygon([SQUARE[0], [2.0], *SQUARE[2:]]),
        None,
        "geometry.coordinates[0][1]",
        "longitude, latitude",
    ),
    (
        "text for a number",
        polygon([SQUARE[0], ["2.0", 48.0], *SQUARE[2:]]),
        None,
        "geometry.coordinates[0][1][0]",
        "finite number",
    ),
    (
        "true for a number",
        polygon([SQUARE[0], [2.0, True], *SQUARE[2:]]),
        None,
        "geometry.coordinates[0][1][1]",
        "finite number",
    ),
    (
        "not a number",
        polygon([SQUARE[0], [2.0, math.nan], *SQUARE[2:]]),
        None,
        "geometry.coordinates[0][1][1]",
        "finite number",
    ),
    (
        "infinity",
        polygon([SQUARE[0], [math.inf, 48.0], *SQUARE[2:]]),
        None,
        "geometry.coordinates[0][1][0]",
        "finite number",
    ),
    (
        "an endless whole number",
        polygon([SQUARE[0], [10**400, 48.0], *SQUARE[2:]]),
        None,
        "geometry.coordinates[0][1][0]",
        "between -180 and 180",
    ),
    (
        "longitude out of range",
        polygon([SQUARE[0], [181.0, 48.0], *SQUARE[2:]]),
        None,
        "geometry.coordinates[0][1][0]",
        "between -180 and 180",
    ),
    (
        "latitude out of range",
        polygon([SQUARE[0], [2.0, 91.0], *SQUARE[2:]]),
        None,
        "geometry.coordinates[0][1][1]",
        "longitude comes first",
    ),
    ("a bow tie", polygon(BOW_TIE), None, "geometry.coordinates[0][0]", "itself at [0.005000, 0.005000]"),
    (
        "a bow tie in the second part",
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [BOW_TIE]]},
        None,
        "geometry.coordinates[1][0][0]",
        "itself at [0.005000, 0.005000]",
    ),
    (
        "a hole outside",
        polygon(SQUARE, moved(HOLE, 1)),
        None,
        "geometry.coordinates",
        "hole lies outside its polygon",
    ),
    (
        "overlapping parts",
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [moved(SQUARE, 0.005)]]},
        None,
        "geometry.coordinates",
        "crosses or touches itself",
    ),
    (
        "a part within a part",
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [HOLE]]},
        None,
        "geometry.coordinates",
        "inside another",
    ),
    ("no parts", {"type": "MultiPolygon", "coordinates": []}, None, "geometry.coordinates", "polygons"),
    ("a flat ring", polygon([[2.0, 48.0]] * 4), None, "geometry.coordinates[0][0]", "no area"),
    (
        "over the antimeridian",
        polygon([[179.99, 0], [-179.99, 0], [-179.99, 0.01], [179.99, 0.01], [179.99, 0]]),
        None,
        "geometry.coordinates[0][1]",
        "antimeridian",
    ),
    ("2,001 vertices", polygon(many_cornered(2001)), None, "geometry.coordinates[0]", "at most 2000"),
    (
        "2,001 vertices in two rings",
        polygon(many_cornered(1996), HOLE),
        None,
        "geometry.coordinates",
        "has 2001 vertices",
    ),
    (
        "50 m²",
        polygon([[2, 48], [2.0001, 48], [2.0001, 48.00006], [2, 48.00006], [2, 48]]),
        None,
        "geometry.coordinates",
        "allowed are 100 m²",
    ),
    (
        "more than 2,000 km²",
        polygon([[2, 48], [3, 48], [3, 49], [2, 49], [2, 48]]),
        None,
        "geometry.coordinates",
        "to 2,000 km²",
    ),
    (
        "the pole",
        polygon([[2, 89], [3, 89], [3, 89.1], [2, 89.1], [2, 89]]),
        None,
        "geometry.coordinates",
        "beyond 85°",
    ),
    (
        "another reference system",
        {**polygon(SQUARE), "crs": {"type": "name"}},
        None,
        "geometry.crs",
        "always WGS 84",
    ),
    ("a polygon with a radius", polygon(SQUARE), 100, "properties.radius_m", "Point only"),
    ("a circle without a radius", point(2.35, 48.85), None, "properties.radius_m", "20 to 10000 metres"),
    ("a circle of 19 m", point(2.35, 48.85), 19, "properties.radius_m", "20 to 10000 metres"),
    ("a circle of 10,001 m", point(2.35, 48.85), 10_001, "properties.radius_m", "20 to 10000 metres"),
    ("a radius in words", point(2.35, 48.85), "100", "properties.radius_m", "20 to 10000 metres"),
    ("a radius of NaN", point(2.35, 48.85), math.nan, "properties.radius_m", "20 to 10000 metres"),
    ("a circle at the date line", point(179.999, 0), 1000, "geometry.coordinates", "antimeridian"),
    ("a circle at the pole", point(2.35, 90), 100, "geometry.coordinates", "beyond 85°"),
    ("a circle reaching too far north", point(2.35, 84.99), 10_000, "geometry.coordinates", "beyond 85°"),
    ("swapped coordinates", point(48.85, 102.35), 100, "geometry.coordinates[1]", "longitude comes first"),
]


@pytest.mark.parametrize(
    ("geometry", "radius_m", "field", "reason"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_a_refused_geometry_names_the_place(
    geometry: object, radius_m: object, field: str, reason: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_shape(geometry, radius_m)

    (fault,) = refusal.value.faults
    assert fault.field == field
    assert reason in fault.reason


def test_the_field_says_which_feature_of_a_collection_it_is_about() -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_shape(polygon(SQUARE[:4]), at="features[3].")

    assert refusal.value.faults[0].field == "features[3].geometry.coordinates[0][3]"


def test_a_crossing_is_told_at_the_edge_where_it_happens() -> None:
    ring = [[2.0, 48.0], [2.02, 48.0], [2.02, 48.02], [2.01, 48.0 - 0.01], [2.0, 48.02], [2.0, 48.0]]

    with pytest.raises(InvalidInput) as refusal:
        read_shape(polygon(ring))

    (fault,) = refusal.value.faults
    assert fault.field == "geometry.coordinates[0][0]"
    lon, lat = (float(n) for n in fault.reason.partition("[")[2].rstrip("]").split(","))
    assert 2.0 < lon < 2.02
    assert lat == 48.0


def test_a_clockwise_ring_is_turned_and_not_refused() -> None:
    shape = read_shape(polygon(SQUARE[::-1], HOLE))

    (part,) = shapely.get_parts(shape.polygon)
    assert part.exterior.is_ccw
    assert not part.interiors[0].is_ccw


def test_altitudes_are_dropped() -> None:
    shape = read_shape(polygon([[*position, 35.0] for position in SQUARE]))

    assert not shape.polygon.has_z
    assert write_shape(shape)["coordinates"] == [SQUARE]


def test_a_polygon_with_a_hole_is_written_as_it_was_read() -> None:
    given_ = polygon(SQUARE, HOLE[::-1])

    assert write_shape(read_shape(given_)) == given_


def test_a_multipolygon_is_written_as_it_was_read() -> None:
    given_ = {"type": "MultiPolygon", "coordinates": [[SQUARE], [moved(SQUARE, 1)]]}

    assert write_shape(read_shape(given_)) == given_


def test_parts_on_both_sides_of_the_date_line_are_allowed() -> None:
    east, west = moved(SQUARE, 177.98), moved(SQUARE, -182)

    shape = read_shape({"type": "MultiPolygon", "coordinates": [[east], [west]]})

    assert len(shapely.get_parts(shape.polygon)) == 2


def test_two_thousand_vertices_are_allowed() -> None:
    shape = read_shape(polygon(many_cornered(2000)))

    assert shapely.get_num_coordinates(shape.polygon) == 2000


def test_a_circle_is_written_as_its_centre() -> None:
    shape = read_shape(point(2.35, 48.85), 100)

    assert write_shape(shape) == point(2.35, 48.85)
    assert shape.radius_m == 100


@settings(derandomize=True, deadline=None)
@given(lon=st.floats(-179, 179), lat=st.floats(-84.8, 84.8), radius_m=st.floats(20, 10_000))
def test_a_circle_covers_as_much_ground_as_it_says(lon: float, lat: float, radius_m: float) -> None:
    shape = circle(lon, lat, radius_m)

    assert shape.effective_radius_m == pytest.approx(radius_m, rel=1e-3)
    assert len(shapely.get_coordinates(shape.polygon)) == 65
    assert shape.polygon.exterior.is_ccw


def test_a_square_kilometre_is_one_square_kilometre() -> None:
    # 1 km at 60° N is 1/55.8 degrees of longitude and 1/111.4 of latitude (GRS 80 tables).
    wide, high = 1 / 55.800, 1 / 111.412
    shape = read_shape(
        polygon([[25, 60], [25 + wide, 60], [25 + wide, 60 + high], [25, 60 + high], [25, 60]])
    )

    assert shape.area_m2 == pytest.approx(1e6, rel=1e-3)


def test_a_site_is_a_point() -> None:
    assert read_point(point(2.35, 48.85)) == (2.35, 48.85)
    with pytest.raises(InvalidInput) as refusal:
        read_point(polygon(SQUARE), at="features[0].")
    assert refusal.value.faults[0].field == "features[0].geometry.type"


def test_a_feature_of_the_older_draft_is_refused_for_its_crs() -> None:
    refuse_crs({"type": "Feature", "crs": None})
    with pytest.raises(InvalidInput) as refusal:
        refuse_crs({"type": "Feature", "crs": {"type": "name", "properties": {"name": "EPSG:2154"}}})
    assert refusal.value.faults[0].field == "crs"


def test_swapped_numbers_are_recognised_beside_a_known_place() -> None:
    paris = (2.35, 48.85)

    assert looks_swapped(48.86, 2.34, near=paris)
    assert not looks_swapped(2.36, 48.84, near=paris)
    assert not looks_swapped(7.75, 48.58, near=paris)
