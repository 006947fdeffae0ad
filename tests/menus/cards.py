"""Cards for tests: a small one told by hand, a real-sized one, and random ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from offers.menus.allergens import ALLERGENS
from offers.menus.card import Card
from offers.menus.diets import DIETS
from offers.menus.judging import faults_of
from offers.menus.reading import read_card


def small(**said: Any) -> dict[str, Any]:
    """A lunch card as a retailer writes it."""
    return {
        "name": {"fr": "Le midi", "en": "Lunch"},
        "language": "fr",
        "currency": "EUR",
        "cuisines": ["french"],
        "opening_hours": "Mo-Fr 12:00-14:30",
        "sections": [
            {
                "id": "starters",
                "name": {"fr": "Entrées", "en": "Starters"},
                "items": [
                    {
                        "id": "onion-soup",
                        "name": {"fr": "Soupe à l’oignon", "en": "Onion soup"},
                        "description": {"fr": "Gratinée au comté.\nServie brûlante."},
                        "price_minor": 900,
                        "allergens": ["gluten", "milk"],
                        "traces": ["celery"],
                    },
                    {
                        "id": "leeks",
                        "name": {"fr": "Poireaux vinaigrette", "en": "Leeks"},
                        "price_minor": 750,
                        "allergens": [],
                        "diets": ["vegan", "vegetarian"],
                    },
                ],
            },
            {
                "id": "mains",
                "name": {"fr": "Plats", "en": "Mains"},
                "items": [
                    {
                        "id": "steak",
                        "name": {"fr": "Pavé de bœuf", "en": "Steak"},
                        "sizes": [
                            {"id": "small", "name": {"fr": "150 g", "en": "150 g"}, "price_minor": 1800},
                            {"id": "large", "name": {"fr": "300 g", "en": "300 g"}, "price_minor": 2700},
                        ],
                        "add_ons": [
                            {
                                "id": "pepper-sauce",
                                "name": {"fr": "Sauce au poivre", "en": "Pepper sauce"},
                                "price_minor": 250,
                                "allergens": ["milk", "sulphites"],
                            }
                        ],
                        "photos": ["https://example.org/steak.jpg"],
                    }
                ],
            },
        ],
        "formulas": [
            {
                "id": "starter-main",
                "name": {"fr": "Entrée + plat", "en": "Starter and main"},
                "price_minor": 2400,
                "opening_hours": "Mo-Fr 12:00-14:00",
                "courses": [
                    {"name": {"fr": "Une entrée"}, "section_ids": ["starters"]},
                    {
                        "name": {"fr": "Un plat"},
                        "section_ids": ["mains"],
                        "supplements": [{"item_id": "steak", "price_minor": 300}],
                    },
                ],
            }
        ],
        "specials": [
            {
                "on": "2026-06-04",
                "items": [
                    {
                        "id": "dish-of-the-day",
                        "name": {"fr": "Blanquette", "en": "Veal stew"},
                        "price_minor": 1550,
                        "allergens": ["milk"],
                    }
                ],
            }
        ],
        **said,
    }


def real_sized() -> dict[str, Any]:
    """150 items in 10 sections, in French and English: two sizes, supplements, allergens, photos."""
    sections = []
    for s in range(10):
        items = []
        for n in range(15):
            number = s * 15 + n
            stated = [ALLERGENS[number % 14], ALLERGENS[(number + 5) % 14]]
            items.append(
                {
                    "id": f"item-{number}",
                    "name": {"fr": f"Plat n° {number}", "en": f"Dish no. {number}"},
                    "description": {
                        "fr": f"Recette {number}, mijotée. " * 8,
                        "en": f"Recipe {number}, slow. " * 8,
                    },
                    "sizes": [
                        {"id": "half", "name": {"fr": "Demie", "en": "Half"}, "price_minor": 700 + number},
                        {"id": "full", "name": {"fr": "Entière", "en": "Full"}, "price_minor": 1300 + number},
                    ],
                    "add_ons": [
                        {
                            "id": f"extra-{one}",
                            "name": {"fr": f"Supplément {one}", "en": f"Extra {one}"},
                            "price_minor": 150 * one,
                            "allergens": [None, [], ["milk"]][(number + one) % 3],
                        }
                        for one in range(3)
                    ],
                    "allergens": [None, [], stated, stated][number % 4],
                    "traces": [[], ["nuts"] if "nuts" not in stated else [], [], []][number % 4],
                    "diets": ["halal", "low_salt"] if number % 5 == 0 else [],
                    "photos": [f"https://example.org/{number}.webp"],
                }
            )
        sections.append(
            {"id": f"section-{s}", "name": {"fr": f"Rubrique {s}", "en": f"Section {s}"}, "items": items}
        )
    return small(sections=sections, formulas=[], specials=[])


_WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"]),
    min_size=1,
    max_size=20,
)
_LANGUAGES = st.sampled_from(["fr", "en", "fi", "pt-BR", "zh-Hant"])
_PRICES = st.integers(0, 100_000_000)
_SOME = st.sets(st.sampled_from(ALLERGENS), max_size=4).map(sorted)


def labels(language: str) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(_LANGUAGES, _WORDS, max_size=3).flatmap(
        lambda others: _WORDS.map(lambda own: {**others, language: own})
    )


@st.composite
def food(draw: st.DrawFn) -> dict[str, Any]:
    allergens = draw(st.none() | _SOME)
    traces = [] if allergens is None else [one for one in draw(_SOME) if one not in allergens]
    harmless = [one for one in DIETS if one not in {"vegan", "vegetarian"}]
    diets = draw(st.lists(st.sampled_from(harmless), max_size=3, unique=True))
    return {"allergens": allergens, "traces": traces, "diets": diets}


@st.composite
def items(draw: st.DrawFn, id_: str, language: str) -> dict[str, Any]:
    said: dict[str, Any] = {"id": id_, "name": draw(labels(language)), **draw(food())}
    said["description"] = draw(st.dictionaries(_LANGUAGES, _WORDS, max_size=2))
    if draw(st.booleans()):
        said["price_minor"] = draw(_PRICES)
    else:
        said["sizes"] = [
            {"id": f"s{n}", "name": draw(labels(language)), "price_minor": draw(_PRICES)}
            for n in range(draw(st.integers(1, 3)))
        ]
    said["add_ons"] = [
        {"id": f"a{n}", "name": draw(labels(language)), "price_minor": draw(_PRICES), **draw(food())}
        for n in range(draw(st.integers(0, 2)))
    ]
    said["photos"] = draw(
        st.lists(st.sampled_from(["https://a.example/1.jpg", "https://b.example/2"]), unique=True)
    )
    return said


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Any card that could be published."""
    language = draw(_LANGUAGES)
    sections = []
    ids = []
    for s in range(draw(st.integers(0, 3))):
        made = [draw(items(f"i{s}-{n}", language)) for n in range(draw(st.integers(0, 3)))]
        ids += [one["id"] for one in made]
        sections.append({"id": f"s{s}", "name": draw(labels(language)), "items": made})
    formulas = [
        {
            "id": f"f{n}",
            "name": draw(labels(language)),
            "price_minor": draw(_PRICES),
            "opening_hours": draw(st.sampled_from([None, "Mo-Fr 12:00-14:00"])),
            "courses": [
                {
                    "name": draw(labels(language)),
                    "choose": draw(st.integers(1, 10)),
                    "section_ids": [section["id"] for section in sections],
                    "item_ids": ids[:2],
                    "supplements": [{"item_id": one, "price_minor": draw(_PRICES)} for one in ids[:2]],
                }
            ],
        }
        for n in range(draw(st.integers(0, 2)) if ids else 0)
    ]
    specials = [
        {"on": f"2026-06-{day:02d}", "items": [draw(items("today", language))]}
        for day in draw(st.lists(st.integers(1, 30), max_size=2, unique=True))
    ]
    card = read_card(
        {
            "name": draw(labels(language)),
            "description": draw(st.dictionaries(_LANGUAGES, _WORDS, max_size=2)),
            "language": language,
            "currency": draw(st.sampled_from(["EUR", "JPY", "KWD", "CHF"])),
            "cuisines": draw(st.lists(st.sampled_from(["french", "sushi", "fish_and_chips"]), unique=True)),
            "opening_hours": draw(st.sampled_from([None, "24/7", "Mo-Su 18:00-23:00"])),
            "sections": sections,
            "formulas": formulas,
            "specials": specials,
        }
    )
    assert faults_of(card) == []
    return card
