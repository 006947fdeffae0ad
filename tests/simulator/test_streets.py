"""Streets read from the real extract of central Helsinki."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rustworkx

from simulator.plane import Plane
from simulator.streets import Streets, UnusableCityError, default_city, is_walkable, read_streets


@pytest.fixture(scope="module")
def helsinki() -> Streets:
    return read_streets(default_city())


def test_every_street_can_be_reached_from_every_other(helsinki: Streets) -> None:
    assert len(helsinki.metres) > 5000
    assert rustworkx.is_connected(helsinki.graph)


def test_the_same_file_gives_the_same_nodes_in_the_same_order(helsinki: Streets) -> None:
    again = read_streets(default_city())
    assert np.array_equal(again.metres, helsinki.metres)
    assert list(again.graph.edge_list()) == list(helsinki.graph.edge_list())


def test_a_route_joins_its_ends_along_existing_streets(helsinki: Streets) -> None:
    corners = helsinki.route(10, 4000)
    numbers = helsinki.nearest(corners)
    assert (numbers[0], numbers[-1]) == (10, 4000)
    assert all(helsinki.graph.has_edge(a, b) for a, b in pairwise(numbers))


def test_a_route_is_the_shortest_there_is(helsinki: Streets) -> None:
    length_m = np.hypot(*np.diff(helsinki.route(10, 4000), axis=0).T).sum()
    shortest = rustworkx.dijkstra_shortest_path_lengths(helsinki.graph, 10, float, goal=4000)[4000]
    assert length_m == pytest.approx(shortest)
    assert length_m >= np.hypot(*(helsinki.metres[10] - helsinki.metres[4000]))


def test_a_route_to_where_one_stands_is_that_place_alone(helsinki: Streets) -> None:
    assert np.array_equal(helsinki.route(7, 7), helsinki.metres[[7]])


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "footway"}, True),
        ({"highway": "residential"}, True),
        ({"highway": "motorway"}, False),
        ({"highway": "construction"}, False),
        ({"building": "yes"}, False),
        ({"highway": "service", "access": "private"}, False),
        ({"highway": "service", "access": "private", "foot": "yes"}, True),
        ({"highway": "cycleway", "foot": "no"}, False),
    ],
)
def test_people_walk_only_where_they_may(tags: dict[str, str], expected: bool) -> None:
    assert is_walkable(tags) is expected


def test_a_file_that_is_no_map_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.osm.pbf"
    path.write_bytes(b"this is no map")
    with pytest.raises(UnusableCityError, match=r"broken\.osm\.pbf cannot be read"):
        read_streets(path)


def test_a_map_without_streets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.osm"
    path.write_text('<osm version="0.6"><node id="1" lat="60" lon="24" version="1"/></osm>')
    with pytest.raises(UnusableCityError, match="no street to walk on"):
        read_streets(path)


def test_the_plane_measures_a_known_distance_and_comes_back() -> None:
    # One minute of latitude at 60 degrees north is 1856.9 m on the ellipsoid (WGS 84).
    plane = Plane(latitude=60.0, longitude=24.9)
    degrees = np.array([[24.9, 60.0], [24.9, 60.0 + 1 / 60], [24.95, 60.0]])
    metres = plane.to_metres(degrees)
    assert metres[1] == pytest.approx([0, 1856.9], abs=0.5)
    # 0.05 degrees of longitude there: 2790.0 m.
    assert metres[2] == pytest.approx([2790.0, 0], abs=0.5)
    assert plane.to_degrees(metres) == pytest.approx(degrees)
