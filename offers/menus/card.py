"""A menu's card in its documented JSON form: what a retailer writes, and what every version keeps.

Named after schema.org's Menu, MenuSection, MenuItem and Offer. The structs are the form (docs/guides/menus.md
tells it in words); `offers.menus.judging` says what makes a card of this form unusable.
Texts are maps from language tags (BCP 47) to words; each has one in the card's own `language`, which is what
everybody falls back to. Prices are integer minor units of the card's one `currency`.
Pure: no database.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from offers.menus.allergens import ALLERGENS
from offers.menus.diets import DIETS

LONGEST_LABEL: Final = 140
LONGEST_DESCRIPTION: Final = 1_000
MOST_LANGUAGES: Final = 20
MOST_ITEMS: Final = 1_000
MOST_SECTIONS: Final = 100
MOST_SIZES: Final = 20
MOST_ADD_ONS: Final = 50
MOST_FORMULAS: Final = 100
MOST_COURSES: Final = 10
MOST_NAMED: Final = 200
MOST_PHOTOS: Final = 10
MOST_CUISINES: Final = 20
MOST_SPECIAL_DAYS: Final = 62
HIGHEST_PRICE_MINOR: Final = 100_000_000

_Label = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": LONGEST_LABEL})]
_Long = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": LONGEST_DESCRIPTION})]
_AllergenName = Annotated[str, Meta(extra_json_schema={"enum": list(ALLERGENS)})]
_DietName = Annotated[str, Meta(extra_json_schema={"enum": list(DIETS)})]

Label = Annotated[dict[str, _Label], Meta(description="By language; at most 140 characters in each.")]
Description = Annotated[dict[str, _Long], Meta(description="By language; at most 1,000 characters in each.")]
PriceMinor = Annotated[
    int, Meta(ge=0, le=HIGHEST_PRICE_MINOR, description="In minor units of the card's currency.")
]
Id = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$",
        description="Yours: letters, digits, `.`, `_`, `~`, `-`; at most 64.",
    ),
]
Allergens = Annotated[
    list[_AllergenName] | None,
    Meta(
        description="Of Annex II of Regulation (EU) 1169/2011. null: not stated. []: none declared.",
    ),
]
Traces = Annotated[
    list[_AllergenName],
    Meta(description="What may be in it unmeant; only where `allergens` are stated."),
]
Diets = Annotated[list[_DietName], Meta(description="What it suits (schema.org RestrictedDiet).")]
Hours = Annotated[
    str | None,
    Meta(description="OSM opening_hours syntax, in the site's zone. null: whenever the site is open."),
]


class Size(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to have a dish: a half, 25 cl."""

    id: Id
    name: Label
    price_minor: PriceMinor


class AddOn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can go with a dish, for a supplement (0: for nothing). Its allergens are its own."""

    id: Id
    name: Label
    price_minor: PriceMinor
    allergens: Allergens = None
    traces: Traces = []
    diets: Diets = []


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dish or a drink. It has one `price_minor`, or `sizes` with a price each."""

    id: Id
    name: Label
    description: Description = {}
    price_minor: PriceMinor | None = None
    sizes: Annotated[list[Size], Meta(max_length=MOST_SIZES)] = []
    add_ons: Annotated[list[AddOn], Meta(max_length=MOST_ADD_ONS)] = []
    allergens: Allergens = None
    traces: Traces = []
    diets: Diets = []
    photos: Annotated[
        list[str], Meta(max_length=MOST_PHOTOS, description="https links; Alentour never fetches them.")
    ] = []

    @property
    def prices(self) -> tuple[int, ...]:
        """All that it can cost without add-ons, in minor units."""
        return tuple(size.price_minor for size in self.sizes) or (self.price_minor or 0,)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Starters, mains, wines."""

    id: Id
    name: Label
    description: Description = {}
    items: list[Item] = []


class Supplement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an item of a course costs on top of the formula."""

    item_id: Id
    price_minor: PriceMinor


class Course(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a formula: `choose` so many among the items of these sections and these items."""

    name: Label
    choose: Annotated[int, Meta(ge=1, le=10)] = 1
    section_ids: Annotated[list[Id], Meta(max_length=MOST_NAMED)] = []
    item_ids: Annotated[list[Id], Meta(max_length=MOST_NAMED)] = []
    supplements: Annotated[list[Supplement], Meta(max_length=MOST_NAMED)] = []


class Formula(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meal for one price: starter and main, 24 €. Its own hours narrow those of the card."""

    id: Id
    name: Label
    price_minor: PriceMinor
    description: Description = {}
    courses: Annotated[list[Course], Meta(max_length=MOST_COURSES)] = []
    opening_hours: Hours = None


class Special(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there is on one day only (in the site's zone), beside the card."""

    on: date
    items: list[Item]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One menu of a site: lunch, evening, drinks."""

    name: Label
    language: Annotated[str, Meta(description="The language that every text here has.")]
    currency: Annotated[str, Meta(description="ISO 4217; one for the whole card.")]
    description: Description = {}
    cuisines: Annotated[
        list[str], Meta(max_length=MOST_CUISINES, description="As in OSM's `cuisine`: french, sushi.")
    ] = []
    opening_hours: Hours = None
    sections: Annotated[list[Section], Meta(max_length=MOST_SECTIONS)] = []
    formulas: Annotated[list[Formula], Meta(max_length=MOST_FORMULAS)] = []
    specials: Annotated[list[Special], Meta(max_length=MOST_SPECIAL_DAYS)] = []

    @property
    def items(self) -> Iterator[Item]:
        """Those of the sections, in order."""
        return (item for section in self.sections for item in section.items)

    @property
    def languages(self) -> list[str]:
        """In which all of the card can be read, its own first: where every name is given."""
        names = [self.name, *(section.name for section in self.sections), *(one.name for one in self.items)]
        names += [formula.name for formula in self.formulas]
        common = set.intersection(*(set(name) for name in names))
        return [self.language, *sorted(common - {self.language})]


def hash_of(card: Card) -> str:
    """SHA-256 (hex) of the card as JSON with sorted members: the same content, the same hash."""
    return hashlib.sha256(msgspec.json.encode(card, order="sorted")).hexdigest()


def card_of(kept: Any) -> Card:
    """A card that was stored (decoded JSON)."""
    return msgspec.convert(kept, Card)


def as_json(card: Card) -> Any:
    """The card as JSON values, as it is stored and told."""
    return msgspec.to_builtins(card)
