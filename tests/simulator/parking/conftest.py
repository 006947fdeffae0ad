"""A town with one paid zone, and people who may drive in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import shapely

from simulator.parking.hours import read_hours
from simulator.parking.outings import Motoring
from simulator.parking.spots import Spots, find_spots
from simulator.parking.zones import Zone, Zones
from simulator.roads import Roads, read_roads
from simulator.streets import Streets, read_streets
from simulator.walks import Walker

MakeZone = Callable[..., Zone]


@pytest.fixture(scope="session")
def streets(town_file: Path) -> Streets:
    return read_streets(town_file)


@pytest.fixture(scope="session")
def roads(town_file: Path, streets: Streets) -> Roads:
    found = read_roads(town_file, streets.plane)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def make_zone() -> MakeZone:
    """A zone with these bounds in metres, where visitors pay in these hours."""

    def make(
        bounds: tuple[float, float, float, float], hours: str = "Mo-Fr 09:00-18:00", zone_id: int = 5
    ) -> Zone:
        week = read_hours(hours)
        return Zone(
            zone_id=zone_id,
            retailer_id=3,
            code=f"S{zone_id:02}",
            time_zone="Europe/Helsinki",
            shape=shapely.box(*bounds),
            paid=None if week is None else (week,),
            classes=frozenset(),
        )

    return make


@pytest.fixture(scope="session")
def zones(make_zone: MakeZone) -> Zones:
    """The western half of the town is paid for."""
    return Zones((make_zone((-1000, -1000, 0, 1000)),))


@pytest.fixture(scope="session")
def spots(roads: Roads, zones: Zones) -> Spots:
    found = find_spots(roads, zones)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def motoring(roads: Roads, spots: Spots, streets: Streets) -> Motoring:
    return Motoring(roads, spots, Walker(streets, streets.metres[::7] + 10))
