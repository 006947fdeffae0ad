"""The demo's menus: plausible, the same for the same seed, and written as any retailer writes them."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from random import Random
from typing import Any

import asyncpg
import pytest

from api.demo_kitchens import serve_menus
from api.demo_menus import LANGUAGES, Kitchen, menu_book, menus_of
from geo.spots import Spot
from offers.menus.allergens import ALLERGENS
from offers.menus.around import Search, menus_around
from offers.menus.card import Card
from offers.menus.diets import DIETS, contradicting
from offers.menus.fitting import wish_of
from offers.menus.judging import faults_of
from offers.menus.reading import read_card

THURSDAY = date(2026, 6, 4)
CENTRE = Spot(lat=60.1699, lon=24.9384, is_coarse=False)
MEAT_OR_FISH = re.compile(
    r"salmon|prawn|tuna|beef|chicken|pork|duck|lamb|steak|ribs|fish|reindeer|meatball|oyster|mussel|clam",
    re.IGNORECASE,
)


def kitchen(number: int = 1, kind: str = "restaurant", cuisine: str = "") -> Kitchen:
    return Kitchen(external_id=f"node/{number}", kind=kind, cuisine=cuisine, today=THURSDAY)


def card_of(row: dict[str, Any]) -> Card:
    head = {"external_id", "site_external_id", "status"}
    return read_card({name: value for name, value in row.items() if name not in head})


def many() -> list[Kitchen]:
    """Of every kind, with cuisines that there are, that there are not, and that are mistyped."""
    rng = Random(3)
    cuisines = ["", "sushi", "burger;pizza", "Middle Eastern", "okinawan", "tee", "vegan", ";", "french"]
    kinds = ["restaurant", "cafe", "fast_food", "bar"]
    return [kitchen(n, rng.choice(kinds), rng.choice(cuisines)) for n in range(200)]


def test_there_are_more_than_sixty_dishes_with_a_name_of_their_own_in_each_language() -> None:
    for language in LANGUAGES:
        names = [getattr(dish, language) for dish in menu_book().dishes]
        assert len(set(names)) == len(names) > 60
    ids = [dish.id for dish in menu_book().dishes]
    assert len(set(ids)) == len(ids)


def test_every_dish_knows_only_the_laws_allergens_and_claims_no_diet_that_they_contradict() -> None:
    for dish in (*menu_book().dishes, *menu_book().add_ons):
        assert set(dish.allergens) | set(dish.traces) <= set(ALLERGENS), dish.id
        assert set(dish.diets) <= set(DIETS), dish.id
        assert not set(dish.allergens) & set(dish.traces), dish.id
        assert not [one for diet in dish.diets for one in contradicting(diet, dish.allergens)], dish.id
        assert "gluten_free" not in dish.diets or "gluten" not in dish.allergens, dish.id
        if {"vegan", "vegetarian"} & set(dish.diets):
            assert not MEAT_OR_FISH.search(dish.en), dish.id


@pytest.mark.parametrize(
    ("words", "allergen"),
    [
        ("salmon|tuna|vendace|fish", "fish"),
        ("prawn", "crustaceans"),
        ("mussels|clams|oysters", "molluscs"),
        ("mozzarella|burrata|cheese|cream|brûlée|cappuccino|yoghurt", "milk"),
        ("pizza|burger|bruschetta|bun|naan|lager|stout|sandwich|toast|tart", "gluten"),
        ("wine", "sulphites"),
        ("hazelnut|pistachio", "nuts"),
        ("tofu|miso|edamame", "soybeans"),
        ("hummus|falafel", "sesame"),
        ("vinaigrette", "mustard"),
        ("brûlée|carbonara|tiramisu|mayonnaise", "eggs"),
    ],
)
def test_what_is_in_a_name_is_among_the_allergens(words: str, allergen: str) -> None:
    named = [dish for dish in menu_book().dishes if re.search(rf"\b({words})", dish.en, re.IGNORECASE)]
    assert named
    harmless = {"onion-bhaji", "mussels"}
    without = [dish.id for dish in named if allergen not in dish.allergens and dish.id not in harmless]
    assert without == []


def test_the_same_seed_gives_the_same_menus_and_another_gives_others() -> None:
    first, again, other = ([menus_of(one, seed) for one in many()] for seed in (1, 1, 2))
    assert first == again != other


def test_every_card_can_be_used_as_it_stands() -> None:
    for one in many():
        rows = menus_of(one, 1)
        assert rows
        for row in rows:
            card = card_of(row)
            assert not list(faults_of(card))
            assert card.languages == ["fi", "en", "fr"]
            assert any(card.items)


def test_restaurants_serve_lunch_evening_and_drinks_and_shops_nothing() -> None:
    names = [row["name"]["en"] for row in menus_of(kitchen(), 1)]
    assert names == ["Lunch", "Evening menu", "Drinks"]
    assert [row["name"]["en"] for row in menus_of(kitchen(kind="cafe"), 1)] == ["All-day menu"]
    assert menus_of(kitchen(kind="shop"), 1) == []


def test_a_kitchen_is_that_of_its_cuisine() -> None:
    (lunch, *_) = menus_of(kitchen(cuisine="sushi"), 1)
    mains = {
        item["id"] for section in lunch["sections"] if section["id"] == "main" for item in section["items"]
    }
    assert mains <= {"salmon-nigiri", "prawn-tempura-roll", "avocado-maki", "ramen"}
    assert lunch["cuisines"] == ["sushi"]


def test_a_formula_costs_less_than_its_parts_and_a_dish_the_same_on_every_card() -> None:
    for one in many():
        cards = [card_of(row) for row in menus_of(one, 1)]
        prices: dict[str, set[tuple[int, ...]]] = {}
        for item in (item for card in cards for item in card.items):
            prices.setdefault(item.id, set()).add(item.prices)
        assert all(len(found) == 1 for found in prices.values())
        for card in cards:
            dearest = {s.id: max(max(item.prices) for item in s.items) for s in card.sections}
            for formula in card.formulas:
                assert formula.price_minor < sum(dearest[c.section_ids[0]] for c in formula.courses)


def test_a_few_places_state_no_allergens_and_the_others_all() -> None:
    stated = Counter()
    for one in many():
        said = {item.allergens is not None for row in menus_of(one, 1) for item in card_of(row).items}
        assert len(said) == 1, "a place does or does not"
        stated[said.pop()] += 1
    assert 10 < stated[False] < 40


async def test_a_phone_in_the_city_reads_cards_that_the_public_import_took(
    city_url: str,
) -> None:
    count = await serve_menus(city_url, seed=1)
    connection = await asyncpg.connect(city_url)
    try:
        served = await connection.fetchval("SELECT count(*) FROM published_menus")
        assert count == served > 400
        now = await connection.fetchval("SELECT '2026-06-04 09:00+00'::timestamptz")
        wish = wish_of(diets=["vegan"], without=["nuts"], only_open=True)
        search = Search(wish=wish, languages=("fr",), with_dishes=True, radius_m=2_000)
        menus = await menus_around(connection, CENTRE, search, now)
    finally:
        await connection.close()
    assert len(menus) == 20
    assert {menu.language for menu in menus} == {"fr"}
    for dish in (dish for menu in menus for dish in menu.dishes or ()):
        assert "vegan" in dish.diets
        assert dish.allergens is not None
        assert "nuts" not in [*dish.allergens, *dish.traces]
    assert await serve_menus(city_url, seed=1) == count, "the same again changes nothing"
