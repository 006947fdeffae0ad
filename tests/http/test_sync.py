"""Regions for phones to watch: chosen by the edge, enclosing, and right until the refresh circle ends."""

from __future__ import annotations

import random
from typing import Any

import asyncpg
import pytest
import shapely

from geo.regions import enclosing_circle, nearest_regions
from geo.spots import Spot
from tests.http.phones import Phone, new_phone, yes
from tests.world import HELSINKI, LONG_AGO, METRES_PER_DEGREE, World

LAT, LON = HELSINKI


@pytest.fixture
async def phone(http):
    one = await new_phone(http)
    await one.answers(yes("location_offers"))
    return one


async def _sync(phone: Phone, *, if_none_match: str | None = None, **params: Any) -> Any:
    where = {"platform": "ios", "lat": LAT, "lon": LON}
    headers = {"if-none-match": if_none_match} if if_none_match else {}
    return await phone.get("/v1/fences/sync", params=where | params, headers=headers)


async def _scatter(pool: asyncpg.Pool, number: int, seed: int = 7) -> int:
    """Circles of 30 m to 3 km over some kilometres; many overlap."""
    rng, world = random.Random(seed), World(pool)
    retailer_id = await world.retailer()
    for _ in range(number):
        await world.fence(retailer_id, north_m=rng.uniform(-8_000, 8_000), radius_m=rng.uniform(30, 3_000))
    return retailer_id


async def test_ios_gets_twenty_and_android_a_hundred_less_what_is_reserved(phone, rows):
    await _scatter(rows, 110)
    for params, number in (
        ({"platform": "ios", "reserved": 0}, 20),
        ({"platform": "ios", "reserved": 5}, 15),
        ({"platform": "android", "reserved": 0}, 100),
        ({"platform": "android", "reserved": 60}, 40),
    ):
        answer = await _sync(phone, **params)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["regions"]) == number


async def test_one_slot_is_kept_for_the_refresh_circle_unless_told_otherwise(phone, rows):
    await _scatter(rows, 110)
    for platform, number in (("ios", 19), ("android", 99)):
        said = (await _sync(phone, platform=platform)).json()
        assert len(said["regions"]) == number
        assert said == (await _sync(phone, platform=platform, reserved=1)).json()


async def test_regions_are_the_nearest_by_their_edge(pool):
    await _scatter(pool, 60)
    async with pool.acquire() as connection:
        for north_m in (0.0, 1_234.0, -5_000.0):
            lat = LAT + north_m / METRES_PER_DEGREE
            answer = await nearest_regions(
                connection, Spot(lat=lat, lon=LON), platform="ios", reserved=0, now=LONG_AGO
            )
            expected = await connection.fetch(
                "SELECT fence_id FROM fences ORDER BY ST_Distance(ST_Boundary(shape)::geography,"
                " ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography), fence_id LIMIT 20",
                LON,
                lat,
            )
            assert [one.fence_id for one in answer.regions] == [row["fence_id"] for row in expected]


async def test_large_fence_around_the_phone_does_not_crowd_out_near_edges(pool):
    """By distance to the fence it is 0 m away; its edge is not."""
    world = World(pool)
    retailer_id = await world.retailer()
    large = [await world.fence(retailer_id, radius_m=9_000) for _ in range(25)]
    small = await world.fence(retailer_id, north_m=500, radius_m=50)
    async with pool.acquire() as connection:
        spot = Spot(lat=LAT, lon=LON)
        answer = await nearest_regions(connection, spot, platform="ios", reserved=0, now=LONG_AGO)
    assert answer.regions[0].fence_id == small
    assert answer.regions[0].is_inside is False
    assert {one.fence_id for one in answer.regions[1:]} < set(large)
    assert all(one.is_inside for one in answer.regions[1:])


async def test_inside_the_refresh_circle_no_unlisted_edge_can_be_crossed(pool):
    await _scatter(pool, 60)
    async with pool.acquire() as connection:
        spot = Spot(lat=LAT, lon=LON)
        answer = await nearest_regions(connection, spot, platform="ios", reserved=3, now=LONG_AGO)
        listed = [one.fence_id for one in answer.regions]
        nearest_unlisted_m = await connection.fetchval(
            "SELECT min(ST_Distance(ST_Boundary(shape)::geography,"
            " ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography)) FROM fences WHERE fence_id <> ALL($3)",
            LON,
            LAT,
            listed,
        )
    assert (answer.refresh.lat, answer.refresh.lon) == (LAT, LON)
    assert 0.9 * nearest_unlisted_m < answer.refresh.radius_m <= nearest_unlisted_m
    assert answer.refresh_is_exact


