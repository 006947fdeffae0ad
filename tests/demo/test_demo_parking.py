"""The demo's paid parking: the same for one seed, in forms that any operator may import, of every shape."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api import demo_city, demo_parking
from api.demo_parking import Plan
from offers.parking.tariffs import Tariff, price, read_tariff, scale
from simulator.parking.hours import read_hours

HELSINKI = ZoneInfo("Europe/Helsinki")
THURSDAY_NOON = datetime(2026, 11, 26, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    return demo_parking.plan(demo_city.helsinki_file(), seed=1)


@pytest.fixture(scope="module")
def tariffs(plans: list[Plan]) -> dict[str, Tariff]:
    return {tariff.id: tariff for plan in plans for tariff in map(read_tariff, plan.tariffs)}


def test_the_same_seed_gives_the_same_zones_to_the_same_operators(plans: list[Plan]) -> None:
    assert demo_parking.plan(demo_city.helsinki_file(), seed=1) == plans
    assert demo_parking.plan(demo_city.helsinki_file(), seed=2) != plans


def test_there_are_kerbs_of_a_city_and_car_parks_of_others(plans: list[Plan]) -> None:
    kinds = [
        Counter("kerb" if "buffer_m" in one["properties"] else "car park" for one in plan.features)
        for plan in plans
    ]
    assert kinds[0]["kerb"] >= 20
    assert kinds[0]["car park"] == 0
    assert all(kind["car park"] >= 5 and not kind["kerb"] for kind in kinds[1:])


def test_every_zone_has_a_code_of_its_own_and_a_tariff_that_is_there(
    plans: list[Plan], tariffs: dict[str, Tariff]
) -> None:
    for plan in plans:
        properties = [one["properties"] for one in plan.features]
        assert len({one["code"] for one in properties}) == len(properties)
        assert {one["tariff"] for one in properties} == {tariff["id"] for tariff in plan.tariffs}
    assert all(tariff.currency == "EUR" for tariff in tariffs.values())


def test_at_noon_on_a_thursday_parking_costs_everywhere(tariffs: dict[str, Tariff]) -> None:
    until = THURSDAY_NOON + timedelta(hours=1)
    costs = {name: price(t, start=THURSDAY_NOON, until=until, zone=HELSINKI) for name, t in tariffs.items()}
    assert {name: one.price_minor for name, one in costs.items()} == {
        "core": 400, "ring": 130, "neighbourhood": 200, "kivi": 480, "laituri": 420,
    }  # fmt: skip


def test_the_last_step_in_the_street_costs_as_much_as_not_paying(tariffs: dict[str, Tariff]) -> None:
    for name in ("core", "ring", "neighbourhood"):
        steps = scale(tariffs[name], start=THURSDAY_NOON.replace(hour=7), zone=HELSINKI)
        assert max(step.price_minor for step in steps) == tariffs[name].fps_minor


def test_who_lives_there_buys_the_day(tariffs: dict[str, Tariff]) -> None:
    until = THURSDAY_NOON + timedelta(hours=5)
    stay = price(
        tariffs["neighbourhood"],
        start=THURSDAY_NOON,
        until=until,
        zone=HELSINKI,
        classes=frozenset({"resident"}),
    )
    assert stay.price_minor == 150


def test_the_simulator_understands_all_hours_by_itself(tariffs: dict[str, Tariff]) -> None:
    weeks = [read_hours(rate.hours) for tariff in tariffs.values() for rate in tariff.rates]
    assert None not in weeks
