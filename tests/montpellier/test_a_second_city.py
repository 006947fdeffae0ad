"""A second real city, by way of the public imports: its streets, garages, restaurants and printed tariffs."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.http.bringing import bring, take
from tests.http.phones import Phone, new_phone, yes
from tests.http.shops import Shop
from tests.montpellier import open_data
from tests.montpellier.open_data import FOLDER, read_pay_stations, read_segments

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
    likely = [one for one in found if one["items"] and one["items"][0]["confidence"] > one["none"]]
    assert len(likely) >= 0.8 * len(stations)  # the stations are of 2011, the zones of 2014
    for one in found:
        assert sum(zone["confidence"] for zone in one["items"]) + one["none"] == pytest.approx(1, abs=0.02)
