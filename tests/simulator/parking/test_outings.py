"""Outings by car: driven at the speed of the street, parked at a kerb, continued on foot, and back."""

from itertools import pairwise

import numpy as np
import pytest

from simulator.parking.outings import LONGEST_RED_S, Motoring, Outing
from simulator.parking.spots import KERB_M, Spots, find_spots
from simulator.parking.zones import Zones
from simulator.plane import Floats
from simulator.roads import Roads

HOUR_S = 3600.0
FASTEST_MPS = 50 / 3.6 * 1.15


@pytest.fixture(scope="module")
def outings(motoring: Motoring) -> list[Outing]:
    return [motoring.outing(np.random.default_rng(seed), HOUR_S) for seed in range(40)]


def speeds(outing: Outing, from_s: float, until_s: float) -> Floats:
    seconds = np.arange(from_s, until_s, 1.0)
    metres = outing.walk.at(seconds)
    return np.hypot(*np.diff(metres, axis=0).T)


def test_the_same_seed_drives_the_same_way(motoring: Motoring) -> None:
    one, same, other = (motoring.outing(np.random.default_rng(seed), HOUR_S) for seed in (1, 1, 2))
    assert np.array_equal(one.walk.metres, same.walk.metres)
    assert [p.from_s for p in one.parked] == [p.from_s for p in same.parked]
    assert not np.array_equal(one.walk.metres[:5], other.walk.metres[:5])


def test_nobody_is_faster_than_a_car_and_most_drive_a_while(outings: list[Outing]) -> None:
    for outing in outings:
        arrived_s = outing.parked[0].from_s
        assert speeds(outing, 0, outing.walk.seconds[-1]).max() <= FASTEST_MPS
        assert (speeds(outing, 0, arrived_s) > 7.0).sum() >= 20


def test_a_parked_car_stays_where_it_is_and_its_driver_comes_back_to_it(outings: list[Outing]) -> None:
    for outing in outings:
        for parked in outing.parked:
            assert parked.until_s - parked.from_s > 60
            ends = outing.walk.at(np.array([parked.from_s, parked.until_s]))
            assert np.allclose(ends, parked.metres, atol=0.01)
            away_m = np.hypot(*(outing.walk.at(np.arange(parked.from_s, parked.until_s)) - parked.metres).T)
            assert away_m.max() > 5
            assert speeds(outing, parked.from_s, parked.until_s).max() <= 1.7


def test_between_two_places_the_car_stands_no_longer_than_a_light_is_red(outings: list[Outing]) -> None:
    for outing in outings:
        for before, after in pairwise(outing.parked):
            driving = speeds(outing, before.until_s + 1, after.from_s - 1)
            standing = "".join("x" if speed < 0.1 else " " for speed in driving)
            assert max(map(len, standing.split()), default=0) <= LONGEST_RED_S


def test_most_look_for_a_place_where_one_pays(outings: list[Outing], zones: Zones) -> None:
    inside = [bool(zones.at(parked.metres)) for outing in outings for parked in outing.parked]
    assert 0.65 < np.mean(inside) < 0.95


# Where a car can be left


def test_spots_lie_beside_the_road_and_know_whether_one_pays_there(
    spots: Spots, zones: Zones, roads: Roads
) -> None:
    assert len(spots.metres) == len(spots.nodes) == len(spots.paid) + len(spots.free)
    for spot in spots.paid[::50]:
        assert zones.at(spots.metres[spot])
    for spot in spots.free[::50]:
        assert not zones.at(spots.metres[spot])
    assert len(np.unique(spots.metres.round(3), axis=0)) == len(spots.metres)
    assert KERB_M < 5


def test_a_car_park_off_the_road_has_one_spot_and_one_far_from_any_road_has_none(
    roads: Roads, make_zone: object
) -> None:
    assert callable(make_zone)
    corner = roads.metres[0]
    near = make_zone((corner[0] - 60, corner[1] - 60, corner[0] - 40, corner[1] - 40), zone_id=6)
    far = make_zone((corner[0] - 900, corner[1] - 900, corner[0] - 800, corner[1] - 800), zone_id=7)
    found = find_spots(roads, Zones((near, far)))
    assert found is not None
    assert len(found.paid) == 1
    assert Zones((near,)).at(found.metres[found.paid[0]])
