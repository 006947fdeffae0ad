"""What is around, over HTTP, checked against positions that are known."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.spots import spot_of
from tests.http.phones import Phone, Shop, new_phone, no, yes
from tests.world import LONG_AGO, World

_islands = itertools.count(1)


class Island:
    """Sites far from any other test's, placed by metres from a middle of its own."""

    def __init__(self, rows: asyncpg.Pool, shop: Shop) -> None:
        self.rows = rows
        self.shop = shop
        # On the 0.01° grid, so that a coarse answer sees the same middle.
        self.lat, self.lon = 10.0, -170.0 + next(_islands)

    def at(self, north_m: float = 0.0, east_m: float = 0.0) -> dict[str, float]:
        return {
            "lat": self.lat + north_m / 110_600.0,
            "lon": self.lon + east_m / (111_320.0 * math.cos(math.radians(self.lat))),
        }

    async def site(self, north_m: float = 0.0, east_m: float = 0.0, **columns: Any) -> int:
        where = self.at(north_m, east_m)
        values = {
            "kind": "shop",
            "name": "Site",
            "time_zone": "Europe/Paris",
            "opening_hours": None,
        } | columns
        site_id: int = await self.rows.fetchval(
            "INSERT INTO sites (retailer_id, name, kind, location, time_zone, opening_hours, created_at,"
            " updated_at)"
            " VALUES ($1, $2, $3, ST_SetSRID(ST_MakePoint($4, $5), 4326), $6, $7, $8, $8) RETURNING site_id",
            self.shop.retailer_id,
            values["name"],
            values["kind"],
            where["lon"],
            where["lat"],
            values["time_zone"],
            values["opening_hours"],
            LONG_AGO,
        )
        return site_id

    async def fence(self, site_id: int, tags: list[str]) -> int:
        fence_id: int = await self.rows.fetchval(
            "INSERT INTO fences (retailer_id, site_id, name, tags, shape, created_at, updated_at)"
            " SELECT retailer_id, site_id, 'Fence', $2, ST_Buffer(location::geography, 50)::geometry, $3, $3"
            " FROM sites WHERE site_id = $1 RETURNING fence_id",
            site_id,
            tags,
            LONG_AGO,
        )
        return fence_id

    async def offer(self, **columns: Any) -> int:
        """Listed when asked for; tied only to what is named, not to the shop's own fence."""
        said = {"trigger": "nearby", "fence_ids": [], **columns}
        return await World(self.rows).offer(self.shop.retailer_id, 0, **said)


@pytest.fixture
def island(rows: asyncpg.Pool, shop: Shop) -> Island:
    return Island(rows, shop)


@pytest.fixture
async def phone(http):
    one = await new_phone(http, language="fr")
    await one.answers(yes("location_offers"))
    return one


async def _around(phone: Phone, island: Island, **params: Any) -> dict[str, Any]:
    where = params.pop("where", island.at())
    answer = await phone.get("/v1/nearby", params={**where, **params})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_sites_come_nearest_first_with_distance_and_bearing(phone, island):
    east, north, south = await island.site(east_m=300), await island.site(100), await island.site(-200)
    await island.site(5_000)
    said = await _around(phone, island)
    assert said["coarse"] is False
    assert [item["site_id"] for item in said["items"]] == [north, south, east]
    assert [item["distance_m"] for item in said["items"]] == pytest.approx([100, 200, 300], rel=0.01)
    assert [item["bearing_deg"] for item in said["items"]] == pytest.approx([0, 180, 90], abs=1)


async def test_distance_and_bearing_on_the_very_spot(phone, island):
    await island.site()
    item = (await _around(phone, island))["items"][0]
    assert (item["distance_m"], item["bearing_deg"]) == (0, None)


async def test_radius_kinds_and_limit_narrow_the_list(phone, island):
    bread = await island.site(50)
    soup = await island.site(100, kind="restaurant")
    cars = await island.site(400, kind="car_park")
    assert [one["site_id"] for one in (await _around(phone, island, radius_m=200))["items"]] == [bread, soup]
    named = await _around(phone, island, kinds="restaurant, car_park")
    assert [one["site_id"] for one in named["items"]] == [soup, cars]
    assert [one["site_id"] for one in (await _around(phone, island, limit=1))["items"]] == [bread]


async def test_open_now_and_opening_time_are_in_the_sites_zone(phone, island):
    await island.site(10, opening_hours="24/7")
    await island.site(20, opening_hours="off")
    await island.site(30, opening_hours="2099 Jan 1 10:00-12:00")
    await island.site(40)
    always, never, someday, unknown = (await _around(phone, island))["items"]
    assert (always["open_now"], always["opens_at"]) == (True, None)
    assert (never["open_now"], never["opens_at"]) == (False, None)
    assert someday["open_now"] is False
    assert (unknown["open_now"], unknown["opens_at"]) == (None, None)


