"""Menus out of schema.org JSON-LD: what `offers.menus.json_ld` writes, and what restaurants' websites have.

Owns what the members of a Menu mean for a card; where menus are is `offers.menus.json_ld_nodes`'.
Without ids of their own parts are called by their names. A price that cannot be written exactly in the
currency is refused, never rounded.
Pure: no database.
"""

from collections.abc import Iterator
from typing import Any, Final

from geo.errors import Fault, InvalidInput
from offers.menus.allergens import NAMES
from offers.menus.card import Card
from offers.menus.currencies import as_minor, is_currency
from offers.menus.diets import SCHEMA_ORG
from offers.menus.json_ld import FORMULA, NONE_DECLARED, SPECIAL, Node
from offers.menus.json_ld_nodes import (
    Found,
    each_of,
    get,
    gs1_member,
    gs1_of,
    identifier_of,
    slug_of,
    term_in,
    types_of,
    url_in,
)
from offers.menus.origins import Origins
from offers.menus.reading import read_card

_ALLERGEN_OF: Final = {named.gs1: name for name, named in NAMES.items()}
_DIET_OF: Final = {term: name for name, term in SCHEMA_ORG.items()}
# How members of the card are called there.
_NAMES: Final = {
    "id": "identifier",
    "language": "inLanguage",
    "currency": "alentour:currency",
    "opening_hours": "alentour:openingHours",
    "cuisines": "alentour:cuisine",
    "sections": "hasMenuSection",
    "items": "hasMenuItem",
    "add_ons": "menuAddOn",
    "price_minor": "offers",
    "sizes": "offers",
    "allergens": "gs1:hasAllergen",
    "traces": "gs1:hasAllergen",
    "diets": "suitableForDiet",
    "photos": "image",
    "on": "temporalCoverage",
}


def read_menu(found: Found) -> tuple[str, Card]:
    """(the retailer's own id of it, the card). Raises InvalidInput with paths in the document."""
    node, at = found.node, found.at
    if not isinstance(node, dict):
        raise InvalidInput("", faults=(Fault(at.rstrip("."), "must be a Menu, not a link to one"),))
    origins = Origins(at, _NAMES)
    reading = _Reading(node, at, origins)
    raw = reading.menu(found.restaurant)
    if reading.faults:
        raise InvalidInput("The menu cannot be used.", faults=tuple(reading.faults))
    try:
        card = read_card(raw)
    except InvalidInput as error:
        raise InvalidInput(error.detail, faults=tuple(origins.told(one) for one in error.faults)) from None
    return identifier_of(node) or slug_of(card.name[card.language], set()), card


