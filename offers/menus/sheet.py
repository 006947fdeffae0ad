"""The sheet of allergens that a restaurant prints: every dish of a card against the fourteen, in writing.

French law wants the allergens of each dish in writing, legible and visible where guests come in (see
`offers.menus.allergens`). One self-contained HTML page, with nothing loaded from elsewhere and no script.
Pure: no database.
"""

from collections.abc import Iterator
from html import escape
from typing import Final, NamedTuple

from offers.menus.allergens import ALLERGENS, Spoken, name_of, written
from offers.menus.card import AddOn, Card, Item
from offers.menus.speaking import best_of, said


class _Words(NamedTuple):
    title: str
    dish: str
    in_words: str
    legend: str
    version: str
    draft: str


_WORDS: Final[dict[Spoken, _Words]] = {
    "en": _Words(
        "Allergens", "Dish", "In words",
        "● contains it · (●) may contain traces · – not declared · ? not stated: please ask. The fourteen of"
        " Annex II of Regulation (EU) No 1169/2011.",
        "Version {} of the menu.", "Not published yet.",
    ),
    "fr": _Words(
        "Allergènes", "Plat", "En toutes lettres",
        "● en contient · (●) peut en contenir des traces · – non déclaré · ? non renseigné : renseignez-vous"
        " auprès du personnel. Les quatorze de l’annexe II du règlement (UE) n° 1169/2011.",
        "Version {} de la carte.", "Pas encore publiée.",
    ),
}  # fmt: skip
_STYLE: Final = (
    "body{font:11pt/1.4 sans-serif;margin:1.5cm}table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #767676;padding:.2em .4em;text-align:center;vertical-align:top}"
    "th:first-child,td:first-child,td:last-child{text-align:left}thead{display:table-header-group}"
    "tr{break-inside:avoid}.add-on td:first-child{padding-left:1.5em}"
    "caption{text-align:left;font-weight:bold}"
    "thead th:not(:first-child):not(:last-child){writing-mode:vertical-rl}@page{size:A4 landscape}"
)


def allergen_sheet(card: Card, language: Spoken, version: int | None) -> str:
    """The page. `version` None: nothing of it is published."""
    words = _WORDS[language]
    spoken = best_of(card.languages, [language]) or card.language
    title = f"{words.title} – {_of(card, card.name, spoken)}"
    state = words.draft if version is None else words.version.format(version)
    heads = "".join(f'<th scope="col">{escape(name_of(one, language))}</th>' for one in ALLERGENS)
    tables = "".join(_table(name, foods, spoken, card, language, heads) for name, foods in _parts(card))
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(words.legend)}</p>{tables}"
        f"<p>{escape(state)}</p></body></html>"
    )


def _parts(card: Card) -> Iterator[tuple[dict[str, str], list[Item]]]:
    for section in card.sections:
        yield section.name, section.items
    for special in card.specials:
        yield {card.language: special.on.isoformat()}, special.items


def _table(
    name: dict[str, str], items: list[Item], spoken: str, card: Card, language: Spoken, heads: str
) -> str:
    words = _WORDS[language]
    foods: list[Item | AddOn] = []
    for item in items:
        foods += [item, *item.add_ons]
    rows = "".join(_row(card, food, spoken, language) for food in foods)
    return (
        f"<table><caption>{escape(_of(card, name, spoken))}</caption><thead><tr>"
        f'<th scope="col">{words.dish}</th>{heads}<th scope="col">{words.in_words}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(card: Card, food: Item | AddOn, spoken: str, language: Spoken) -> str:
    is_add_on = isinstance(food, AddOn)
    name = escape(_of(card, food.name, spoken))
    cells = "".join(f"<td>{_mark(food, one)}</td>" for one in ALLERGENS)
    sentence = escape(written(food.allergens, food.traces, language))
    sort = ' class="add-on"' if is_add_on else ""
    return f"<tr{sort}><td>{'+ ' if is_add_on else ''}{name}</td>{cells}<td>{sentence}</td></tr>"


def _mark(food: Item | AddOn, allergen: str) -> str:
    if food.allergens is None:
        return "?"
    if allergen in food.allergens:
        return "●"
    return "(●)" if allergen in food.traces else "–"


def _of(card: Card, text: dict[str, str], spoken: str) -> str:
    return said(text, spoken, card.language) or ""
