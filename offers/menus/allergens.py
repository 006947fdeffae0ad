"""The fourteen allergens that EU law names, and the written form in which a dish tells them.

Regulation (EU) No 1169/2011, Annex II, in its order; its Article 44 leaves the form for dishes to the member
states. French law asks for writing, dish by dish, where the public is admitted (décret n° 2015-447, now
Code de la consommation R. 412-12 to R. 412-16). Three answers are kept apart, because a guest may die of
taking one for another: not stated (nobody has said), none declared, and a list.
Pure: no database.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

Allergen = Literal[
    "gluten", "crustaceans", "eggs", "fish", "peanuts", "soybeans", "milk", "nuts", "celery", "mustard",
    "sesame", "sulphites", "lupin", "molluscs",
]  # fmt: skip
Spoken = Literal["en", "fr"]


class Named(NamedTuple):
    """One allergen: what a guest reads, and its code in the GS1 Web Vocabulary (`AllergenTypeCode-…`)."""

    en: str
    fr: str
    gs1: str


NAMES: Final[dict[str, Named]] = {
    "gluten": Named("cereals containing gluten", "céréales contenant du gluten", "CEREALS_CONTAINING_GLUTEN"),
    "crustaceans": Named("crustaceans", "crustacés", "CRUSTACEANS"),
    "eggs": Named("eggs", "œufs", "EGGS"),
    "fish": Named("fish", "poissons", "FISH"),
    "peanuts": Named("peanuts", "arachides", "PEANUTS"),
    "soybeans": Named("soybeans", "soja", "SOYBEANS"),
    "milk": Named("milk (with lactose)", "lait (lactose compris)", "MILK"),
    "nuts": Named("nuts", "fruits à coque", "TREE_NUTS"),
    "celery": Named("celery", "céleri", "CELERY"),
    "mustard": Named("mustard", "moutarde", "MUSTARD"),
    "sesame": Named("sesame seeds", "graines de sésame", "SESAME_SEEDS"),
    "sulphites": Named("sulphur dioxide and sulphites", "anhydride sulfureux et sulfites", "SULPHUR_DIOXIDE"),
    "lupin": Named("lupin", "lupin", "LUPINE"),
    "molluscs": Named("molluscs", "mollusques", "MOLLUSCS"),
}
ALLERGENS: Final[tuple[str, ...]] = tuple(NAMES)
_BIT: Final = {name: 1 << place for place, name in enumerate(ALLERGENS)}
EVERY_BIT: Final = (1 << len(ALLERGENS)) - 1

_WORDS: Final[dict[Spoken, dict[str, str]]] = {
    "en": {
        "not_stated": "Allergens not stated: please ask.",
        "none": "None of the 14 allergens declared.",
        "contains": "Contains: {}.",
        "traces": "May contain traces of: {}.",
    },
    "fr": {
        "not_stated": "Allergènes non renseignés : renseignez-vous auprès du personnel.",
        "none": "Aucun des 14 allergènes déclaré.",
        "contains": "Contient : {}.",
        "traces": "Peut contenir des traces de : {}.",
    },
}


def mask_of(allergens: Iterable[str]) -> int:
    """The set as bits, bit 0 the first of Annex II. Names must be known."""
    mask = 0
    for name in allergens:
        mask |= _BIT[name]
    return mask


def allergens_in(mask: int) -> list[str]:
    """The same the other way."""
    return [name for name, bit in _BIT.items() if mask & bit]


def in_order(allergens: Iterable[str]) -> list[str]:
    """In the order of Annex II, each once."""
    return allergens_in(mask_of(allergens))


def written(allergens: Sequence[str] | None, traces: Sequence[str], language: Spoken) -> str:
    """The sentence under a dish. `allergens` None: not stated; empty: none declared."""
    words = _WORDS[language]
    if allergens is None:
        return words["not_stated"]
    told = [words["contains"].format(_listed(allergens, language)) if allergens else words["none"]]
    if traces:
        told.append(words["traces"].format(_listed(traces, language)))
    return " ".join(told)


def name_of(allergen: str, language: Spoken) -> str:
    named = NAMES[allergen]
    return named.fr if language == "fr" else named.en


def _listed(allergens: Iterable[str], language: Spoken) -> str:
    return ", ".join(name_of(one, language) for one in in_order(allergens))
