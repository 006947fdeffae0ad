"""Diets that a dish suits: the values of schema.org's RestrictedDiet, and which allergens contradict one.

https://schema.org/RestrictedDiet. Pure: no database.
"""

from collections.abc import Iterable
from typing import Final, Literal

Diet = Literal[
    "diabetic", "gluten_free", "halal", "hindu", "kosher", "low_calorie", "low_fat", "low_lactose",
    "low_salt", "vegan", "vegetarian",
]  # fmt: skip

SCHEMA_ORG: Final[dict[str, str]] = {
    "diabetic": "DiabeticDiet",
    "gluten_free": "GlutenFreeDiet",
    "halal": "HalalDiet",
    "hindu": "HinduDiet",
    "kosher": "KosherDiet",
    "low_calorie": "LowCalorieDiet",
    "low_fat": "LowFatDiet",
    "low_lactose": "LowLactoseDiet",
    "low_salt": "LowSaltDiet",
    "vegan": "VeganDiet",
    "vegetarian": "VegetarianDiet",
}
DIETS: Final[tuple[str, ...]] = tuple(SCHEMA_ORG)
_BIT: Final = {name: 1 << place for place, name in enumerate(DIETS)}

# An animal is in it. Not so gluten_free: oats are of Annex II and may be sold as gluten-free below 20 mg/kg
# (Regulation (EU) No 828/2014).
_OF_ANIMALS: Final = frozenset({"crustaceans", "fish", "molluscs"})
_CONTRADICTED_BY: Final[dict[str, frozenset[str]]] = {
    "vegetarian": _OF_ANIMALS,
    "vegan": _OF_ANIMALS | {"eggs", "milk"},
}


def mask_of(diets: Iterable[str]) -> int:
    """The set as bits, in the order of `DIETS`. Names must be known."""
    mask = 0
    for name in diets:
        mask |= _BIT[name]
    return mask


def diets_in(mask: int) -> list[str]:
    """The same the other way."""
    return [name for name, bit in _BIT.items() if mask & bit]


def contradicting(diet: str, allergens: Iterable[str]) -> list[str]:
    """Which of the declared allergens a dish of this diet cannot contain."""
    wrong = _CONTRADICTED_BY.get(diet, frozenset())
    return [one for one in allergens if one in wrong]
