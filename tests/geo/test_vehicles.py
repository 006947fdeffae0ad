"""Where a car stops and drives off, told by a phone in it."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.fixes import Fix
from geo.sightings import Sighting
from geo.vehicles import (
    DRIVE_FORGOTTEN_AFTER_S,
    DRIVING,
    ON_FOOT,
    PARKED,
    STOPPED_FOR_S,
    Vehicle,
    drive,
    is_riding,
    left,
)
from tests.geo.driving import BEGAN_AT, LAT, LON, driven, fixes_of, north_of

CAR, WALK, STILL = 12.0, 1.4, 0.0
TO_THE_SHOP = [(120.0, CAR), (60.0, STILL), (300.0, WALK)]


@pytest.mark.parametrize("tells_speed", [True, False])
def test_a_car_that_stops_is_noticed_once_and_where_it_stopped(tells_speed):
    vehicle, events = driven(fixes_of(TO_THE_SHOP, tells_speed=tells_speed))
    assert [event.kind for event in events] == ["stopped"]
    assert north_of(events[0]) == pytest.approx(120 * CAR, abs=0.1 if tells_speed else 15 * WALK)
    assert vehicle is not None
    assert vehicle.phase == PARKED


def test_it_is_noticed_when_it_stood_for_longer_than_a_red_light():
    def noticed(still_s: float) -> bool:
        return bool(driven(fixes_of([(120, CAR), (still_s, STILL), (60, CAR)]))[1])

    assert not noticed(STOPPED_FOR_S - 15)
    assert noticed(STOPPED_FOR_S + 15)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("tells_speed", [True, False])
def test_a_slow_street_is_driven_too(tells_speed, seed):
    fixes = fixes_of([(120, 8.3), *TO_THE_SHOP[1:]], accuracy_m=10, tells_speed=tells_speed, seed=seed)
    assert [event.kind for event in driven(fixes)[1]] == ["stopped"]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("tells_speed", [True, False])
def test_real_errors_hide_no_stop(tells_speed, seed):
    fixes = fixes_of(TO_THE_SHOP, accuracy_m=15, tells_speed=tells_speed, seed=seed)
    _, events = driven(fixes)
    assert [event.kind for event in events] == ["stopped"]
    assert north_of(events[0]) == pytest.approx(120 * CAR, abs=60)


@pytest.mark.parametrize(
    "legs", [[(1800, WALK)], [(1200, 3.5)], [(1200, 6.4), (300, STILL)], [(3600, STILL)]]
)
@pytest.mark.parametrize("tells_speed", [True, False])
def test_walkers_runners_bicycles_and_phones_that_lie_still_are_no_cars(legs, tells_speed):
    for seed in range(10):
        fixes = fixes_of(legs, accuracy_m=25, tells_speed=tells_speed, seed=seed)
        assert driven(fixes)[1] == []


def test_a_wild_fix_that_goes_out_and_comes_back_is_no_drive():
    fixes = fixes_of([(600, STILL)], accuracy_m=5, tells_speed=False)
    wild = msgspec.structs.replace(fixes[10], lat=LAT + 0.01)
    assert driven([*fixes[:10], wild, *fixes[11:]])[1] == []


def test_slow_traffic_is_not_parking():
    crawling = [(120.0, CAR), *[(20.0, 4.0), (10.0, STILL)] * 10, (60.0, CAR)]
    assert driven(fixes_of(crawling))[1] == []


def test_whoever_rolls_on_a_little_stopped_where_they_rolled_to():
    _, events = driven(fixes_of([(120, CAR), (45, STILL), (15, 6.0), (120, STILL)]))
    assert [round(north_of(event)) for event in events] == [120 * 12 + 90]


def test_the_best_fix_of_the_stop_says_where_it_was():
    fixes = fixes_of([(120, CAR), (150, STILL)])
    vague = [msgspec.structs.replace(fix, accuracy_m=40.0, lat=fix.lat + 0.0002) for fix in fixes[8:10]]
    _, events = driven([*fixes[:8], *vague, *fixes[10:]])
    assert [event.accuracy_m for event in events] == [0.0]
    assert north_of(events[0]) == pytest.approx(120 * CAR, abs=0.1)


def test_driving_off_is_told_with_every_fix_until_somebody_settles_it():
    parked, _ = driven(fixes_of(TO_THE_SHOP))
    there = fixes_of([(90, CAR)])
    away = [msgspec.structs.replace(fix, at=fix.at + 7200) for fix in there]
    vehicle, events = driven(away, parked)
    assert {event.kind for event in events} == {"driving"}
    assert len(events) > 2
    assert vehicle is not None
    assert vehicle.phase == DRIVING
    on = msgspec.structs.replace(away[-1], at=away[-1].at + 15, lat=away[-1].lat + 0.002)
    assert drive(vehicle, None, on)[1] is not None
    assert drive(left(vehicle), None, on)[1] is None


def test_stopping_again_ends_the_leaving():
    parked, _ = driven(fixes_of(TO_THE_SHOP))
    there = fixes_of([(90, CAR), (180, STILL)])
    vehicle, events = driven([msgspec.structs.replace(fix, at=fix.at + 7200) for fix in there], parked)
    assert events[-1].kind == "stopped"
    assert vehicle is not None
    assert not vehicle.is_leaving


def test_a_light_on_the_way_out_does_not_hide_the_leaving():
    parked, _ = driven(fixes_of(TO_THE_SHOP))
    there = fixes_of([(60, CAR), (45, STILL), (60, CAR)])
    _, events = driven([msgspec.structs.replace(fix, at=fix.at + 7200) for fix in there], parked)
    assert {event.kind for event in events} == {"driving"}
    assert events[-1].at - events[0].at > 100


def test_a_lift_of_a_few_metres_is_not_driving_off():
    parked, _ = driven(fixes_of(TO_THE_SHOP))
    assert parked is not None
    once = Fix(fix_id="x", at=parked.at + 7200, lat=parked.lat, lon=parked.lon, accuracy_m=5.0, speed_mps=9.0)
    weighed, event = drive(parked, None, once)
    assert event is None
    assert weighed is not None
    assert is_riding(weighed)
    later = msgspec.structs.replace(once, at=once.at + 900, speed_mps=0.0)
    assert drive(weighed, None, later)[0] == parked


def test_what_was_driven_long_ago_is_forgotten():
    vehicle, _ = driven(fixes_of([(120, CAR)]))
    late = Fix(
        fix_id="x",
        at=BEGAN_AT + 120 + DRIVE_FORGOTTEN_AFTER_S + 1,
        lat=LAT,
        lon=LON,
        accuracy_m=5,
        speed_mps=0,
    )
    assert drive(vehicle, None, late) == (None, None)
    soon = msgspec.structs.replace(late, at=BEGAN_AT + 1800)
    assert drive(vehicle, None, soon)[0] is not None


def test_one_fast_fix_is_forgotten_after_a_while():
    fast = Fix(fix_id="a", at=BEGAN_AT, lat=LAT, lon=LON, accuracy_m=5, speed_mps=20)
    weighed, _ = drive(None, None, fast)
    assert weighed is not None
    assert weighed.phase == ON_FOOT
    assert is_riding(weighed)
    assert drive(weighed, None, msgspec.structs.replace(fast, at=fast.at + 301, speed_mps=0.0)) == (
        None,
        None,
    )
    assert drive(weighed, None, msgspec.structs.replace(fast, at=fast.at + 10, speed_mps=0.0))[0] == weighed


def test_nobody_rides_who_remembers_nothing():
    assert not is_riding(None)


@pytest.mark.parametrize("member", ["lat", "lon", "at", "accuracy_m"])
def test_what_is_not_finite_is_refused(member):
    fix = Fix(fix_id="a", at=BEGAN_AT, lat=LAT, lon=LON, accuracy_m=5)
    with pytest.raises(ValueError, match="finite"):
        drive(None, None, msgspec.structs.replace(fix, **{member: math.nan}))


def test_a_long_way_round_the_world_is_short_across_the_date_line():
    before = Sighting(BEGAN_AT, 0.0, 179.9999, 5.0)
    fix = Fix(fix_id="a", at=BEGAN_AT + 15, lat=0.0, lon=-179.9999, accuracy_m=5.0)
    assert drive(None, before, fix) == (None, None)


legs = st.lists(
    st.tuples(st.sampled_from([15.0, 45.0, 120.0, 400.0]), st.sampled_from([0.0, 1.4, 4.0, 9.0, 25.0])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(
    legs=legs,
    accuracy_m=st.sampled_from([0.0, 10.0, 40.0]),
    tells_speed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_stop_is_told_only_after_driving_and_once_for_each_drive(legs, accuracy_m, tells_speed, seed):
    fixes = fixes_of(legs, accuracy_m=accuracy_m, tells_speed=tells_speed, seed=seed)
    vehicle, before, has_driven = None, None, False
    for fix in fixes:
        vehicle, event = drive(vehicle, before, fix)
        before = Sighting(fix.at, fix.lat, fix.lon, fix.accuracy_m)
        if event is not None and event.kind == "stopped":
            assert has_driven
            assert fix.at - event.at >= STOPPED_FOR_S
            has_driven = False
        if vehicle is not None:
            has_driven |= vehicle.phase == DRIVING
            assert vehicle == msgspec.json.decode(msgspec.json.encode(vehicle), type=Vehicle)
