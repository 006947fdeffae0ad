"""Menus for the demo's city: invented cards, drawn with a seed, as rows of the public import.

Owns the shape of `demo_menus.toml` and the drawing: which kitchen a place has (by OSM's `cuisine`, else by
its kind), what of it is on its lunch, evening and drinks cards, sizes, formulas, hours and prices in euros.
Now and then a place states no allergens at all, as in life. Knows no database: `api.demo_kitchens` serves
them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

_FILE: Final = Path(__file__).with_name("demo_menus.toml")
LANGUAGES: Final = ("fi", "en", "fr")
_ANYBODY: Final = "*"
_STATES_NOTHING: Final = 0.12
_DAYS_OF_SPECIALS: Final = 21
_CASH_STEP_MINOR: Final = 10

Text = dict[str, str]
Range = tuple[int, int]


class SizeLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A size, and what it costs in hundredths of the price."""

    fi: str
    en: str
    fr: str
    percent: int


class FoodLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all food has; `price` in cents, from and to."""

    id: str
    kitchens: tuple[str, ...]
    price: Range
    allergens: list[str]
    traces: list[str] = []
    diets: list[str] = []
    fi: str
    en: str
    fr: str

    def is_cooked_in(self, kitchen: str) -> bool:
        return kitchen in self.kitchens or _ANYBODY in self.kitchens


class DishLine(FoodLine, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dish or drink as the file has it."""

    course: str
    sizes: tuple[SizeLine, ...] = ()