async def test_next_opening_of_a_closed_site_is_told(phone, island, rows):
    hours = await rows.fetchval(
        "SELECT to_char((alentour_now() + interval '2 days') AT TIME ZONE 'Europe/Paris', 'YYYY Mon DD')"
    )
    await island.site(opening_hours=f"{hours} 10:00-12:00")
    item = (await _around(phone, island))["items"][0]
    opens_on = await rows.fetchval("SELECT to_date($1, 'YYYY Mon DD')", hours)
    assert item["open_now"] is False
    assert item["opens_at"][:13] in {f"{opens_on}T08", f"{opens_on}T09"}, "10:00 in Paris, summer or winter"


async def test_live_offers_of_a_site_are_listed_by_site_fence_or_tag(phone, island):
    site_id = await island.site()
    fence_id = await island.fence(site_id, ["bread"])
    by_site = await island.offer(site_ids=[site_id], priority=3)
    by_fence = await island.offer(fence_ids=[fence_id], priority=2)
    by_tag = await island.offer(fence_tags=["bread", "milk"], priority=1)
    await island.offer(fence_tags=["milk"])
    await island.offer(site_ids=[site_id + 10_000])
    item = (await _around(phone, island))["items"][0]
    assert [offer["offer_id"] for offer in item["offers"]] == [by_site, by_fence, by_tag]


async def test_only_offers_that_run_now_are_listed(phone, island, rows):
    site_id = await island.site(opening_hours="off")
    tied = {"site_ids": [site_id]}
    runs = await island.offer(**tied, weekly_hours="24/7")
    await island.offer(**tied, status="paused")
    await island.offer(**tied, status="draft")
    await island.offer(**tied, stopped_at=LONG_AGO)
    await island.offer(**tied, ends_at=LONG_AGO)
    await island.offer(**tied, starts_at=LONG_AGO.replace(year=2099))
    await island.offer(**tied, weekly_hours="off")
    await island.offer(**tied, only_while_open=True)
    await island.offer(**tied, stock=0)
    item = (await _around(phone, island))["items"][0]
    assert [offer["offer_id"] for offer in item["offers"]] == [runs]
    await rows.execute(
        "UPDATE retailers SET stopped_at = $2 WHERE retailer_id = $1", island.shop.retailer_id, LONG_AGO
    )
    assert (await _around(phone, island))["items"][0]["offers"] == []


async def test_only_offers_that_name_the_trigger_nearby_are_listed(phone, island):
    site_id = await island.site()
    alone = await island.offer(site_ids=[site_id], triggers=["nearby"], priority=2)
    among_others = await island.offer(site_ids=[site_id], triggers=["enter", "nearby"], priority=1)
    for triggers in (["enter"], ["dwell"], ["exit"], ["enter", "dwell", "exit"]):
        await island.offer(site_ids=[site_id], triggers=triggers)
    item = (await _around(phone, island))["items"][0]
    assert [offer["offer_id"] for offer in item["offers"]] == [alone, among_others]


@pytest.mark.parametrize("column", ["starts_at", "disabled_at"])
async def test_a_fence_out_of_its_time_brings_no_offer_to_its_site(phone, island, rows, column):
    site_id = await island.site()
    fence_id = await island.fence(site_id, ["bread"])
    by_site = await island.offer(site_ids=[site_id], fence_ids=[fence_id], priority=3)
    by_fence = await island.offer(fence_ids=[fence_id], priority=2)
    by_tag = await island.offer(fence_tags=["bread"], priority=1)
    # Out of its time, then in it: the other way round for a start than for an end.
    past, future = LONG_AGO, LONG_AGO.replace(year=2099)
    out_of_time, in_time = (future, past) if column == "starts_at" else (past, future)
    for at, listed in ((out_of_time, [by_site]), (in_time, [by_site, by_fence, by_tag])):
        await rows.execute(f"UPDATE fences SET {column} = $2 WHERE fence_id = $1", fence_id, at)
        item = (await _around(phone, island))["items"][0]
        assert [offer["offer_id"] for offer in item["offers"]] == listed


async def test_offers_speak_the_customers_language(phone, island):
    site_id = await island.site()
    words = {"en": {"title": "Soup", "text": "Hot."}, "fr": {"title": "Soupe", "text": "Chaude."}}
    await island.offer(site_ids=[site_id], content=json.dumps(words))
    offer = (await _around(phone, island))["items"][0]["offers"][0]
    assert (offer["language"], offer["title"]) == ("fr", "Soupe")


async def test_without_a_location_purpose_the_position_is_rounded_before_use(http, phone, island):
    await island.site()
    nobody = await new_phone(http)
    exact, rounded = island.at(300, 300), {"lat": island.lat, "lon": island.lon}
    said = await _around(nobody, island, where=exact)
    assert said["coarse"] is True
    assert {"lat": said["lat"], "lon": said["lon"]} == rounded
    assert said["items"][0]["distance_m"] == 0
    assert (await _around(phone, island, where=exact))["items"][0]["distance_m"] > 400