class _Reading:
    """One menu: builds the card's JSON values, notes where each came from and what cannot be."""

    def __init__(self, node: Node, at: str, origins: Origins) -> None:
        self._node, self._at, self._origins = node, at, origins
        self.faults: list[Fault] = []
        self._language = get(node, "inLanguage")
        self._currency = get(node, "currency", "alentour:")
        self._item_ids: set[str] = set()

    def menu(self, restaurant: Node | None) -> Node:
        node, at = self._node, self._at
        if isinstance(self._language, list) and len(self._language) == 1:
            self._language = self._language[0]
        if not isinstance(self._language, str):
            self._refuse(f"{at}inLanguage", "must say in which language it is written, such as fr")
            self._language = "und"
        if self._currency is None:
            self._currency = self._first_currency()
        if not isinstance(self._currency, str) or not is_currency(self._currency):
            self._refuse(
                f"{at}alentour:currency", "is not a currency of ISO 4217; nor does an offer name one"
            )
            self._currency = "EUR"
        for one, _ in each_of(get(node, "hasMenuSection"), ""):
            self._take_ids(one)
        self._take_ids(node)
        taken: set[str] = set()
        sections, specials = self._sections(taken)
        loose, formulas = self._loose_items(f"sections[{len(sections)}].")
        if loose:
            id_ = slug_of("other", taken)
            sections.append({"id": id_, "name": {self._language: "—"}, "items": loose})
        return {
            "name": self._text(node, "name", at),
            "description": self._text(node, "description", at),
            "language": self._language,
            "currency": self._currency,
            "cuisines": self._cuisines(restaurant),
            "opening_hours": get(node, "openingHours", "alentour:"),
            "sections": sections,
            "formulas": formulas,
            "specials": specials,
        }

    def _sections(self, taken: set[str]) -> tuple[list[Node], list[Node]]:
        sections: list[Node] = []
        specials: list[Node] = []
        for one, _ in each_of(get(self._node, "hasMenuSection"), ""):
            if isinstance(one, dict) and (said := identifier_of(one)) is not None:
                taken.add(said)
        for node, at in each_of(get(self._node, "hasMenuSection"), f"{self._at}hasMenuSection"):
            if not isinstance(node, dict):
                self._refuse(at, "must be a MenuSection")
            elif get(node, "additionalType") == SPECIAL:
                part = f"specials[{len(specials)}]."
                self._origins.note(part, f"{at}.")
                items = self._items(node, f"{at}.", part, set(self._item_ids))
                specials.append({"on": get(node, "temporalCoverage"), "items": items})
            else:
                part = f"sections[{len(sections)}]."
                self._origins.note(part, f"{at}.")
                sections.append(self._section(node, f"{at}.", part, taken))
        return sections, specials

    def _section(self, node: Node, at: str, part: str, taken: set[str]) -> Node:
        name = self._text(node, "name", at)
        return {
            "id": self._id(node, name, taken),
            "name": name,
            "description": self._text(node, "description", at),
            "items": self._items(node, at, part, self._item_ids),
        }

    def _loose_items(self, section: str) -> tuple[list[Node], list[Node]]:
        """Items of the menu itself, which become a section with that path, and its formulas."""
        items: list[Node] = []
        formulas: list[Node] = []
        for node, at in each_of(get(self._node, "hasMenuItem"), f"{self._at}hasMenuItem"):
            if not isinstance(node, dict):
                self._refuse(at, "must be a MenuItem")
            elif get(node, "additionalType") == FORMULA:
                part = f"formulas[{len(formulas)}]."
                self._origins.note(part, f"{at}.")
                formulas.append(self._formula(node, f"{at}.", part))
            else:
                items.append(self._item(node, f"{at}.", f"{section}items[{len(items)}].", self._item_ids))
        return items, formulas

    def _items(self, node: Node, at: str, part: str, taken: set[str]) -> list[Node]:
        items: list[Node] = []
        for one, here in each_of(get(node, "hasMenuItem"), f"{at}hasMenuItem"):
            if not isinstance(one, dict):
                self._refuse(here, "must be a MenuItem")
            else:
                items.append(self._item(one, f"{here}.", f"{part}items[{len(items)}].", taken))
        return items

    def _item(self, node: Node, at: str, part: str, taken: set[str]) -> Node:
        self._origins.note(part, at)
        name = self._text(node, "name", at)
        item = {
            "id": self._id(node, name, taken),
            "name": name,
            "description": self._text(node, "description", at),
            "photos": [url_in(one) for one, _ in each_of(get(node, "image"), "")],
            **self._prices(node, at, part),
            **self._food(node, at),
        }
        add_ons: list[Node] = []
        own: set[str] = set()
        for one, here in self._add_on_nodes(node, at):
            self._origins.note(f"{part}add_ons[{len(add_ons)}].", f"{here}.")
            add_ons.append(self._add_on(one, f"{here}.", own))
        return {**item, "add_ons": add_ons}

    def _add_on_nodes(self, node: Node, at: str) -> Iterator[tuple[Node, str]]:
        """Items that can be added, also those of a section."""
        for one, here in each_of(get(node, "menuAddOn"), f"{at}menuAddOn"):
            if not isinstance(one, dict):
                self._refuse(here, "must be a MenuItem or a MenuSection")
            elif "MenuSection" in types_of(one):
                inner = each_of(get(one, "hasMenuItem"), f"{here}.hasMenuItem")
                yield from ((each, place) for each, place in inner if isinstance(each, dict))
            else:
                yield one, here

    def _add_on(self, node: Node, at: str, taken: set[str]) -> Node:
        name = self._text(node, "name", at)
        offers = list(each_of(get(node, "offers"), f"{at}offers"))
        if len(offers) != 1:
            self._refuse(f"{at}offers", "must be one: what can be added has one price, 0 if it costs nothing")
        price = self._price(*offers[0]) if offers else 0
        return {"id": self._id(node, name, taken), "name": name, "price_minor": price, **self._food(node, at)}

    def _formula(self, node: Node, at: str, part: str) -> Node:
        name = self._text(node, "name", at)
        courses: list[Node] = []
        for one, here in each_of(get(node, "course", "alentour:"), f"{at}alentour:course"):
            if not isinstance(one, dict):
                self._refuse(here, "must be a course")
                continue
            self._origins.note(f"{part}courses[{len(courses)}].", f"{here}.")
            courses.append(self._course(one, f"{here}."))
        return {
            "id": self._id(node, name, self._item_ids),
            "name": name,
            "description": self._text(node, "description", at),
            "price_minor": self._prices(node, at, part).get("price_minor"),
            "opening_hours": get(node, "openingHours", "alentour:"),
            "courses": courses,
        }

    def _course(self, node: Node, at: str) -> Node:
        supplements = []
        for one, here in each_of(get(node, "supplement", "alentour:"), f"{at}alentour:supplement"):
            if isinstance(one, dict):
                price = self._prices(one, f"{here}.", "").get("price_minor")
                supplements.append({"item_id": get(one, "identifier"), "price_minor": price})
        return {
            "name": self._text(node, "name", at),
            "choose": get(node, "choose", "alentour:") or 1,
            "section_ids": [one for one, _ in each_of(get(node, "section", "alentour:"), "")],
            "item_ids": [one for one, _ in each_of(get(node, "item", "alentour:"), "")],
            "supplements": supplements,
        }

    def _prices(self, node: Node, at: str, part: str) -> Node:
        """One offer without a name of its own is the price; others are sizes."""
        offers = list(each_of(get(node, "offers"), f"{at}offers"))
        if not offers:
            self._refuse(f"{at}offers", "is missing: everything on a menu has a price")
            return {}
        one, here = offers[0]
        if len(offers) == 1 and not (isinstance(one, dict) and get(one, "name")):
            return {"price_minor": self._price(one, here)}
        sizes: list[Node] = []
        taken: set[str] = set()
        for offer, place in offers:
            self._origins.note(f"{part}sizes[{len(sizes)}].", f"{place}.")
            name = self._text(offer, "name", f"{place}.") if isinstance(offer, dict) else {}
            id_ = self._id(offer if isinstance(offer, dict) else {}, name, taken)
            sizes.append({"id": id_, "name": name, "price_minor": self._price(offer, place)})
        return {"sizes": sizes}

    def _price(self, offer: Any, at: str) -> int:
        if not isinstance(offer, dict):
            self._refuse(at, "must be an Offer")
            return 0
        currency = get(offer, "priceCurrency")
        if currency != self._currency:
            self._refuse(f"{at}.priceCurrency", f"is not {self._currency}, the currency of this menu")
        price = get(offer, "price")
        minor = None if isinstance(price, bool) else as_minor(str(price).strip(), str(self._currency))
        if minor is None:
            self._refuse(f"{at}.price", f"is not a price in {self._currency} such as 12.50; none is negative")
        return minor or 0

    def _food(self, node: Node, at: str) -> Node:
        diets = []
        for one, here in each_of(get(node, "suitableForDiet"), f"{at}suitableForDiet"):
            term = term_in(one)
            if term not in _DIET_OF:
                self._refuse(here, f"is not a RestrictedDiet of schema.org: {', '.join(_DIET_OF)}")
            diets.append(_DIET_OF.get(term, ""))
        allergens: list[str] | None = None
        traces: list[str] = []
        said = gs1_member(node, "hasAllergen")
        for one, here in each_of(said, f"{at}gs1:hasAllergen"):
            allergens = [] if allergens is None else allergens
            code, level = gs1_of(one, "allergenType"), gs1_of(one, "allergenLevelOfContainmentCode")
            if code == NONE_DECLARED or level == "FREE_FROM":
                continue
            if code not in _ALLERGEN_OF:
                self._refuse(
                    here, f"is not one of the 14 allergens in GS1's words: {', '.join(_ALLERGEN_OF)}"
                )
            elif level == "MAY_CONTAIN":
                traces.append(_ALLERGEN_OF[code])
            else:
                allergens.append(_ALLERGEN_OF[code])
        return {"allergens": allergens, "traces": traces, "diets": diets}

    def _text(self, node: Node, member: str, at: str) -> dict[str, str]:
        texts: dict[str, str] = {}
        for one, here in each_of(get(node, member), f"{at}{member}"):
            if isinstance(one, str):
                language, words = str(self._language), one
            elif isinstance(one, dict) and isinstance(one.get("@value"), str):
                language, words = str(one.get("@language", self._language)), one["@value"]
            else:
                self._refuse(here, "must be a text, or @value with @language")
                continue
            if language in texts:
                self._refuse(here, f"is a second text in {language[:20]}")
            texts[language] = words
        return texts

    def _cuisines(self, restaurant: Node | None) -> list[str]:
        own = get(self._node, "cuisine", "alentour:")
        if own is not None:
            return [one for one, _ in each_of(own, "")]
        said = [] if restaurant is None else [one for one, _ in each_of(get(restaurant, "servesCuisine"), "")]
        words = [slug_of(one, set()).replace("-", "_") for one in said if isinstance(one, str)]
        return list(dict.fromkeys(words))[:20]

    def _first_currency(self) -> Any:
        """The currency of the first offer, wherever it is."""
        waiting: list[Any] = [self._node]
        while waiting:
            one = waiting.pop(0)
            if isinstance(one, dict):
                if (currency := get(one, "priceCurrency")) is not None:
                    return currency
                waiting += one.values()
            elif isinstance(one, list):
                waiting += one
        return None

    def _take_ids(self, section: Any) -> None:
        """Ids that are given must not be given again to what has none."""
        if isinstance(section, dict) and get(section, "additionalType") != SPECIAL:
            nodes = [one for one, _ in each_of(get(section, "hasMenuItem"), "") if isinstance(one, dict)]
            self._item_ids |= {id_ for one in nodes if (id_ := identifier_of(one)) is not None}

    def _id(self, node: Node, name: dict[str, str], taken: set[str]) -> Any:
        said = get(node, "identifier")
        if said is not None:
            return said
        return slug_of(name.get(str(self._language)) or next(iter(name.values()), ""), taken)

    def _refuse(self, field: str, reason: str) -> None:
        self.faults.append(Fault(field, reason))
