"""What makes a card of the right form unusable: every fault with its path.

Owns the rules between members (ids given once, one price or sizes, texts in the card's language, references
that lead somewhere, diets against allergens). Types and single numbers are the form's (`offers.menus.card`).
Pure: no database.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from geo.errors import Fault, InvalidInput
from offers.hours import parse_hours
from offers.menus.allergens import ALLERGENS
from offers.menus.card import (
    LONGEST_DESCRIPTION,
    LONGEST_LABEL,
    MOST_ITEMS,
    MOST_LANGUAGES,
    AddOn,
    Card,
    Course,
    Formula,
    Item,
)
from offers.menus.currencies import is_currency
from offers.menus.diets import DIETS, contradicting

LONGEST_URL: Final = 2_000
MOST_ITEMS_A_DAY: Final = 50
# What stands before the path of the first, where something is said twice.
SAME_AS: Final = "is the same as "

# BCP 47 (RFC 5646) in the shape that apps use: a language, then script or region.
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
_CUISINE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Joiners hold emoji and Indic letters together, and are the one sort of unprintable that is meant.
_JOINERS: Final = str.maketrans("", "", "\u200d\u200c")


def refuse_faulty(card: Card, at: str = "") -> None:
    """Raise InvalidInput with every fault; `at` is written before each path."""
    if faults := faults_of(card, at):
        raise InvalidInput("The menu cannot be used.", faults=tuple(faults))


def faults_of(card: Card, at: str = "") -> list[Fault]:
    """Every fault of the card by itself."""
    return [*_head_faults(card, at), *_body_faults(card, at)]


def _head_faults(card: Card, at: str) -> Iterator[Fault]:
    if not _LANGUAGE.fullmatch(card.language):
        yield Fault(f"{at}language", "is not a language tag such as fr or en-GB")
    if not is_currency(card.currency):
        yield Fault(f"{at}currency", "is not a currency of ISO 4217 such as EUR")
    yield from _label_faults(card.name, card.language, f"{at}name")
    yield from _text_faults(card.description, f"{at}description")
    yield from _hours_faults(card.opening_hours, f"{at}opening_hours")
    yield from _repeated(card.cuisines, f"{at}cuisines")
    for n, cuisine in enumerate(card.cuisines):
        if not _CUISINE.fullmatch(cuisine):
            yield Fault(
                f"{at}cuisines[{n}]", "is not a cuisine as OSM writes it, such as french or fish_and_chips"
            )


def _body_faults(card: Card, at: str) -> Iterator[Fault]:
    count = sum(1 for _ in card.items) + sum(len(special.items) for special in card.specials)
    if count > MOST_ITEMS:
        yield Fault(f"{at}sections", f"have {count} items; at most {MOST_ITEMS} are allowed")
    yield from _repeated([one.id for one in card.sections], f"{at}sections", ".id")
    seen: dict[str, str] = {}
    for s, section in enumerate(card.sections):
        here = f"{at}sections[{s}]."
        yield from _label_faults(section.name, card.language, f"{here}name")
        yield from _text_faults(section.description, f"{here}description")
        for n, item in enumerate(section.items):
            yield from _first_use(item.id, f"{here}items[{n}].id", seen)
            yield from item_faults(item, card.language, f"{here}items[{n}].")
    for n, formula in enumerate(card.formulas):
        yield from _first_use(formula.id, f"{at}formulas[{n}].id", seen)
        yield from _formula_faults(formula, card, f"{at}formulas[{n}].")
    yield from _special_faults(card, seen, at)


def _special_faults(card: Card, seen: Mapping[str, str], at: str) -> Iterator[Fault]:
    yield from _repeated([one.on.isoformat() for one in card.specials], f"{at}specials", ".on")
    for s, special in enumerate(card.specials):
        here = f"{at}specials[{s}]."
        if not 1 <= len(special.items) <= MOST_ITEMS_A_DAY:
            yield Fault(f"{here}items", f"must be 1 to {MOST_ITEMS_A_DAY}")
        on_this_day = dict(seen)  # the dish of the day may be called so every day
        for n, item in enumerate(special.items):
            yield from _first_use(item.id, f"{here}items[{n}].id", on_this_day)
            yield from item_faults(item, card.language, f"{here}items[{n}].")


def item_faults(item: Item, language: str, at: str) -> Iterator[Fault]:
    """Of one item, in a card of that language."""
    yield from _label_faults(item.name, language, f"{at}name")
    yield from _text_faults(item.description, f"{at}description")
    if (item.price_minor is None) == (not item.sizes):
        yield Fault(f"{at}price_minor", "is needed, or sizes; not both")
    yield from _repeated([size.id for size in item.sizes], f"{at}sizes", ".id")
    for n, size in enumerate(item.sizes):
        yield from _label_faults(size.name, language, f"{at}sizes[{n}].name")
    yield from _food_faults(item, at)
    yield from _repeated([add_on.id for add_on in item.add_ons], f"{at}add_ons", ".id")
    for n, add_on in enumerate(item.add_ons):
        yield from _label_faults(add_on.name, language, f"{at}add_ons[{n}].name")
        yield from _food_faults(add_on, f"{at}add_ons[{n}].")
    for n, url in enumerate(item.photos):
        if not _is_https(url):
            yield Fault(f"{at}photos[{n}]", f"must be an https link of at most {LONGEST_URL} characters")


def _food_faults(food: Item | AddOn, at: str) -> Iterator[Fault]:
    stated = food.allergens or []
    for member, names in (("allergens", stated), ("traces", food.traces)):
        yield from _repeated(names, f"{at}{member}")
        for n, name in enumerate(names):
            if name not in ALLERGENS:
                known = ", ".join(ALLERGENS)
                yield Fault(f"{at}{member}[{n}]", f"is not one of the 14 allergens: {known}")
    if food.traces and food.allergens is None:
        yield Fault(f"{at}traces", "go with allergens, which are not stated; [] states that there are none")
    for n, name in enumerate(food.traces):
        if name in stated:
            yield Fault(f"{at}traces[{n}]", "is among the allergens already")
    yield from _repeated(food.diets, f"{at}diets")
    for n, diet in enumerate(food.diets):
        if diet not in DIETS:
            yield Fault(f"{at}diets[{n}]", f"is not one of the diets: {', '.join(DIETS)}")
        if wrong := contradicting(diet, stated):
            yield Fault(f"{at}diets[{n}]", f"contradicts the allergens: {', '.join(wrong)}")


def _formula_faults(formula: Formula, card: Card, at: str) -> Iterator[Fault]:
    yield from _label_faults(formula.name, card.language, f"{at}name")
    yield from _text_faults(formula.description, f"{at}description")
    yield from _hours_faults(formula.opening_hours, f"{at}opening_hours")
    sections = {section.id: {item.id for item in section.items} for section in card.sections}
    items = {item.id for item in card.items}
    for n, course in enumerate(formula.courses):
        here = f"{at}courses[{n}]."
        yield from _label_faults(course.name, card.language, f"{here}name")
        yield from _course_faults(course, sections, items, here)


def _course_faults(
    course: Course, sections: Mapping[str, set[str]], items: set[str], at: str
) -> Iterator[Fault]:
    if not course.section_ids and not course.item_ids:
        yield Fault(f"{at}section_ids", "must name a section to choose from, or item_ids an item")
    for n, section_id in enumerate(course.section_ids):
        if section_id not in sections:
            yield Fault(f"{at}section_ids[{n}]", "is no section of this card")
    for n, item_id in enumerate(course.item_ids):
        if item_id not in items:
            yield Fault(f"{at}item_ids[{n}]", "is no item of this card's sections")
    offered = set(course.item_ids).union(*(sections.get(one, set()) for one in course.section_ids))
    yield from _repeated([one.item_id for one in course.supplements], f"{at}supplements", ".item_id")
    for n, one in enumerate(course.supplements):
        if one.item_id not in offered:
            yield Fault(f"{at}supplements[{n}].item_id", "is no item of this course")


def _label_faults(label: Mapping[str, str], language: str, field: str) -> Iterator[Fault]:
    yield from _text_faults(label, field, LONGEST_LABEL)
    if language not in label:
        yield Fault(field, f"must have words in {language[:20]}, the card's language")


def _text_faults(text: Mapping[str, str], field: str, longest: int = LONGEST_DESCRIPTION) -> Iterator[Fault]:
    if len(text) > MOST_LANGUAGES:
        yield Fault(field, f"must be in at most {MOST_LANGUAGES} languages")
    for language, words in text.items():
        here = f"{field}.{language[:20]}"
        if not _LANGUAGE.fullmatch(language):
            yield Fault(here, "is not a language tag such as fr or en-GB")
        shown = words.translate(_JOINERS)
        shown = shown.replace("\n", " ") if longest == LONGEST_DESCRIPTION else shown
        if not shown.strip() or len(words) > longest or not shown.isprintable():
            yield Fault(here, f"must be 1 to {longest} printable characters")


def _hours_faults(hours: str | None, field: str) -> Iterator[Fault]:
    if hours is not None and (reason := _why_not_hours(hours)) is not None:
        yield Fault(field, reason)


@lru_cache(maxsize=4096)
def _why_not_hours(text: str) -> str | None:
    # Kept, since the menus of a town share a few dozen opening hours.
    try:
        parse_hours(text)
    except InvalidInput as error:
        return error.faults[0].reason
    return None


def _repeated(ids: Sequence[str], field: str, member: str = "") -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for n, one in enumerate(ids):
        yield from _first_use(one, f"{field}[{n}]{member}", seen)


def _first_use(id_: str, field: str, seen: dict[str, str]) -> Iterable[Fault]:
    first = seen.setdefault(id_, field)
    return [] if first == field else [Fault(field, f"{SAME_AS}{first}")]


def _is_https(url: str) -> bool:
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
