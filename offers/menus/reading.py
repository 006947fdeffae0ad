"""Reading a card of unknown quality: everything that is wrong with it at once, item by item.

For imports, where one wrong price must not hide another. Takes JSON values, gives a `Card` or InvalidInput
whose faults have paths such as `sections[0].items[3].sizes[1].price_minor`.
Pure: no database.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from geo.errors import Fault, InvalidInput
from offers.menus.card import Card, Formula, Item, Section, Special
from offers.menus.judging import faults_of

_PATH: Final = re.compile(r"^(?P<reason>.*?) - at (?:`key` in )?`\$(?P<path>[^`]*)`$", re.DOTALL)

Read = TypeVar("Read")


def read_card(raw: object, at: str = "") -> Card:
    """The card that these JSON values are. Raises InvalidInput with every fault; `at` stands before paths."""
    if not isinstance(raw, dict):
        raise InvalidInput(
            "The menu cannot be used.", faults=(Fault(at.rstrip(".") or "body", "must be an object"),)
        )
    reading = _Reading()
    members = dict(raw)
    lists: dict[str, list[Any]] = {}
    for name, read in (
        ("sections", reading.section),
        ("formulas", reading.formula),
        ("specials", reading.special),
    ):
        lists[name] = reading.all_of(members.pop(name, None), f"{at}{name}", read)
    head = reading.one(Card, members, at)
    if head is None or reading.faults:
        raise InvalidInput("The menu cannot be used.", faults=tuple(reading.faults))
    card = msgspec.structs.replace(head, **lists)
    # The form's own limits on the lists were not asked yet.
    card = reading.one(Card, msgspec.to_builtins(card), at) or card
    reading.faults += [] if reading.faults else faults_of(card, at)
    if reading.faults:
        raise InvalidInput("The menu cannot be used.", faults=tuple(reading.faults))
    return card


class _Reading:
    """Converts part by part and notes what cannot be."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def one(self, kind: type[Read], raw: object, at: str) -> Read | None:
        try:
            return msgspec.convert(raw, kind)
        except msgspec.ValidationError as error:
            self.faults.append(_fault(str(error), at))
            return None

    def all_of(self, raw: object, at: str, read: Callable[[Any, str], Read | None]) -> list[Read]:
        if raw is None:
            return []
        if not isinstance(raw, list):
            self.faults.append(Fault(at, "must be a list"))
            return []
        made = (read(one, f"{at}[{n}].") for n, one in enumerate(raw))
        return [one for one in made if one is not None]

    def section(self, raw: Any, at: str) -> Section | None:
        return self._with_items(Section, raw, at)

    def special(self, raw: Any, at: str) -> Special | None:
        return self._with_items(Special, raw, at)

    def formula(self, raw: Any, at: str) -> Formula | None:
        return self.one(Formula, raw, at)

    def _with_items(self, kind: type[Read], raw: Any, at: str) -> Read | None:
        if not isinstance(raw, dict):
            return self.one(kind, raw, at)
        items = self.all_of(raw.get("items"), f"{at}items", lambda one, here: self.one(Item, one, here))
        made = self.one(kind, {**raw, "items": []}, at)
        return None if made is None else msgspec.structs.replace(made, items=items)  # type: ignore[type-var]


def _fault(message: str, at: str) -> Fault:
    match = _PATH.match(message)
    reason, path = (match["reason"], match["path"]) if match else (message, "")
    field = f"{at}{path.lstrip('.')}".rstrip(".").replace(".[", "[")
    return Fault(field or "body", reason[:1].lower() + reason[1:])