async def test_vague_position_is_rounded_too(phone, island):
    await island.site()
    where = island.at(300)
    assert (await _around(phone, island, where=where, accuracy_m=1_000))["coarse"] is False
    said = await _around(phone, island, where=where, accuracy_m=1_000.5)
    assert said["coarse"] is True
    assert said["items"][0]["distance_m"] == 0


async def test_withdrawing_location_makes_it_coarse(phone, island):
    assert (await _around(phone, island))["coarse"] is False
    await phone.answers(no("location_offers"))
    assert (await _around(phone, island))["coarse"] is True


async def test_location_for_parking_alone_is_not_read_more_finely_here(http, island):
    phone = await new_phone(http)
    await phone.answers(yes("location_parking"))
    assert (await _around(phone, island))["coarse"] is True


@pytest.mark.parametrize("consents", [True, False])
async def test_in_the_coarse_mode_only_what_is_around_answers(http, island, rows, consents):
    """Invariant 4: a fix that says no more than the town is told to nobody and leaves nothing behind."""
    await island.offer(fence_ids=[island.shop.fence_id], trigger="enter")
    phone = await new_phone(http)
    if consents:
        await phone.consents_to(island.shop.retailer_id)
    now = datetime.now(UTC).isoformat()
    where = island.at(333, 333)
    vague = {"fix_id": "vague", **where, "accuracy_m": 1_000.5, "recorded_at": now}
    answer = await phone.post("/v1/fixes", {"sent_at": now, "fixes": [vague]})
    if consents:
        assert (answer.json()["fixes"][0]["status"], answer.json()["fixes"][0]["reason"]) == (
            "rejected", "too_coarse",
        )  # fmt: skip
        assert (answer.json()["crossings"], answer.json()["deliveries"]) == ([], [])
        kept = "SELECT state::text FROM device_states WHERE bucket = $1 AND customer_id = $2"
        state = await rows.fetchval(kept, *phone.key)
        assert not any(str(degrees)[:7] in str(state) for degrees in where.values())
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "no_location_consent")
        sync = await phone.get("/v1/fences/sync", params={**where, "platform": "ios"})
        assert (sync.status_code, sync.json()["code"]) == (403, "no_location_consent")
    crossed = "SELECT count(*) FROM crossings WHERE bucket = $1 AND customer_id = $2"
    assert await rows.fetchval(crossed, *phone.key) == 0
    assert (await _around(phone, island, where=where, accuracy_m=1_000.5))["coarse"] is True


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_a_coarse_position_has_two_decimals_and_stays_on_earth_within_its_cell(lat, lon):
    spot = spot_of(lat, lon, may_locate=False)
    assert spot.is_coarse
    for rounded, exact, limit in ((spot.lat, lat, 90), (spot.lon, lon, 180)):
        assert rounded == round(rounded, 2)
        assert abs(rounded - exact) <= 0.005 + 1e-9
        assert abs(rounded) <= limit


async def test_looking_around_leaves_no_trace(phone, island, rows):
    site_id = await island.site()
    offer_id = await island.offer(site_ids=[site_id])
    assert (await _around(phone, island))["items"][0]["offers"]
    assert await rows.fetchval("SELECT count(*) FROM deliveries WHERE offer_id = $1", offer_id) == 0
    state = await rows.fetchval(
        "SELECT state FROM device_states WHERE bucket = $1 AND customer_id = $2", *phone.key
    )
    assert state is None


@pytest.mark.parametrize(
    "params",
    [
        {"lat": 91},
        {"lat": "nan"},
        {"lon": "inf"},
        {"lon": -180.1},
        {"lat": "north"},
        {"radius_m": 0},
        {"radius_m": "nan"},
        {"radius_m": 20_001},
        {"accuracy_m": -1},
        {"accuracy_m": "nan"},
        {"limit": 0},
        {"limit": 101},
        {"kinds": "\u0000"},
    ],
)
async def test_bad_parameters_are_refused(phone, params):
    answer = await phone.get("/v1/nearby", params={"lat": 60, "lon": 25, **params})
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "invalid_input"


async def test_position_is_required(phone):
    assert (await phone.get("/v1/nearby", params={"lat": 60})).status_code == 400


async def test_statement_walks_the_index_and_not_the_table(rows):
    from offers.handing.around import _AROUND  # noqa: PLC0415 - the statement itself is under test

    async with rows.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch("EXPLAIN " + _AROUND, 24.9, 60.1, 1_000.0, None, 20, LONG_AGO, True)
    assert any("sites_near" in row[0] for row in plan)
