"""1,000 sites with 100,000 dishes: the query with all its filters stays one statement on indexes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import asyncpg
import msgspec
import pytest

from geo.spots import Spot
from offers.menus.around import AROUND, Search, arguments
from offers.menus.fitting import wish_of
from tests.world import HELSINKI, NOON, World

SITES: Final = 1_000
DISHES: Final = 100
HERE: Final = Spot(lat=HELSINKI[0], lon=HELSINKI[1], is_coarse=False)
EVERYTHING: Final = Search(
    wish=wish_of(
        without=["nuts", "milk"],
        diets=["vegetarian"],
        cuisines=["sushi", "pizza"],
        max_price_minor=3_000,
        currency="EUR",
    ),
    kinds=("restaurant", "cafe"),
)

# About 7 km by 7 km of one city; a site in ten is a bar; allergens of a dish in five are not stated.
_TOWN: Final = """
WITH made AS (
    INSERT INTO sites (retailer_id, name, kind, location, time_zone, opening_hours, created_at, updated_at)
    SELECT $1, 'Place ' || n, CASE WHEN n % 10 = 0 THEN 'bar' ELSE 'restaurant' END,
           ST_SetSRID(ST_MakePoint($3 + ((n * 7919) % 1000 - 500) * 0.00013,
                                   $2 + ((n * 104729) % 1000 - 500) * 0.000065), 4326),
           'Europe/Helsinki', 'Mo-Su 08:00-23:00', $4, $4
    FROM generate_series(1, $5::int) AS n RETURNING site_id
), menu AS (
    INSERT INTO menus (retailer_id, site_id, card, content_hash, published_version, last_version, created_at,
                       updated_at)
    SELECT $1, site_id, '{}', repeat('0', 64), 1, 1, $4, $4 FROM made RETURNING menu_id, site_id
), versions AS (
    INSERT INTO menu_versions (menu_id, version, card, content_hash, published_at)
    SELECT menu_id, 1, '{}', repeat('0', 64), $4 FROM menu
), shown AS (
    INSERT INTO published_menus (menu_id, site_id, retailer_id, version, published_at, language, languages,
                                 name, cuisines, currency, opening_hours, items, price_from_minor,
                                 price_to_minor)
    SELECT menu_id, site_id, $1, 1, $4, 'fi', '{fi}', '{"fi": "Lounas"}',
           ARRAY[(ARRAY['french', 'sushi', 'pizza', 'finnish', 'thai'])[1 + menu_id % 5]], 'EUR',
           'Mo-Fr 11:00-15:00', $6, 200, 4000
    FROM menu
)
INSERT INTO menu_items (menu_id, item_no, site_id, item_id, kind, price_minor, price_to_minor, currency,
                        allergens, traces, diets)
SELECT m.menu_id, i, m.site_id, 'i' || i, CASE WHEN i % 25 = 0 THEN 'formula' ELSE 'item' END,
       200 + (i * 37 + m.menu_id * 11) % 3800, 4000, 'EUR',
       CASE WHEN (i + m.menu_id) % 5 > 0 AND i % 25 > 0 THEN ((i * 2654435 + m.menu_id * 40503) % 16384)::int
       END, 0, CASE WHEN i % 25 > 0 THEN ((i * 7 + m.menu_id * 3) % 2048)::int ELSE 0 END
FROM menu AS m, generate_series(1, $6::int) AS i
"""


@pytest.fixture
async def large(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with that many menus, analysed and vacuumed as autovacuum does."""
    retailer_id = await World(pool).retailer("Kitchens")
    async with pool.acquire() as connection:
        await connection.execute(_TOWN, retailer_id, *HELSINKI, NOON, SITES, DISHES)
        await connection.execute("VACUUM ANALYZE")
        yield connection


@pytest.mark.parametrize("radius_m", [500, 1_000])
async def test_every_table_is_reached_by_its_index_in_one_statement(
    large: asyncpg.Connection, radius_m: float
) -> None:
    assert await large.fetchval("SELECT count(*) FROM menu_items") == SITES * DISHES
    nodes = list(await plan(large, msgspec.structs.replace(EVERYTHING, radius_m=radius_m)))
    read = {node["Relation Name"]: node for node in nodes if "Relation Name" in node}
    assert {"sites", "published_menus", "menu_items"} <= set(read)
    by_index = {name: _index_of(node) for name, node in read.items()}
    del by_index["retailers"]  # the only one
    assert by_index == {
        "sites": "sites_near",
        "published_menus": "published_menus_of_site",
        "menu_items": "menu_items_of_site",
    }
    scans = {node["Node Type"] for node in nodes if node.get("Relation Name") == "menu_items"}
    assert scans == {"Index Only Scan"}, "all that is asked of a dish is in the index"


async def test_where_all_the_town_is_in_reach_dishes_are_still_reached_by_their_index(
    large: asyncpg.Connection,
) -> None:
    everywhere = msgspec.structs.replace(EVERYTHING, radius_m=20_000.0)
    dishes = [node for node in await plan(large, everywhere) if node.get("Relation Name") == "menu_items"]
    assert {node["Index Name"] for node in dishes} == {"menu_items_of_site"}


async def test_no_more_dishes_are_read_than_those_of_the_sites_within_reach(
    large: asyncpg.Connection,
) -> None:
    within = await large.fetchval(
        "SELECT count(*) FROM sites WHERE ST_DWithin(location::geography, ST_MakePoint($1, $2)::geography,"
        " $3) AND kind = 'restaurant'",
        *(HERE.lon, HERE.lat, EVERYTHING.radius_m),
    )
    assert 20 < within < SITES / 5
    nodes = await plan(large, EVERYTHING, "ANALYZE, TIMING OFF, ")
    read = sum(
        node["Actual Rows"] * node["Actual Loops"]
        + node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
        for node in nodes
        if node.get("Relation Name") == "menu_items"
    )
    assert 0 < read <= 2 * within * DISHES


async def plan(connection: asyncpg.Connection, search: Search, how: str = "") -> Iterator[dict[str, Any]]:
    told = await connection.fetchval(f"EXPLAIN ({how}FORMAT JSON) {AROUND}", *arguments(HERE, search, NOON))
    return _nodes(json.loads(told)[0]["Plan"])


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", []):
        yield from _nodes(inner)


def _index_of(scan: dict[str, Any]) -> str | None:
    """Also of a bitmap scan, whose index is below it."""
    return next((node["Index Name"] for node in _nodes(scan) if "Index Name" in node), None)