class AddOnLine(FoodLine, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes with dishes of some courses."""

    courses: tuple[str, ...]


class MenuBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of the file."""

    cuisines: dict[str, tuple[str, ...]]
    kinds: dict[str, tuple[str, ...]]
    sections: dict[str, Text]
    words: dict[str, Text]
    dishes: tuple[DishLine, ...]
    add_ons: tuple[AddOnLine, ...]


class Kitchen(msgspec.Struct, frozen=True, kw_only=True):
    """A place that cooks. `external_id` is of its site, `cuisine` as OSM has it (`burger;pizza`)."""

    external_id: str
    kind: str
    cuisine: str = ""
    today: date


@cache
def menu_book() -> MenuBook:
    return msgspec.toml.decode(_FILE.read_bytes(), type=MenuBook)


def menus_of(kitchen: Kitchen, seed: int) -> list[dict[str, Any]]:
    """The rows of an import (`{"menus": [...]}`) for one place; the same for the same seed and day.

    Restaurants have a lunch, an evening and a drinks card, other places one for all day; others have none.
    """
    if kitchen.kind not in menu_book().kinds:
        return []
    return list(_Cook(kitchen, seed).menus())


class _Cook:
    """One place's cards being written."""

    def __init__(self, kitchen: Kitchen, seed: int) -> None:
        self._kitchen = kitchen
        self._rng = Random(f"{seed}/menus/{kitchen.external_id}")
        self._book = menu_book()
        self._cooks = self._drawn_kitchen()
        self._states_allergens = self._rng.random() >= _STATES_NOTHING
        self._dearness_percent = self._rng.randint(90, 125)
        dishes = [dish for dish in self._book.dishes if dish.is_cooked_in(self._cooks)]
        # Every place leaves out something that its neighbour has.
        self._dishes = [dish for dish in dishes if dish.course not in {"starter", "main"} or self._keeps()]
        mains = [dish for dish in dishes if dish.course == "main"]
        if not any(dish.course == "main" for dish in self._dishes):
            self._dishes += mains[:1]

    def menus(self) -> Iterator[dict[str, Any]]:
        if self._kitchen.kind == "restaurant":
            lunch = self._formulas("main_and_coffee", "starter_and_main", percent=90)
            three = self._formulas("three_courses", percent=92)
            food = ("starter", "main", "side", "sweet")
            yield self._card("lunch", (*food, "hot"), "Mo-Fr 10:30-15:00", lunch, has_specials=True)
            yield self._card("evening", food, "Mo-Su 16:00-23:00", three)
            yield self._card("drinks", ("soft", "hot", "bar"), None)
        else:
            courses = ["starter", "main", "side", "sweet", "soft", "hot"]
            courses += ["bar"] if self._kitchen.kind == "bar" else []
            meal = self._formulas("meal", percent=95) if self._kitchen.kind == "fast_food" else []
            yield self._card("day", courses, None, meal)

    def _drawn_kitchen(self) -> str:
        """By the first cuisine that somebody here cooks; else by lot among those of the kind."""
        lot = self._rng.choice(self._book.kinds[self._kitchen.kind])
        for cuisine in self._kitchen.cuisine.lower().replace(" ", "_").split(";"):
            for kitchen, answers_to in self._book.cuisines.items():
                if cuisine.strip("_") in answers_to:
                    return kitchen
        return lot

    def _keeps(self) -> bool:
        return self._rng.random() < 0.8

    def _card(
        self,
        name: str,
        courses: Sequence[str],
        hours: str | None,
        formulas: Sequence[dict[str, Any]] = (),
        *,
        has_specials: bool = False,
    ) -> dict[str, Any]:
        sections = [self._section(course) for course in courses]
        kept = [section for section in sections if section["items"]]
        return {
            "external_id": f"{self._kitchen.external_id}:{name}",
            "site_external_id": self._kitchen.external_id,
            "status": "published",
            "name": self._book.words[name],
            "language": LANGUAGES[0],
            "currency": "EUR",
            "cuisines": self._cuisines(),
            "opening_hours": hours,
            "sections": kept,
            "formulas": [one for one in formulas if _has_all(one, kept)],
            "specials": self._specials() if has_specials else [],
        }

    def _cuisines(self) -> list[str]:
        """As OSM has them, where it does; else the kitchen's first."""
        said = [one.strip("_") for one in self._kitchen.cuisine.lower().replace(" ", "_").split(";")]
        known = [one for one in said if any(one in them for them in self._book.cuisines.values())]
        return list(dict.fromkeys(known)) or list(self._book.cuisines[self._cooks][:1])

    def _section(self, course: str) -> dict[str, Any]:
        dishes = [dish for dish in self._dishes if dish.course == course]
        return {
            "id": course,
            "name": self._book.sections[course],
            "items": [self._item(one) for one in dishes],
        }

    def _item(self, dish: DishLine) -> dict[str, Any]:
        item = {"id": dish.id, "name": _text(dish), **self._food(dish)}
        price = self._price(dish)
        if dish.sizes:
            item["sizes"] = [
                {"id": f"size-{n}", "name": _text(size), "price_minor": _rounded(price * size.percent // 100)}
                for n, size in enumerate(dish.sizes)
            ]
        else:
            item["price_minor"] = price
        item["add_ons"] = [self._add_on(one) for one in self._book.add_ons if self._goes_with(one, dish)]
        return item

    def _goes_with(self, add_on: AddOnLine, dish: DishLine) -> bool:
        is_for_it = dish.course in add_on.courses and add_on.is_cooked_in(self._cooks)
        return is_for_it and "milk" in dish.allergens

    def _add_on(self, line: AddOnLine) -> dict[str, Any]:
        return {"id": line.id, "name": _text(line), "price_minor": self._price(line), **self._food(line)}

    def _food(self, line: FoodLine) -> dict[str, Any]:
        diets = [*line.diets, *(["vegetarian"] if "vegan" in line.diets else [])]
        if not self._states_allergens:
            return {"allergens": None, "traces": [], "diets": diets}
        return {"allergens": line.allergens, "traces": line.traces, "diets": diets}

    def _price(self, line: FoodLine) -> int:
        """Of this place, the same wherever the dish stands on its cards."""
        low, high = line.price
        drawn = Random(f"{self._kitchen.external_id}/{line.id}").randint(low, high)
        return _rounded(drawn * self._dearness_percent // 100)

    def _formulas(self, *names: str, percent: int) -> list[dict[str, Any]]:
        courses_of = {
            "main_and_coffee": ("main", "hot"),
            "starter_and_main": ("starter", "main"),
            "three_courses": ("starter", "main", "sweet"),
            "meal": ("main", "side", "soft"),
        }
        return [self._formula(name, courses_of[name], percent) for name in names]

    def _formula(self, name: str, courses: Sequence[str], percent: int) -> dict[str, Any]:
        usual = sum(self._usual_price(course) for course in courses)
        return {
            "id": name.replace("_", "-"),
            "name": self._book.words[name],
            "price_minor": _rounded(usual * percent // 100),
            "courses": [{"name": self._book.sections[one], "section_ids": [one]} for one in courses],
        }

    def _usual_price(self, course: str) -> int:
        prices = sorted(self._price(dish) for dish in self._dishes if dish.course == course)
        return prices[len(prices) // 2] if prices else 0

    def _specials(self) -> list[dict[str, Any]]:
        """On each working day of the coming weeks one of the mains, a little cheaper."""
        mains = [
            dish for dish in self._book.dishes if dish.course == "main" and dish.is_cooked_in(self._cooks)
        ]
        days = [self._kitchen.today + timedelta(days=n) for n in range(_DAYS_OF_SPECIALS)]
        return [
            {"on": day.isoformat(), "items": [self._special(self._rng.choice(mains))]}
            for day in days
            if day.isoweekday() <= 5
        ]

    def _special(self, dish: DishLine) -> dict[str, Any]:
        words = self._book.words["special"]
        name = {language: f"{words[language]}: {text}" for language, text in _text(dish).items()}
        price = _rounded(self._price(dish) * 85 // 100)
        return {"id": "special", "name": name, "price_minor": price, **self._food(dish)}


def _has_all(formula: Mapping[str, Any], sections: Sequence[Mapping[str, Any]]) -> bool:
    there = {section["id"] for section in sections}
    return all(set(course["section_ids"]) <= there for course in formula["courses"])


def _text(line: FoodLine | SizeLine) -> Text:
    return {language: getattr(line, language) for language in LANGUAGES}


def _rounded(cents: int) -> int:
    return max(1, (cents + _CASH_STEP_MINOR // 2) // _CASH_STEP_MINOR) * _CASH_STEP_MINOR
