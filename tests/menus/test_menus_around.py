"""Menus around somebody: what the one statement finds, against a plain reading of every card."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from geo.errors import InvalidInput
from offers.menus.around import MenuNearby, Search, menus_around
from offers.menus.fitting import Wish, wish_of
from tests.menus.cards import small
from tests.menus.town import (
    HERE,
    Asked,
    Served,
    Town,
    opened,
    plainly_fits,
    plainly_found,
    random_asked,
    random_card,
    todays,
)
from tests.world import NOON

NUTS = {"id": "nuts", "name": {"fr": "Noix"}, "price_minor": 900, "allergens": ["nuts"]}


@pytest.fixture
async def town(pool: asyncpg.Pool, database_url: str) -> AsyncIterator[Town]:
    async with opened(pool, database_url) as town:
        yield town


async def around(town: Town, wish: Wish | None = None, **search: Any) -> list[MenuNearby]:
    """What is found 20 km around, where nothing else is said."""
    asked = Search(wish=wish or Wish(), **{"radius_m": 20_000, "limit": 100, **search})
    async with town.world.sql.acquire() as connection:
        return await menus_around(connection, HERE, asked, NOON)


def ids(menus: list[MenuNearby]) -> list[int]:
    return [menu.menu_id for menu in menus]


def dish(**said: Any) -> dict[str, Any]:
    return {"id": "dish", "name": {"fr": "Plat"}, "price_minor": 1_200, **said}


def card(*dishes: dict[str, Any], **said: Any) -> dict[str, Any]:
    """One section, always served."""
    sections = [{"id": "all", "name": {"fr": "Tout"}, "items": list(dishes)}]
    return small(**{"opening_hours": None, "sections": sections, "formulas": [], "specials": [], **said})


async def test_the_statement_finds_what_a_plain_reading_of_every_card_finds(town: Town) -> None:
    rng = random.Random(4711)
    for n in range(40):
        served = await town.serves(random_card(rng), north_m=n * 10)
        gone = [one.id for one in served.card.items if rng.random() < 0.15]
        gone += [one.id for one in served.card.formulas if rng.random() < 0.2]
        if gone:
            await town.runs_out(served, *gone)
    sizes = set()
    for _ in range(150):
        asked = random_asked(rng)
        menus = await around(town, wish_of(**asdict(asked)), with_dishes=True)
        found = {one.menu_id: (one.fitting, one.main_from_minor, one.formula_from_minor) for one in menus}
        assert found == plainly_found(town.menus, asked), asked
        by_id = {served.menu_id: served for served in town.menus}
        for menu in menus:
            assert [one.id for one in menu.dishes or ()] == plain_dishes(by_id[menu.menu_id], asked)
        sizes.add(len(found))
    assert len(sizes) > 15, "the questions tell the menus apart"


def plain_dishes(served: Served, asked: Asked) -> list[str]:
    return [one.id for one in todays(served) if plainly_fits(one, asked)]


async def test_not_stated_never_passes_and_none_declared_does(town: Town) -> None:
    await town.serves(card(dish(allergens=None)))
    none_declared = await town.serves(card(dish(allergens=[])))
    await town.serves(card(dish(allergens=["nuts", "milk"])))
    await town.serves(card(dish(allergens=[], traces=["nuts"])))
    assert ids(await around(town, wish_of(without=["nuts"]))) == [none_declared.menu_id]


async def test_what_is_vegan_is_vegetarian_and_not_the_other_way(town: Town) -> None:
    vegan = await town.serves(card(dish(diets=["vegan"])))
    vegetarian = await town.serves(card(dish(diets=["vegetarian"])))
    assert set(ids(await around(town, wish_of(diets=["vegetarian"])))) == {vegan.menu_id, vegetarian.menu_id}
    assert ids(await around(town, wish_of(diets=["vegan"]))) == [vegan.menu_id]


async def test_one_dish_has_to_be_all_that_is_asked(town: Town) -> None:
    apart = [dish(diets=["vegan"], allergens=["nuts"]), {**dish(allergens=[]), "id": "other"}]
    await town.serves(card(*apart))
    assert await around(town, wish_of(diets=["vegan"], without=["nuts"])) == []


async def test_coffee_and_bread_do_not_make_a_place_cheap(town: Town) -> None:
    cheap = [{**dish(price_minor=300 + n), "id": f"side-{n}"} for n in range(3)]
    dear = [{**dish(price_minor=2_000 + n), "id": f"main-{n}"} for n in range(4)]
    menu = await town.serves(card(*cheap, *dear))
    assert await around(town, wish_of(max_price_minor=1_999, currency="EUR")) == []
    (found,) = await around(town, wish_of(max_price_minor=2_000, currency="EUR"))
    assert (found.menu_id, found.main_from_minor, found.price_from_minor) == (menu.menu_id, 2_000, 300)


async def test_a_formula_within_the_price_is_enough_unless_food_is_asked_for(town: Town) -> None:
    formula = {
        "id": "lunch", "name": {"fr": "Midi"}, "price_minor": 1_500,
        "courses": [{"name": {"fr": "Plat"}, "item_ids": ["dish"]}],
    }  # fmt: skip
    await town.serves(card(dish(price_minor=2_500, allergens=[]), formulas=[formula]))
    asked = {"max_price_minor": 1_600, "currency": "EUR"}
    assert [one.formula_from_minor for one in await around(town, wish_of(**asked))] == [1_500]
    assert await around(town, wish_of(**asked, without=["nuts"])) == [], "formulas state nothing"


async def test_what_ran_out_does_not_count(town: Town) -> None:
    menu = await town.serves(card(dish(allergens=[]), NUTS))
    await town.runs_out(menu, "dish")
    assert await around(town, wish_of(without=["nuts"])) == []
    (found,) = await around(town, with_dishes=True)
    assert (found.fitting, [one.id for one in found.dishes or ()]) == (1, ["nuts"])


async def test_todays_special_counts_today_on_the_clock_of_the_place(town: Town) -> None:
    at_night = NOON.replace(hour=21, minute=30)  # half past midnight in Helsinki
    special = {"on": "2026-06-05", "items": [dish(id="special", allergens=[])]}
    await town.serves(card(NUTS, specials=[special]))
    search = Search(wish=wish_of(without=["nuts"]), radius_m=500, with_dishes=True)
    async with town.world.sql.acquire() as connection:
        assert await menus_around(connection, HERE, search, NOON) == []
        (found,) = await menus_around(connection, HERE, search, at_night)
    assert [one.id for one in found.dishes or ()] == ["special"]


async def test_only_what_is_served_now_where_that_is_asked(town: Town) -> None:
    served = await town.serves(
        card(dish(), opening_hours="Th 11:00-15:00"), opening_hours="Mo-Fr 08:00-22:00"
    )
    await town.serves(card(dish(), opening_hours="17:00-22:00"))
    await town.serves(card(dish()))  # hours are not known
    (found,) = await around(town, wish_of(only_open=True))
    assert (found.menu_id, found.open_now) == (served.menu_id, True)
    assert found.closes_at == NOON + timedelta(hours=3)
    states = [one.open_now for one in await around(town)]
    assert sorted(states, key=str) == [False, None, True]


async def test_those_that_close_soon_or_open_later_come_after_those_that_serve(town: Town) -> None:
    closing = await town.serves(card(dish(), opening_hours="11:00-12:10"))
    later = await town.serves(card(dish(), opening_hours="18:00-22:00"))
    serving = await town.serves(card(dish(), opening_hours="11:00-15:00"), north_m=1_500)
    assert ids(await around(town)) == [serving.menu_id, closing.menu_id, later.menu_id]


async def test_taste_brings_a_kitchen_forward(town: Town) -> None:
    near = await town.serves(card(dish(), cuisines=["french"]))
    far = await town.serves(card(dish(), cuisines=["sushi"]), north_m=400)
    assert ids(await around(town)) == [near.menu_id, far.menu_id]
    assert ids(await around(town, tastes=frozenset({"sushi"}))) == [far.menu_id, near.menu_id]


async def test_menus_come_in_the_first_language_that_all_of_them_has(town: Town) -> None:
    name = {"fr": "Le midi", "en": "Lunch"}
    both = {"fr": "Plat", "en": "Dish"}
    sections = [{"id": "all", "name": both, "items": [dish(name=both)]}]
    await town.serves(small(name=name, sections=sections, formulas=[], specials=[], opening_hours=None))
    for wanted, expected in ((("fi", "en-GB"), ("Lunch", "en")), (("fi",), ("Le midi", "fr"))):
        (found,) = await around(town, languages=wanted, with_dishes=True)
        assert (found.name, found.language) == expected
        assert (found.dishes or [])[0].name == both[expected[1]]


async def test_sites_of_other_kinds_and_beyond_the_radius_are_left_out(town: Town) -> None:
    cafe = await town.serves(card(dish()), north_m=300, kind="cafe")
    bar = await town.serves(card(dish()), north_m=900, kind="bar")
    assert ids(await around(town, kinds=("cafe", "shop"))) == [cafe.menu_id]
    assert ids(await around(town, radius_m=500)) == [cafe.menu_id]
    assert set(ids(await around(town))) == {cafe.menu_id, bar.menu_id}
    with pytest.raises(InvalidInput):
        await around(town, radius_m=20_001)


async def test_the_walk_is_longer_than_the_crow_flies(town: Town) -> None:
    await town.serves(card(dish()), north_m=800)
    (found,) = await around(town)
    assert found.distance_m == pytest.approx(801, abs=3)
    assert found.walk_m == pytest.approx(found.distance_m * 1.3, abs=0.2)
    assert (found.walk_min, found.bearing_deg) == (14, 0.0)


async def test_a_stopped_retailer_shows_no_menu(town: Town) -> None:
    await town.serves(card(dish()))
    await town.world.sql.execute("UPDATE retailers SET stopped_at = $1, stopped_by = 'operator'", NOON)
    assert await around(town) == []


async def test_offers_and_whoever_pays_for_them_change_nothing(town: Town) -> None:
    menus = [await town.serves(card(dish()), north_m=metres) for metres in (100, 200, 300)]
    before = await around(town)
    other = await town.world.retailer("Pays")
    await town.world.sql.execute(
        "UPDATE sites SET retailer_id = $1 WHERE site_id = (SELECT site_id FROM published_menus"
        " WHERE menu_id = $2)",
        *(other, menus[2].menu_id),
    )
    await town.world.sql.execute(
        "INSERT INTO offers (retailer_id, status, content, triggers, channel, priority, site_ids, menu_id,"
        ' created_at, updated_at) SELECT $1, \'active\', \'{"en": {"title": "Pay", "text": "More"}}\','
        " '{enter,nearby}', 'push', 100, ARRAY[site_id], menu_id, $2, $2 FROM published_menus"
        " WHERE menu_id = $3",
        *(other, NOON, menus[2].menu_id),
    )
    after = await around(town)
    assert ids(after) == ids(before) == [menu.menu_id for menu in menus]
    assert [one.sponsored for one in after] == [False] * 3
