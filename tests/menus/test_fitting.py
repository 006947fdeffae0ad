"""What somebody asks of a menu, in words and in masks, and whether a dish is for them."""

from __future__ import annotations

from typing import Any

import pytest

from geo.errors import InvalidInput
from offers.menus.card import Item
from offers.menus.fitting import MOST_CUISINES_ASKED, Wish, fits, wish_of


def dish(**said: Any) -> Item:
    return Item(id="dish", name={"en": "Dish"}, price_minor=900, **said)


@pytest.mark.parametrize(
    ("said", "fit"),
    [
        ({"allergens": []}, True),
        ({"allergens": ["milk"]}, True),
        ({"allergens": ["celery"]}, False),
        ({"allergens": [], "traces": ["celery"]}, False),
        ({}, False),
    ],
)
def test_a_dish_is_without_something_only_where_that_is_stated(said: dict[str, Any], *, fit: bool) -> None:
    assert fits(dish(**said), wish_of(without=["celery"])) is fit


@pytest.mark.parametrize(
    ("claimed", "wanted", "fit"),
    [
        (["vegan"], ["vegetarian"], True),
        (["vegetarian"], ["vegan"], False),
        (["vegetarian", "gluten_free"], ["gluten_free"], True),
        (["vegetarian"], ["vegetarian", "gluten_free"], False),
        ([], ["halal"], False),
    ],
)
def test_a_dish_suits_the_diets_it_claims_and_what_is_vegan_is_vegetarian(
    claimed: list[str], wanted: list[str], *, fit: bool
) -> None:
    assert fits(dish(diets=claimed), wish_of(diets=wanted)) is fit


def test_whoever_asks_for_nothing_takes_every_dish() -> None:
    wish = wish_of()
    assert wish == Wish()
    assert not wish.is_of_food
    assert fits(dish(), wish)


def test_ones_own_diet_comes_on_top_of_what_is_asked() -> None:
    joined = wish_of(without=["milk"], cuisines=["Fish  and Chips"]).joined(["celery"], ["vegan"])
    assert joined.is_of_food
    assert joined == wish_of(without=["milk", "celery"], diets=["vegan"], cuisines=["fish_and_chips"])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"without": ["sugar"]}, "without"),
        ({"diets": ["carnivore"]}, "diet"),
        ({"cuisines": ["thai"] * (MOST_CUISINES_ASKED + 1)}, "cuisine"),
        ({"max_price_minor": 1000}, "currency"),
    ],
)
def test_what_cannot_be_asked_is_named(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        wish_of(**asked)
    assert [fault.field for fault in refused.value.faults] == [field]
