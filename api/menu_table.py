"""A card as a table: a line for each dish, for each further size of it, for each thing that goes with it.

Columns: `menu` and `site` (your own ids), what the card says of itself (`language`, `currency`,
`opening_hours`, `cuisines`, `status`, `menu.name.fr` …; on any line of the menu, the same wherever it is
said), `section`, `section.name.fr` …, `item`, `name.fr` …, `description.fr` …, `price` (decimal, of the
card's currency), `size`, `size.name.fr` …, `add_on`, `allergens` (empty: not stated; `none`: none declared;
else with `|` between), `traces`, `diets`, `photos`. A line with `add_on` is something that goes with the
item, named by `name.…` and priced by `price`. Formulas and specials have no columns.
Owns the columns and how lines become a card; `api.menu_lines` writes them, cells are `api.csv_cells`'.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.columns import items_in
from api.csv_cells import Line, Table, read_table, unmarked
from geo.errors import Fault, InvalidInput
from offers.menus.card import Card
from offers.menus.currencies import as_minor, is_currency
from offers.menus.origins import Origins
from offers.menus.reading import read_card

MOST_LINES: Final = 20_000
NONE_DECLARED: Final = "none"

_OF_MENU: Final = ("menu", "site", "status", "language", "currency", "opening_hours", "cuisines")
PLAIN: Final = (
    *_OF_MENU, "section", "item", "size", "add_on", "price", "allergens", "traces", "diets", "photos",
)  # fmt: skip
# Columns by language: what stands before the tag.
BY_LANGUAGE: Final = (
    "menu.name.", "menu.description.", "section.name.", "section.description.", "name.", "description.",
    "size.name.",
)  # fmt: skip
_NAMES: Final = {
    "id": "item",
    "price_minor": "price",
    "sizes": "size",
    "items": "item",
    "sections": "section",
}

Cells = Mapping[str, str]


def read_menu_table(body: bytes) -> dict[str, list[tuple[int, Cells]]]:
    """The lines of each menu, by its name, in the order of the file. Raises InvalidInput."""
    table = read_table(body, MOST_LINES)
    _refuse_unknown(table)
    by_menu: dict[str, list[tuple[int, Cells]]] = {}
    for line in table.lines:
        cells = _cells_of(line, table)
        by_menu.setdefault(cells.get("menu", ""), []).append((line.row, cells))
    return by_menu


def read_lines(lines: Sequence[tuple[int, Cells]]) -> tuple[Cells, Card]:
    """(what the lines say of the menu, the card). Raises InvalidInput whose faults name rows and columns."""
    reading = _Reading(lines)
    raw = reading.card()
    if reading.faults:
        raise InvalidInput("The menu cannot be used.", faults=tuple(reading.faults))
    try:
        return reading.head, read_card(raw)
    except InvalidInput as error:
        faults = tuple(reading.origins.told(one) for one in error.faults)
        raise InvalidInput(error.detail, faults=faults) from None


class _Reading:
    """The lines of one menu, as the card's JSON values."""

    def __init__(self, lines: Sequence[tuple[int, Cells]]) -> None:
        self._lines = lines
        self.faults: list[Fault] = []
        self.origins = Origins(f"rows[{lines[0][0]}].", _NAMES)
        for name in ("name", "description"):
            self.origins.note(f"{name}.", f"rows[{lines[0][0]}].menu.{name}.")
            self.origins.note(name, f"rows[{lines[0][0]}].menu.{name}")
        self.head = self._once(
            lines,
            [name for _, cells in lines for name in cells if name in _OF_MENU or name.startswith("menu.")],
        )
        self._sections: dict[str, dict[str, Any]] = {}
        self._items: dict[str, dict[str, Any]] = {}

    def card(self) -> dict[str, Any]:
        currency = self.head.get("currency", "")
        if not is_currency(currency):
            self._refuse(self._lines[0][0], "currency", "is not a currency of ISO 4217 such as EUR")
            return {}
        for row, cells in self._lines:
            self._take(row, cells, currency)
        return {
            "name": _text_in(self.head, "menu.name."),
            "description": _text_in(self.head, "menu.description."),
            "language": self.head.get("language"),
            "currency": currency,
            "opening_hours": self.head.get("opening_hours"),
            "cuisines": _list(self.head, "cuisines"),
            "sections": list(self._sections.values()),
        }

    def _take(self, row: int, cells: Cells, currency: str) -> None:
        missing = [name for name in ("section", "item", "price") if name not in cells]
        for name in missing:
            self._refuse(row, name, "is missing")
        if missing:
            return
        price = as_minor(cells["price"], currency)
        if price is None:
            self._refuse(row, "price", f"is not a price in {currency} such as 12.50; none is negative")
            return
        section, place = self._section(row, cells)
        item = self._items.get(cells["item"])
        if "add_on" in cells:
            if item is None:
                self._refuse(row, "add_on", "stands before its item")
                return
            part = f"{item['at']}add_ons[{len(item['add_ons'])}]."
            self.origins.note(part, f"rows[{row}].")
            self.origins.note(f"{part}id", f"rows[{row}].add_on")
            item["add_ons"].append(
                {
                    "id": cells["add_on"],
                    "name": _text_in(cells, "name."),
                    "price_minor": price,
                    **_food(cells),
                }
            )
        elif item is not None and "size" in cells and "price_minor" not in item["own"]:
            self._add_size(row, cells, item, price)
        else:
            at = f"{place}items[{len(section['items'])}]."
            self.origins.note(at, f"rows[{row}].")
            own = {
                "id": cells["item"],
                "name": _text_in(cells, "name."),
                "description": _text_in(cells, "description."),
                "photos": _list(cells, "photos"),
                "sizes": [],
                "add_ons": [],
                **_food(cells),
            }
            known = {"own": own, "at": at, "add_ons": own["add_ons"], "sizes": own["sizes"]}
            self._items.setdefault(cells["item"], known)
            section["items"].append(own)
            if "size" in cells:
                self._add_size(row, cells, known, price)
            else:
                own["price_minor"] = price

    def _add_size(self, row: int, cells: Cells, item: dict[str, Any], price: int) -> None:
        part = f"{item['at']}sizes[{len(item['sizes'])}]."
        self.origins.note(part, f"rows[{row}].")
        self.origins.note(f"{part}id", f"rows[{row}].size")
        self.origins.note(f"{part}name.", f"rows[{row}].size.name.")
        name = _text_in(cells, "size.name.")
        item["sizes"].append({"id": cells["size"], "name": name, "price_minor": price})

    def _section(self, row: int, cells: Cells) -> tuple[dict[str, Any], str]:
        id_ = cells["section"]
        known = list(self._sections)
        at = f"sections[{known.index(id_) if id_ in known else len(known)}]."
        if id_ not in self._sections:
            self.origins.note(at, f"rows[{row}].section.")
            self.origins.note(f"{at}id", f"rows[{row}].section")
            said = self._once(
                [(n, one) for n, one in self._lines if one.get("section") == id_],
                [name for name in cells if name.startswith("section.")],
            )
            self._sections[id_] = {
                "id": id_,
                "name": _text_in(said, "section.name."),
                "description": _text_in(said, "section.description."),
                "items": [],
            }
        return self._sections[id_], at

    def _once(self, lines: Sequence[tuple[int, Cells]], names: Sequence[str]) -> Cells:
        """What these columns say on any of the lines; two answers are a fault of the second."""
        said: dict[str, str] = {}
        for row, cells in lines:
            for name in dict.fromkeys(names):
                if name in cells and said.setdefault(name, cells[name]) != cells[name]:
                    self._refuse(row, name, "is not what another line of this menu says")
        return said

    def _refuse(self, row: int, column: str, reason: str) -> None:
        self.faults.append(Fault(f"rows[{row}].{column}", reason))


