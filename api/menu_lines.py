"""A card as the lines of a table; the columns, and how lines become a card again, are `api.menu_table`'s."""

from collections.abc import Iterator, Mapping, Sequence

from api.columns import as_cell
from api.csv_cells import marked
from api.menu_table import BY_LANGUAGE, NONE_DECLARED, PLAIN
from offers.menus.card import AddOn, Card, Item
from offers.menus.currencies import as_decimal


def columns_of(cards: Sequence[Card]) -> list[str]:
    """The columns that these cards need."""
    languages = sorted({language for card in cards for language in _languages_in(card)})
    texts = [f"{before}{language}" for before in BY_LANGUAGE for language in languages]
    return [*PLAIN, *texts]


def lines_of(card: Card, menu: str, site: str, status: str) -> Iterator[dict[str, object]]:
    """The card's dishes as lines; what the card says of itself is on the first."""
    head: dict[str, object] = {
        "site": site,
        "status": status,
        "language": card.language,
        "currency": card.currency,
        "opening_hours": card.opening_hours or "",
        "cuisines": as_cell(card.cuisines),
        **_texts(card.name, "menu.name."),
        **_texts(card.description, "menu.description."),
    }
    for section in card.sections:
        about = {
            **_texts(section.name, "section.name."),
            **_texts(section.description, "section.description."),
        }
        for item in section.items:
            for line in _item_lines(item, card.currency):
                yield {"menu": menu, **head, "section": section.id, **about, **line}
                head, about = {}, {}


def cell(value: object) -> object:
    return marked(value) if isinstance(value, str) else value


def _item_lines(item: Item, currency: str) -> Iterator[dict[str, object]]:
    about: dict[str, object] = {
        **_texts(item.name, "name."),
        **_texts(item.description, "description."),
        **_food_cells(item),
        "photos": as_cell(item.photos),
    }
    if item.price_minor is not None:
        yield {"item": item.id, "price": as_decimal(item.price_minor, currency), **about}
    for size in item.sizes:
        price = as_decimal(size.price_minor, currency)
        yield {"item": item.id, "size": size.id, "price": price, **_texts(size.name, "size.name."), **about}
        about = {}
    for add_on in item.add_ons:
        yield {
            "item": item.id,
            "add_on": add_on.id,
            "price": as_decimal(add_on.price_minor, currency),
            **_texts(add_on.name, "name."),
            **_food_cells(add_on),
        }


def _food_cells(food: Item | AddOn) -> dict[str, object]:
    stated = "" if food.allergens is None else as_cell(food.allergens) or NONE_DECLARED
    return {"allergens": stated, "traces": as_cell(food.traces), "diets": as_cell(food.diets)}


def _texts(text: Mapping[str, str], before: str) -> dict[str, object]:
    return {f"{before}{language}": words for language, words in text.items()}


def _languages_in(card: Card) -> set[str]:
    texts = [card.name, card.description]
    for section in card.sections:
        texts += [section.name, section.description]
        for item in section.items:
            texts += [item.name, item.description]
            texts += [one.name for one in item.sizes] + [one.name for one in item.add_ons]
    return {language for text in texts for language in text}
