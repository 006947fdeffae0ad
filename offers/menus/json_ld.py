"""A card as schema.org JSON-LD: Menu, MenuSection, MenuItem, Offer; nothing of the card is lost.

Allergens are told in the GS1 Web Vocabulary (https://ref.gs1.org/voc/), which has a code for "none
declared"; absent is not stated. What neither vocabulary can say (hours of a menu, formulas, the card's
currency) has terms of our own. `offers.menus.json_ld_reading` reads it back. docs/guides/menus.md has the
mapping as a table.
Pure: no database.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from offers.menus.allergens import NAMES
from offers.menus.card import AddOn, Card, Course, Formula, Item, Section, Special
from offers.menus.currencies import as_decimal
from offers.menus.diets import SCHEMA_ORG

MEDIA_TYPE: Final = "application/ld+json"
CONTEXT: Final[list[Any]] = [
    "https://schema.org",
    {"gs1": "https://ref.gs1.org/voc/", "alentour": "urn:alentour:menu:"},
]
SCHEMA: Final = "https://schema.org/"
ALLERGEN: Final = "gs1:AllergenTypeCode-"
LEVEL: Final = "gs1:LevelOfContainmentCode-"
NONE_DECLARED: Final = "NO_DECLARED_ALLERGENS"
FORMULA: Final = "urn:alentour:menu:Formula"
SPECIAL: Final = "urn:alentour:menu:Special"

Node = dict[str, Any]


def menu_node(card: Card, identifier: str | None = None) -> Node:
    """The card as a Menu, without a context. `identifier` is the retailer's own id of it."""
    writing = _Writing(card.currency)
    sections = [writing.section(one) for one in card.sections]
    return _said(
        {
            "@type": "Menu",
            "identifier": identifier,
            "name": _text(card.name),
            "description": _text(card.description),
            "inLanguage": card.language,
            "alentour:currency": card.currency,
            "alentour:cuisine": card.cuisines,
            "alentour:openingHours": card.opening_hours,
            "hasMenuSection": [*sections, *(writing.special(one) for one in card.specials)],
            "hasMenuItem": [writing.formula(one) for one in card.formulas],
        }
    )


def document(nodes: Sequence[Node]) -> Node:
    """Nodes with the context that they are written in."""
    return {"@context": CONTEXT, "@graph": list(nodes)}


class _Writing:
    def __init__(self, currency: str) -> None:
        self._currency = currency

    def section(self, section: Section) -> Node:
        return _said(
            {
                "@type": "MenuSection",
                "identifier": section.id,
                "name": _text(section.name),
                "description": _text(section.description),
                "hasMenuItem": [self._item(one) for one in section.items],
            }
        )

    def special(self, special: Special) -> Node:
        """A section of one day. Its name is its date: it has no other."""
        return {
            "@type": "MenuSection",
            "additionalType": SPECIAL,
            "name": special.on.isoformat(),
            "temporalCoverage": special.on.isoformat(),
            "hasMenuItem": [self._item(one) for one in special.items],
        }

    def formula(self, formula: Formula) -> Node:
        return _said(
            {
                "@type": "MenuItem",
                "additionalType": FORMULA,
                "identifier": formula.id,
                "name": _text(formula.name),
                "description": _text(formula.description),
                "offers": self._offer(formula.price_minor),
                "alentour:openingHours": formula.opening_hours,
                "alentour:course": [self._course(one) for one in formula.courses],
            }
        )

    def _course(self, course: Course) -> Node:
        supplements = [
            {"@type": "MenuItem", "identifier": one.item_id, "offers": self._offer(one.price_minor)}
            for one in course.supplements
        ]
        return _said(
            {
                "@type": "alentour:Course",
                "name": _text(course.name),
                "alentour:choose": course.choose,
                "alentour:section": course.section_ids,
                "alentour:item": course.item_ids,
                "alentour:supplement": supplements,
            }
        )

    def _item(self, item: Item) -> Node:
        if item.price_minor is not None:
            offers: Any = self._offer(item.price_minor)
        else:
            offers = [
                {**self._offer(one.price_minor), "identifier": one.id, "name": _text(one.name)}
                for one in item.sizes
            ]
        return _said(
            {
                "@type": "MenuItem",
                "identifier": item.id,
                "name": _text(item.name),
                "description": _text(item.description),
                "image": item.photos,
                "offers": offers,
                **_food(item),
                "menuAddOn": [self._add_on(one) for one in item.add_ons],
            }
        )

    def _add_on(self, add_on: AddOn) -> Node:
        return _said(
            {
                "@type": "MenuItem",
                "identifier": add_on.id,
                "name": _text(add_on.name),
                "offers": self._offer(add_on.price_minor),
                **_food(add_on),
            }
        )

    def _offer(self, price_minor: int) -> Node:
        price = as_decimal(price_minor, self._currency)
        return {"@type": "Offer", "price": price, "priceCurrency": self._currency}


def _food(food: Item | AddOn) -> Node:
    told: list[Node] = []
    if food.allergens is not None:
        told = [_allergen(NAMES[one].gs1, "CONTAINS") for one in food.allergens]
        told = told or [_allergen(NONE_DECLARED, None)]
        told += [_allergen(NAMES[one].gs1, "MAY_CONTAIN") for one in food.traces]
    return {
        "suitableForDiet": [f"{SCHEMA}{SCHEMA_ORG[one]}" for one in food.diets],
        "gs1:hasAllergen": told,
    }


def _allergen(code: str, level: str | None) -> Node:
    node: Node = {"@type": "gs1:AllergenDetails", "gs1:allergenType": {"@id": f"{ALLERGEN}{code}"}}
    if level is not None:
        node["gs1:allergenLevelOfContainmentCode"] = {"@id": f"{LEVEL}{level}"}
    return node


def _text(text: Mapping[str, str]) -> list[Node]:
    return [{"@value": words, "@language": language} for language, words in text.items()]


def _said(node: Node) -> Node:
    """Without what says nothing."""
    return {name: value for name, value in node.items() if value is not None and value != []}
