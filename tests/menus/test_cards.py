"""The card: its form, its rules, and what is said of a wrong one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from geo.errors import InvalidInput
from offers.menus.card import Card, as_json, card_of, hash_of
from offers.menus.judging import refuse_faulty
from offers.menus.reading import read_card
from tests.menus.cards import cards, real_sized, small


def faults(raw: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        read_card(raw)
    return {one.field: one.reason for one in refused.value.faults}


def with_item(**said: Any) -> dict[str, Any]:
    card = small(formulas=[])
    item = {"id": "x", "name": {"fr": "X"}, "price_minor": 1, **said}
    card["sections"][0]["items"] = [{name: value for name, value in item.items() if value is not ...}]
    return card


ITEM = "sections[0].items[0]."


def test_a_card_in_good_order_is_read_whole():
    card = read_card(small())
    assert [item.id for item in card.items] == ["onion-soup", "leeks", "steak"]
    assert [item.prices for item in card.items] == [(900,), (750,), (1800, 2700)]
    assert card.languages == ["fr", "en"]


def test_not_stated_and_none_declared_stay_apart():
    soup, leeks, steak = read_card(small()).items
    assert (soup.allergens, leeks.allergens, steak.allergens) == (["gluten", "milk"], [], None)


@given(cards())
def test_any_card_survives_being_stored(card: Card):
    assert card_of(as_json(card)) == card
    assert read_card(as_json(card)) == card
    assert hash_of(card_of(as_json(card))) == hash_of(card)


def test_a_real_card_is_read_in_good_time_and_changes_its_hash_with_any_price():
    card = read_card(real_sized())
    assert sum(1 for _ in card.items) == 150
    dearer = real_sized()
    dearer["sections"][9]["items"][14]["sizes"][1]["price_minor"] += 1
    assert hash_of(read_card(dearer)) != hash_of(card)


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"price_minor": -1}, "price_minor", ">= 0"),
        ({"price_minor": 9.5}, "price_minor", "got `float`"),
        ({"price_minor": "9"}, "price_minor", "got `str`"),
        ({"price_minor": 100_000_001}, "price_minor", "<= 100000000"),
        ({"price_minor": ...}, "price_minor", "is needed"),
        ({"sizes": [{"id": "a", "name": {"fr": "A"}, "price_minor": 1}]}, "price_minor", "not both"),
        ({"allergens": ["wheat"]}, "allergens[0]", "is not one of the 14 allergens"),
        ({"allergens": ["milk", "milk"]}, "allergens[1]", "is the same as"),
        ({"allergens": [], "traces": ["soya"]}, "traces[0]", "is not one of the 14"),
        ({"traces": ["milk"]}, "traces", "not stated"),
        ({"allergens": ["milk"], "traces": ["milk"]}, "traces[0]", "already"),
        ({"diets": ["paleo"]}, "diets[0]", "is not one of the diets"),
        ({"diets": ["halal", "halal"]}, "diets[1]", "is the same as"),
        ({"allergens": ["milk"], "diets": ["vegan"]}, "diets[0]", "contradicts the allergens: milk"),
        ({"allergens": ["fish"], "diets": ["vegetarian"]}, "diets[0]", "contradicts the allergens: fish"),
        ({"name": {"en": "X"}}, "name", "must have words in fr"),
        ({"name": {"fr": "x" * 141}}, "name.fr", "1 to 140"),
        ({"name": {"fr": " "}}, "name.fr", "1 to 140"),
        ({"name": {"fr": "a\nb"}}, "name.fr", "printable"),
        ({"name": {"fr": "X", "French": "X"}}, "name.French", "language tag"),
        ({"description": {"fr": "x" * 1001}}, "description.fr", "1 to 1000"),
        ({"description": {f"x{chr(97 + n)}": "x" for n in range(21)}}, "description", "at most 20"),
        ({"photos": ["http://example.org/a.jpg"]}, "photos[0]", "https"),
        ({"photos": ["https://[x"]}, "photos[0]", "https"),
        ({"photos": ["https://user@example.org/"]}, "photos[0]", "https"),
        ({"photos": ["https://example.org/" + "x" * 2000]}, "photos[0]", "https"),
        ({"id": "a b"}, "id", "matching regex"),
        ({"id": ...}, "", "missing required field `id`"),
        ({"colour": 1}, "", "unknown field `colour`"),
        ({"add_ons": [{"id": "a", "name": {"fr": "A"}}]}, "add_ons[0]", "missing required field"),
        (
            {"add_ons": [{"id": "a", "name": {"fr": "A"}, "price_minor": 0, "allergens": ["x"]}]},
            "add_ons[0].allergens[0]",
            "is not one of the 14",
        ),
        (
            {"price_minor": ..., "sizes": [{"id": "a", "name": {"fr": "A"}, "price_minor": 1}] * 2},
            "sizes[1].id",
            "is the same as",
        ),
    ],
)  # fmt: skip
def test_a_wrong_item_is_told_with_its_path(said: dict[str, Any], field: str, reason: str):
    told = faults(with_item(**said))
    assert reason in told[f"{ITEM}{field}".rstrip(".")], told


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"currency": "EURO"}, "currency", "ISO 4217"),
        ({"language": "french"}, "language", "language tag"),
        ({"opening_hours": "sometimes"}, "opening_hours", "is not understood as opening hours"),
        ({"cuisines": ["Fish & chips"]}, "cuisines[0]", "OSM"),
        ({"cuisines": ["thai", "thai"]}, "cuisines[1]", "is the same as"),
        ({"sections": {}}, "sections", "must be a list"),
        ({"sections": [3]}, "sections[0]", "got `int`"),
        ({"sections": [{"id": "a", "name": {"fr": "A"}}] * 2}, "sections[1].id", "is the same"),
        ({"sections": [{"id": f"a{n}", "name": {"fr": "A"}} for n in range(101)]}, "sections", "<= 100"),
        ({"name": {}}, "name", "must have words in fr"),
        ({"price": 3}, "body", "unknown field `price`"),
        ({"specials": [{"on": "tomorrow", "items": []}]}, "specials[0].on", "date"),
        ({"specials": [{"on": "2026-06-04", "items": []}]}, "specials[0].items", "1 to 50"),
    ],
)  # fmt: skip
def test_a_wrong_head_is_told_with_its_path(said: dict[str, Any], field: str, reason: str):
    told = faults(small(formulas=[], **said) if "formulas" not in said else small(**said))
    assert reason in told[field], told


def test_a_formula_chooses_from_what_the_card_has():
    formula = small()["formulas"][0]
    formula["courses"][0] = {"name": {"fr": "Rien"}}
    formula["courses"][1] |= {
        "section_ids": ["desserts"],
        "item_ids": ["sorbet"],
        "supplements": [{"item_id": "leeks", "price_minor": 1}],
    }
    told = faults(small(formulas=[formula]))
    assert set(told) == {
        "formulas[0].courses[0].section_ids",
        "formulas[0].courses[1].section_ids[0]",
        "formulas[0].courses[1].item_ids[0]",
        "formulas[0].courses[1].supplements[0].item_id",
    }


def test_ids_are_given_once_but_the_dish_of_the_day_every_day():
    card = small()
    card["specials"] += small(specials=[{**small()["specials"][0], "on": "2026-06-05"}])["specials"]
    assert read_card(card)
    card["sections"][1]["items"][0]["id"] = "leeks"
    card["formulas"] = []
    card["specials"][1]["items"][0]["id"] = "onion-soup"
    assert faults(card) == {
        "sections[1].items[0].id": "is the same as sections[0].items[1].id",
        "specials[1].items[0].id": "is the same as sections[0].items[0].id",
    }


def test_every_wrong_item_is_told_at_once():
    card = small(formulas=[])
    card["sections"][0]["items"][0]["price_minor"] = -3
    card["sections"][1]["items"][0]["sizes"][1]["price_minor"] = None
    card["specials"][0]["items"][0]["name"] = "Blanquette"
    assert set(faults(card)) == {
        "sections[0].items[0].price_minor",
        "sections[1].items[0].sizes[1].price_minor",
        "specials[0].items[0].name",
    }


def test_no_card_has_more_than_a_thousand_items():
    items = [{"id": f"i{n}", "name": {"fr": "X"}, "price_minor": 1} for n in range(1001)]
    told = faults(small(formulas=[], sections=[{"id": "all", "name": {"fr": "Tout"}, "items": items}]))
    assert told == {"sections": "have 1002 items; at most 1000 are allowed"}


def test_a_card_that_was_built_by_hand_is_judged_as_well():
    card = read_card(small())
    refuse_faulty(card)
    with pytest.raises(InvalidInput) as refused:
        refuse_faulty(msgspec.structs.replace(card, currency="EURO"), "menus[3].")
    assert [one.field for one in refused.value.faults] == ["menus[3].currency"]


def test_what_is_no_object_is_no_card():
    assert faults([]) == {"body": "must be an object"}