def _cells_of(line: Line, table: Table) -> Cells:
    cells = {
        name: unmarked(one).strip() if name in PLAIN else unmarked(one)
        for name, one in zip(table.names, line.cells, strict=False)
        if one and not one.isspace()
    }
    if table.has_semicolons and "price" in cells:
        cells["price"] = cells["price"].replace(",", ".")
    return cells


def _refuse_unknown(table: Table) -> None:
    unknown = [
        name
        for name in table.names
        if name not in PLAIN and not any(name.startswith(one) and name != one for one in BY_LANGUAGE)
    ]
    if unknown:
        known = ", ".join([*PLAIN, *(f"{one}…" for one in BY_LANGUAGE)])
        faults = (
            Fault("rows[1]", f"{name[:100]!r} is no column here; there are {known}") for name in unknown
        )
        raise InvalidInput("The body cannot be imported.", faults=tuple(faults))


def _text_in(cells: Cells, before: str) -> dict[str, str]:
    return {name.removeprefix(before): said for name, said in cells.items() if name.startswith(before)}


def _list(cells: Cells, name: str) -> list[str]:
    return [one.strip() for one in items_in(cells[name])] if name in cells else []


def _food(cells: Cells) -> dict[str, Any]:
    allergens: list[str] | None = None
    if "allergens" in cells:
        allergens = [] if cells["allergens"] == NONE_DECLARED else _list(cells, "allergens")
    return {"allergens": allergens, "traces": _list(cells, "traces"), "diets": _list(cells, "diets")}