async def test_a_refresh_circle_that_no_phone_could_watch_is_enlarged_and_says_so(pool):
    world = World(pool)
    retailer_id = await world.retailer()
    for north_m in range(12):
        await world.fence(retailer_id, north_m=3.0 * north_m)
    async with pool.acquire() as connection:
        spot = Spot(lat=HELSINKI[0] + 90 / 111_195, lon=HELSINKI[1])
        answer = await nearest_regions(connection, spot, platform="ios", reserved=15, now=LONG_AGO)
    assert [region.edge_distance_m < 30 for region in answer.regions] == [True] * 5
    assert answer.refresh.radius_m == 100.0
    assert not answer.refresh_is_exact


async def test_disabled_not_yet_started_and_stopped_fences_are_not_watched(pool):
    world = World(pool)
    retailer_id, stopped_id = await world.retailer(), await world.retailer()
    good = await world.fence(retailer_id)
    disabled, future = await world.fence(retailer_id), await world.fence(retailer_id)
    await world.fence(stopped_id)
    await pool.execute("UPDATE fences SET disabled_at = $2 WHERE fence_id = $1", disabled, LONG_AGO)
    await pool.execute(
        "UPDATE fences SET starts_at = $2 WHERE fence_id = $1", future, LONG_AGO.replace(year=2099)
    )
    await pool.execute("UPDATE retailers SET stopped_at = $2 WHERE retailer_id = $1", stopped_id, LONG_AGO)
    async with pool.acquire() as connection:
        spot = Spot(lat=LAT, lon=LON)
        answer = await nearest_regions(connection, spot, platform="ios", reserved=0, now=LONG_AGO)
    assert [one.fence_id for one in answer.regions] == [good]


async def test_circles_enclose_their_fences_whatever_the_shape(pool):
    """Judged by PostGIS on the spheroid, not by our own arithmetic."""
    rng = random.Random(11)
    for _ in range(40):
        lat = rng.uniform(-70, 70)
        corners = [(rng.uniform(0, 0.1) + 20, lat + rng.uniform(0, 0.05)) for _ in range(rng.randint(3, 12))]
        shape = shapely.convex_hull(shapely.multipoints(corners))
        circle = enclosing_circle(shape)
        furthest_m = await pool.fetchval(
            "SELECT max(ST_Distance(geom::geography, ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography))"
            " FROM ST_DumpPoints(ST_GeomFromWKB($3, 4326))",
            circle.lon,
            circle.lat,
            shape.wkb,
        )
        assert furthest_m <= circle.radius_m <= max(1.02 * furthest_m, 100)


async def test_small_fence_gets_the_smallest_circle_a_phone_can_watch(pool):
    world = World(pool)
    await world.fence(await world.retailer(), radius_m=25)
    async with pool.acquire() as connection:
        spot = Spot(lat=LAT, lon=LON)
        answer = await nearest_regions(connection, spot, platform="android", reserved=0, now=LONG_AGO)
    assert answer.regions[0].circle.radius_m == 100


async def test_unchanged_answer_is_not_sent_again(phone, shop, rows):
    far_m = 200_000.0
    fence_id = await World(rows).fence(shop.retailer_id, north_m=far_m)
    here = {"lat": LAT + far_m / METRES_PER_DEGREE}
    first = await _sync(phone, **here)
    assert first.json()["regions"][0]["fence_id"] == fence_id
    etag = first.headers["etag"]
    assert etag.startswith("W/")
    for known in (etag, f'"x", {etag}', "*"):
        again = await _sync(phone, if_none_match=known, **here)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    await rows.execute("UPDATE fences SET revision = revision + 1 WHERE fence_id = $1", fence_id)
    changed = await _sync(phone, if_none_match=etag, **here)
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


@pytest.mark.parametrize("granted", [[], ["location_parking"]])
async def test_without_consent_to_location_for_offers_nothing_is_told(http, granted):
    phone = await new_phone(http)
    if granted:
        await phone.answers(*(yes(purpose) for purpose in granted))
    answer = await _sync(phone)
    assert (answer.status_code, answer.json()["code"]) == (403, "no_location_consent")


@pytest.mark.parametrize(
    "params",
    [
        {"platform": "web"},
        {"lat": "nan"},
        {"lon": 181},
        {"reserved": -1},
        {"reserved": 20},
        {"platform": "android", "reserved": 100},
    ],
)
async def test_bad_parameters_are_refused(phone, params):
    assert (await _sync(phone, **params)).status_code == 400


async def test_statement_walks_the_index_of_edges(pool):
    from geo.regions import _NEAREST  # noqa: PLC0415 - the statement itself is under test

    await _scatter(pool, 50)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch("EXPLAIN " + _NEAREST, LON, LAT, LONG_AGO, 28)
    assert any("Index Scan using fence_edges_near" in row[0] for row in plan)
