"""The roads of a map: who may drive where, how fast, which way round; and routes that keep to it."""

from pathlib import Path

import numpy as np
import pytest

from simulator.plane import Plane
from simulator.roads import Roads, directions, is_drivable, read_roads, speed_kmh
from simulator.streets import UnusableCityError, read_streets

PLANE = Plane(latitude=60.17, longitude=24.94)
BLOCK = """<osm version="0.6">
  <node id="1" version="1" lat="60.170" lon="24.940"/>
  <node id="2" version="1" lat="60.170" lon="24.942"><tag k="highway" v="traffic_signals"/></node>
  <node id="3" version="1" lat="60.171" lon="24.942"/>
  <node id="4" version="1" lat="60.171" lon="24.940"/>
  <node id="9" version="1" lat="60.180" lon="24.950"/>
  <way id="1" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="4"/>
    <tag k="highway" v="residential"/><tag k="oneway" v="yes"/></way>
  <way id="2" version="1"><nd ref="4"/><nd ref="1"/>
    <tag k="highway" v="primary"/><tag k="maxspeed" v="40"/></way>
  <way id="3" version="1"><nd ref="1"/><nd ref="3"/><tag k="highway" v="footway"/></way>
  <way id="4" version="1"><nd ref="3"/><nd ref="9"/>
    <tag k="highway" v="residential"/><tag k="oneway" v="yes"/></way>
</osm>"""


@pytest.fixture
def block(tmp_path: Path) -> Roads:
    """Once around by one-way streets and an avenue; a way out without a way back; a path across."""
    file = tmp_path / "block.osm"
    file.write_text(BLOCK)
    roads = read_roads(file, PLANE)
    assert roads is not None
    return roads


def test_only_what_one_can_leave_again_by_car_is_kept(block: Roads) -> None:
    assert len(block.metres) == 4
    assert {(road.start, road.end) for road in block.roads} == {(0, 1), (1, 2), (2, 3), (3, 0), (0, 3)}
    assert block.lights == {1}


def test_a_route_keeps_to_one_way_streets(block: Roads) -> None:
    assert block.route(0, 1) == [0, 1]
    assert block.route(1, 0) == [1, 2, 3, 0]
    assert block.route(2, 2) == [2]


def test_the_speed_is_that_of_the_sign_or_usual(block: Roads) -> None:
    assert block.speed_mps(3, 0) == pytest.approx(40 / 3.6)
    assert block.speed_mps(0, 1) == pytest.approx(30 / 3.6)
    assert {road.is_quiet for road in block.roads if road.start == 0 and road.end == 3} == {False}
    assert int(block.nearest(block.metres[2] + np.array([1.0, -2.0]))) == 2


@pytest.mark.parametrize(
    ("tags", "kmh"),
    [
        ({"highway": "residential"}, 30),
        ({"highway": "living_street"}, 15),
        ({"highway": "service", "maxspeed": "20"}, 20),
        ({"highway": "primary", "maxspeed": "80"}, 50),
        ({"highway": "primary", "maxspeed": "FI:urban"}, 40),
        ({"highway": "service", "maxspeed": "0"}, 15),
    ],
)
def test_speeds_are_plausible_in_a_city(tags: dict[str, str], kmh: float) -> None:
    assert speed_kmh(tags) == kmh


@pytest.mark.parametrize(
    ("tags", "is_so"),
    [
        ({"highway": "residential"}, True),
        ({"highway": "footway"}, False),
        ({"highway": "service", "access": "private"}, False),
        ({"highway": "service", "access": "private", "motor_vehicle": "yes"}, True),
        ({"highway": "residential", "motor_vehicle": "no"}, False),
        ({}, False),
    ],
)
def test_people_drive_where_everybody_may(tags: dict[str, str], is_so: bool) -> None:
    assert is_drivable(tags) is is_so


@pytest.mark.parametrize(
    ("tags", "both"),
    [
        ({}, (True, True)),
        ({"oneway": "yes"}, (True, False)),
        ({"oneway": "-1"}, (False, True)),
        ({"junction": "roundabout"}, (True, False)),
        ({"oneway": "no", "junction": "roundabout"}, (True, True)),
    ],
)
def test_one_way_streets_are_driven_one_way(tags: dict[str, str], both: tuple[bool, bool]) -> None:
    assert directions(tags) == both


def test_a_map_without_roads_has_no_drivers(tmp_path: Path) -> None:
    file = tmp_path / "paths.osm"
    file.write_text(BLOCK.replace('"residential"', '"footway"').replace('"primary"', '"footway"'))
    assert read_roads(file, PLANE) is None
    with pytest.raises(UnusableCityError):
        read_roads(tmp_path / "nowhere.osm", PLANE)


def test_the_town_of_the_tests_can_be_driven_in(town_file: Path) -> None:
    plane = read_streets(town_file).plane
    roads = read_roads(town_file, plane)
    assert roads is not None
    assert len(roads.metres) == 100
