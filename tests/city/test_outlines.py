"""Fences of places: the outline and a margin, or a circle, never small, never complicated."""

import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.outlines import CIRCLE_RADIUS_M, MARGIN_M, MOST_CORNERS, fence_around
from geo.shapes import metres_per_degree

LATITUDES = st.floats(-80, 80)
LONGITUDES = st.floats(-179, 179)


def box(lat: float, lon: float, width_m: float, height_m: float) -> shapely.Polygon:
    """Centred on (lat, lon)."""
    across, along = metres_per_degree(lat)
    half_width, half_height = width_m / 2 / across, height_m / 2 / along
    return shapely.box(lon - half_width, lat - half_height, lon + half_width, lat + half_height)


@given(LATITUDES, LONGITUDES, st.floats(2, 400), st.floats(2, 400))
def test_a_fence_covers_the_outline_and_is_never_too_small(
    lat: float, lon: float, width_m: float, height_m: float
):
    outline = box(lat, lon, width_m, height_m)
    fence = fence_around(lat, lon, outline)
    assert fence.polygon.is_valid
    assert fence.polygon.covers(outline)
    assert fence.effective_radius_m >= 50
    assert fence.centre is None


@given(LATITUDES, LONGITUDES)
def test_a_place_without_an_outline_gets_a_circle(lat: float, lon: float):
    fence = fence_around(lat, lon, None)
    assert fence.centre == (lon, lat)
    assert fence.radius_m == CIRCLE_RADIUS_M
    assert fence.effective_radius_m >= 50


def test_the_margin_is_thirty_metres_where_that_is_enough():
    fence = fence_around(60.0, 25.0, box(60.0, 25.0, 200, 200))
    _, along = metres_per_degree(60.0)
    north_m = (fence.polygon.bounds[3] - 60.0) * along - 100
    assert MARGIN_M <= north_m <= MARGIN_M + 1


def test_a_courtyard_belongs_to_the_place():
    yard = box(60.0, 25.0, 300, 300).difference(box(60.0, 25.0, 250, 250))
    fence = fence_around(60.0, 25.0, yard)
    assert fence.polygon.covers(shapely.Point(25.0, 60.0))
    assert len(fence.polygon.interiors) == 0


def test_an_outline_in_two_parts_far_apart_gives_a_fence_in_two_parts():
    parts = shapely.union(box(60.0, 25.0, 50, 50), box(60.0, 25.01, 50, 50))
    fence = fence_around(60.0, 25.0, parts)
    assert fence.polygon.geom_type == "MultiPolygon"
    assert fence.polygon.covers(parts)


def test_an_outline_of_many_parts_is_simplified_to_the_limit():
    """Huts 100 m apart: their margins do not touch, and each alone takes a dozen corners."""
    across, along = metres_per_degree(60.0)
    huts = [
        box(60.0 + row * 100 / along, 25.0 + column * 100 / across, 4, 4)
        for row in range(12)
        for column in range(20)
    ]
    fence = fence_around(60.0, 25.0, shapely.union_all(huts))
    assert shapely.get_num_coordinates(fence.polygon) <= MOST_CORNERS
    assert fence.polygon.is_valid
    assert all(fence.polygon.covers(hut) for hut in huts)


def test_the_point_is_covered_even_beside_its_outline():
    fence = fence_around(60.0, 25.0, box(60.0, 25.002, 20, 20))
    assert fence.polygon.covers(shapely.Point(25.0, 60.0))
