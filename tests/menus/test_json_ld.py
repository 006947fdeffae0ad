"""Cards as schema.org JSON-LD, and back without loss; and what websites have."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from geo.errors import InvalidInput
from offers.menus.card import Card
from offers.menus.json_ld import CONTEXT, document, menu_node
from offers.menus.json_ld_nodes import is_json_ld, menus_in
from offers.menus.json_ld_reading import read_menu
from offers.menus.reading import read_card
from tests.menus.cards import cards, real_sized, small


def back(text: str) -> tuple[str, Card]:
    """What an import makes of a document that has one menu."""
    (found,) = menus_in(json.loads(text, parse_float=Decimal))
    return read_menu(found)


def faults(node: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        [read_menu(found) for found in menus_in(node)]
    return {one.field: one.reason for one in refused.value.faults}


@given(cards())
def test_any_card_comes_back_from_json_ld_as_it_was(card: Card):
    assert back(json.dumps(document([menu_node(card, "card")]))) == ("card", card)


@pytest.mark.parametrize("raw", [small(), real_sized()])
def test_a_card_in_two_languages_with_sizes_and_supplements_comes_back(raw: dict[str, Any]):
    card = read_card(raw)
    assert back(json.dumps(document([menu_node(card, "lunch")]))) == ("lunch", card)


def test_the_words_of_schema_org_and_gs1_are_used():
    menu = menu_node(read_card(small()), "lunch")
    soup, leeks = menu["hasMenuSection"][0]["hasMenuItem"]
    steak = menu["hasMenuSection"][1]["hasMenuItem"][0]
    assert menu["@type"] == "Menu"
    assert soup["offers"] == {"@type": "Offer", "price": "9.00", "priceCurrency": "EUR"}
    assert soup["name"][1] == {"@value": "Onion soup", "@language": "en"}
    assert [one["gs1:allergenType"]["@id"] for one in soup["gs1:hasAllergen"]] == [
        "gs1:AllergenTypeCode-CEREALS_CONTAINING_GLUTEN",
        "gs1:AllergenTypeCode-MILK",
        "gs1:AllergenTypeCode-CELERY",
    ]
    assert leeks["suitableForDiet"] == ["https://schema.org/VeganDiet", "https://schema.org/VegetarianDiet"]
    assert leeks["gs1:hasAllergen"][0]["gs1:allergenType"]["@id"].endswith("NO_DECLARED_ALLERGENS")
    assert "gs1:hasAllergen" not in steak
    assert [offer["price"] for offer in steak["offers"]] == ["18.00", "27.00"]
    assert steak["menuAddOn"][0]["offers"]["price"] == "2.50"


WEBSITE = {
    "@context": "https://schema.org",
    "@type": "Restaurant",
    "identifier": "paris-04",
    "servesCuisine": ["French", "Fish & Chips"],
    "hasMenu": {
        "@type": "Menu",
        "inLanguage": "en",
        "name": "Dinner",
        "hasMenuSection": {
            "@type": "MenuSection",
            "name": "Mains",
            "hasMenuItem": [
                {
                    "@type": "MenuItem",
                    "name": "Fish",
                    "offers": {"@type": "Offer", "price": Decimal("12.5"), "priceCurrency": "EUR"},
                    "suitableForDiet": "http://schema.org/HalalDiet",
                    "image": {"@type": "ImageObject", "url": "https://example.org/fish.jpg"},
                },
                {"name": "Fish", "offers": [{"price": 9, "priceCurrency": "EUR"}]},
            ],
        },
        "hasMenuItem": {"name": "Bread", "offers": {"price": "0", "priceCurrency": "EUR"}},
    },
}


def test_what_a_website_has_is_read():
    (found,) = menus_in(WEBSITE)
    external_id, card = read_menu(found)
    mains, other = card.sections
    assert (external_id, card.currency, card.cuisines) == ("dinner", "EUR", ["french", "fish_chips"])
    assert [(item.id, item.price_minor) for item in mains.items] == [("fish", 1250), ("fish-2", 900)]
    assert mains.items[0].photos == ["https://example.org/fish.jpg"]
    assert mains.items[0].diets == ["halal"]
    assert mains.items[0].allergens is None
    assert [(item.id, item.price_minor) for item in other.items] == [("bread", 0)]


def changed(**item: Any) -> dict[str, Any]:
    node: dict[str, Any] = json.loads(json.dumps(menu_node(read_card(small()), "lunch")))
    node["hasMenuSection"][1]["hasMenuItem"][0] |= item
    return node


STEAK = "hasMenuSection[1].hasMenuItem[0]."


@pytest.mark.parametrize(
    ("item", "field", "reason"),
    [
        ({"offers": {"price": "-3", "priceCurrency": "EUR"}}, "offers.price", "none is negative"),
        ({"offers": {"price": "3.005", "priceCurrency": "EUR"}}, "offers.price", "is not a price in EUR"),
        ({"offers": {"price": "3", "priceCurrency": "USD"}}, "offers.priceCurrency", "is not EUR"),
        ({"offers": []}, "offers", "is missing"),
        ({"offers": "3 €"}, "offers", "must be an Offer"),
        ({"suitableForDiet": ["PaleoDiet"]}, "suitableForDiet[0]", "RestrictedDiet"),
        (
            {"gs1:hasAllergen": [{"gs1:allergenType": {"@id": "gs1:AllergenTypeCode-WHEAT"}}]},
            "gs1:hasAllergen[0]",
            "14 allergens",
        ),
        ({"name": [{"@value": "x" * 141, "@language": "fr"}]}, "name.fr", "1 to 140"),
        ({"name": [{"@language": "fr"}]}, "name[0]", "must be a text"),
        ({"name": ["a", "b"]}, "name[1]", "is a second text in fr"),
        ({"identifier": "onion-soup"}, "identifier", "is the same as"),
        ({"image": ["http://example.org/"]}, "image[0]", "https"),
        ({"menuAddOn": ["x"]}, "menuAddOn", "must be a MenuItem"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands_in_the_document(item: dict[str, Any], field: str, reason: str):
    told = faults(changed(**item))
    matching = {where: why for where, why in told.items() if where.startswith(f"{STEAK}{field}")}
    assert any(reason in why for why in matching.values()), told


def test_what_stands_beside_the_sections_is_told_where_it_stands_and_named_apart():
    bread = {"name": "Bread", "offers": {"price": "1", "priceCurrency": "EUR"}, "image": "ftp://x"}
    menu = {
        "@type": "schema:Menu",
        "inLanguage": ["en"],
        "name": "Lunch",
        "hasMenuSection": {"identifier": "other", "name": "Other", "hasMenuItem": {**bread, "image": []}},
        "hasMenuItem": [bread],
    }
    assert set(faults(menu)) == {"hasMenuItem[0].image[0]"}
    menu["hasMenuItem"] = [{**bread, "image": [], "identifier": "bread"}]
    (found,) = menus_in(menu)
    _, card = read_menu(found)
    assert [(section.id, [item.id for item in section.items]) for section in card.sections] == [
        ("other", ["bread-2"]),
        ("other-2", ["bread"]),
    ]


@pytest.mark.parametrize(
    ("node", "field"),
    [
        ({"hasMenuSection": ["x"]}, "hasMenuSection[0]"),
        ({"hasMenuItem": ["x"]}, "hasMenuItem[0]"),
        ({"hasMenuSection": {"name": "A", "hasMenuItem": "x"}}, "hasMenuSection.hasMenuItem"),
        (
            {
                "hasMenuItem": {
                    "name": "F",
                    "additionalType": "urn:alentour:menu:Formula",
                    "alentour:course": "x",
                }
            },
            "hasMenuItem.alentour:course",
        ),
    ],
)
def test_what_is_no_node_is_told(node: dict[str, Any], field: str):
    said = {"@type": "Menu", "inLanguage": "en", "name": "Lunch", "alentour:currency": "EUR", **node}
    assert field in faults(said)


def test_what_can_be_added_may_stand_in_a_section_of_its_own():
    item: dict[str, Any] = {
        "name": "Steak",
        "offers": {"price": "18", "priceCurrency": "EUR"},
        "menuAddOn": {
            "@type": "MenuSection",
            "hasMenuItem": [{"name": "Fries", "offers": {"price": "3", "priceCurrency": "EUR"}}],
        },
    }
    menu = {"@type": "Menu", "inLanguage": "en", "name": "Lunch", "hasMenuItem": item}
    (found,) = menus_in([menu])
    (steak,) = read_menu(found)[1].items
    assert [(one.id, one.price_minor) for one in steak.add_ons] == [("fries", 300)]
    del item["menuAddOn"]["hasMenuItem"][0]["offers"]
    assert set(faults(menu)) == {"hasMenuItem.menuAddOn.hasMenuItem[0].offers"}


def test_a_menu_says_its_language_and_its_currency():
    assert set(faults({"@type": "Menu", "name": "Lunch"})) == {"inLanguage", "alentour:currency"}


def test_a_document_without_menus_is_refused():
    assert "must have 1 to" in faults({"@type": "Restaurant"})["body"]
    assert faults({"@graph": []})["@graph"]
    assert faults({"@type": "Restaurant", "hasMenu": "https://example.org/menu"}) == {
        "hasMenu": "must be a Menu, not a link to one"
    }


def test_linked_data_is_told_by_its_keywords():
    assert is_json_ld({"@context": CONTEXT})
    assert is_json_ld([{"@type": "Menu"}])
    assert not is_json_ld({"menus": []})
    assert not is_json_ld([])
