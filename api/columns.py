"""A nested wire form as the columns of a table: which there are, and how a cell becomes a member.

A column is the path of a member: `budget.per_day` is `per_day` of `budget`. Found from the types alone, so
that a new member of a wire form is a new column without being told twice. Owns paths and what kind of value
stands at one; how cells are written in a file is `api.csv_cells`'.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

Kind = Literal["list", "number", "truth", "text"]

BETWEEN_ITEMS: Final = "|"
# A bar or backslash that belongs to an item has a backslash before it.
_ITEMS: Final = re.compile(r"(?:[^|\\]|\\.|\\$)*")
_ESCAPED: Final = re.compile(r"\\([|\\])")
_SPECIAL: Final = re.compile(r"[|\\]")
# Last among the members of its struct: names that only the data know come in their own order.
_BY_NAME: Final = 1_000


class Column(NamedTuple):
    """Where one column's cells go: through these members, as this kind of value."""

    steps: tuple[str, ...]
    kind: Kind


def column_of(name: str, wire: Any) -> Column | None:
    """The column of that name in the form `wire`; None if it has no such member.

    Of a mapping to plain values or lists, all that is left of the name is the key, dots included.
    """
    steps: list[str] = []
    rest: str | None = name
    kind = _plain(wire)
    while rest is not None:
        step, kind, rest = _step_into(kind, rest)
        if kind is None:
            return None
        steps.append(step)
    told = _kind_of(kind)
    return None if told is None else Column(tuple(steps), told)


def columns_in(wire: Any, before: str = "") -> list[str]:
    """The names to tell people; `…` stands for a name of their own choosing. Not those of the server."""
    kind = _plain(wire)
    if _is_struct(kind):
        return [
            name
            for field in msgspec.structs.fields(kind)
            if not _is_of_server(field)
            for name in columns_in(field.type, f"{before}{field.encode_name}.")
        ]
    if get_origin(kind) is dict:
        return columns_in(get_args(kind)[1], f"{before}….")
    return [before.removesuffix(".")]


def rank_in(wire: Any, steps: Iterable[str]) -> tuple[tuple[int, str], ...]:
    """Sorts columns as their members stand in the wire form, names of people's own by the alphabet."""
    ranks = []
    kind = _plain(wire)
    for step in steps:
        names = [field.encode_name for field in msgspec.structs.fields(kind)] if _is_struct(kind) else []
        ranks.append((names.index(step), "") if step in names else (_BY_NAME, step))
        kind = _step_into(kind, step)[1]
    return tuple(ranks)


def put(members: dict[str, Any], column: Column, value: Any) -> None:
    """Put a value where the column says."""
    *outer, last = column.steps
    for step in outer:
        inner = members.get(step)
        if not isinstance(inner, dict):  # nothing yet, or null
            members[step] = inner = {}
        members = inner
    members[last] = value


def flat(members: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What is said by these members, column by column; nulls and empty lists are not."""
    for name, value in members.items():
        steps = (*before, name)
        if isinstance(value, Mapping):
            yield from flat(value, steps)
        elif value is not None and value != []:
            yield steps, value


def items_in(cell: str) -> list[str]:
    """The items of a list in one cell."""
    if "\\" not in cell:
        return cell.split(BETWEEN_ITEMS)
    items, at = [], 0
    while at <= len(cell):
        item = _ITEMS.match(cell, at)
        assert item is not None  # it matches nothing, too
        items.append(_ESCAPED.sub(r"\1", item[0]))
        at = item.end() + 1
    return items


def as_cell(items: Iterable[object]) -> str:
    """The same the other way."""
    return BETWEEN_ITEMS.join(_SPECIAL.sub(r"\\\g<0>", str(item)) for item in items)


def _step_into(kind: Any, rest: str) -> tuple[str, Any, str | None]:
    """The next member's name, its type (None: there is none), and what is left of the path."""
    step, dot, left = rest.partition(".")
    if _is_struct(kind):
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        return step, _plain(fields[step]) if step in fields else None, left if dot else None
    if get_origin(kind) is dict and rest:
        value = _plain(get_args(kind)[1])
        if _is_struct(value):
            return step, value, left if dot else None
        return rest, value, None
    return step, None, None


def _kind_of(kind: Any) -> Kind | None:
    if _is_struct(kind) or get_origin(kind) is dict:
        return None
    if get_origin(kind) is list:
        return "list"
    if kind is bool:
        return "truth"
    return "number" if kind in (int, float) else "text"


def _plain(kind: Any) -> Any:
    """Without what is said beside the type, and without the ways to say nothing."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        said = (one for one in get_args(kind) if one not in (type(None), msgspec.UnsetType))
        return _plain(next(said))
    return kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _is_of_server(field: msgspec.structs.FieldInfo) -> bool:
    return field.default is msgspec.UNSET
