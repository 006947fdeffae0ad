"""A second real city, by way of the public imports: its streets, garages, restaurants and printed tariffs."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from offers.hours import Hours
from tests.http.bringing import bring, take
from tests.http.phones import Phone, new_phone, yes
from tests.http.shops import Shop
from tests.montpellier import open_data
from tests.montpellier.open_data import (
    FOLDER,
    TIME_ZONE,
    Printed,
    read_pay_stations,
    read_printed,
    read_segments,
)

pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason="no open data: ../shared/data/montpellier is absent"
)

PAID_SEGMENTS = 1_296


@pytest.fixture
async def driver(http) -> Phone:
    phone = await new_phone(http)
    await phone.answers(yes("location_parking"))
    return phone


async def bring_everything(city: Shop, rows) -> dict[str, int]:
    """Tariffs, zones and sites, imported; how many of each were new."""
    files = {
        "parking/tariffs": open_data.tariffs_file(),
        "parking/zones": await open_data.zones_file(rows),
        "sites": open_data.sites_file(),
    }
    created = {}
    for what, file in files.items():
        tried = await bring(city, what, file, dry_run="true")
        assert (tried.status_code, tried.json()["errors"]) == (200, []), tried.text
        report = (await bring(city, what, file)).json()
        assert report["refused"] == 0
        created[what] = report["created"]
        again = (await bring(city, what, file)).json()
        assert (again["created"], again["updated"]) == (0, 0)
    return created


async def test_the_whole_city_comes_in_through_the_public_imports(montpellier, rows):
    segments = read_segments()
    assert sum(map(len, segments.values())) == PAID_SEGMENTS
    created = await bring_everything(montpellier, rows)
    assert created["parking/tariffs"] == 3
    assert created["sites"] > 600
    zones = (await take(montpellier, "/v1/parking/zones/export"))["features"]
    by_colour = Counter(zone["properties"]["tariff"] for zone in zones)
    assert set(by_colour) == {"jaune", "orange", "vert"}
    assert created["parking/zones"] == sum(by_colour.values())


async def test_whoever_stands_at_a_pay_station_is_told_the_zone_it_sells(montpellier, rows, driver):
    await bring_everything(montpellier, rows)
    stations = read_pay_stations()[::40]
    found = []
    for lat, lon in stations:
        answer = await driver.get("/v1/parking/zones", params={"lat": lat, "lon": lon, "accuracy_m": 15})
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
    # Other tests brought the same zones of other operators: they share what is likely.
    likely = [one for one in found if one["none"] < 0.5]
    assert len(likely) >= 0.8 * len(stations)  # the stations are of 2011, the zones of 2014
    for one in found:
        assert sum(zone["confidence"] for zone in one["items"]) + one["none"] == pytest.approx(1, abs=0.02)


SEVEN_IN_THE_EVENING = timedelta(hours=10)


def a_monday_at_nine() -> datetime:
    """When the meters begin, in the next fortnight without a public holiday."""
    holidays = Hours("PH", country="FR")
    day = datetime.now(ZoneInfo(TIME_ZONE)).replace(hour=9, minute=0, second=0, microsecond=0)
    day += timedelta(days=7 - day.weekday())
    while any(holidays.is_open(day.replace(tzinfo=None) + timedelta(days=n)) for n in range(15)):
        day += timedelta(days=7)
    return day


NINE = a_monday_at_nine()


async def quote(driver: Phone, code: str, **said: Any) -> httpx.Response:
    return await driver.post("/v1/parking/quotes", {"code": code, "start": NINE.isoformat(), **said})


def end_of(printed: Printed) -> dict[str, Any]:
    """How a driver asks for what is printed: minutes, or until the meters stop on the last of the days."""
    if printed.days is None:
        return {"duration_min": printed.minutes}
    return {"until": (NINE + timedelta(days=printed.days - 1) + SEVEN_IN_THE_EVENING).isoformat()}


# Residents of the long-stay zone park by a monthly card alone, which is printed without an amount.
@pytest.mark.parametrize(
    ("colour", "who"),
    [
        ("jaune", "normal"),
        ("orange", "normal"),
        ("vert", "normal"),
        ("jaune", "resident"),
        ("orange", "resident"),
    ],
)
async def test_every_printed_step_is_quoted_to_the_cent(montpellier, rows, driver, colour, who):
    await bring_everything(montpellier, rows)
    printed = read_printed()[colour][who]
    sign = {
        "retailer_id": montpellier.retailer_id,
        **({"user_class": "resident"} if who == "resident" else {}),
    }
    code = f"{colour[0].upper()}01"
    quoted = []
    for one in printed:
        answer = await quote(driver, code, **sign, **end_of(one))
        assert answer.status_code == 201, answer.text
        quoted.append(answer.json()["price_minor"])
        assert answer.json()["currency"] == "EUR"
    assert quoted == [one.price_minor for one in printed]


@pytest.mark.parametrize(("colour", "longest"), [("jaune", 120), ("orange", 300), ("vert", 540)])
async def test_nobody_parks_longer_than_the_sign_allows(montpellier, rows, driver, colour, longest):
    await bring_everything(montpellier, rows)
    sign = {"retailer_id": montpellier.retailer_id}
    answer = await quote(driver, f"{colour[0].upper()}01", **sign, duration_min=longest + 1)
    assert answer.status_code in {400, 409, 422}, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
