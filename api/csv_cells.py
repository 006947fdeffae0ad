"""Tables as CSV (RFC 4180), in and out: one line per row, a column's name is the path of a member.

`budget.per_day` is the member `per_day` of `budget`; a list is written with `|` between its items; an empty
cell is a member that is not there. Semicolons between cells, as European spreadsheets write them, and a
byte order mark are understood. No cell that we write is taken for a formula by a spreadsheet.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from geo.errors import Fault, InvalidInput
from geo.wall_clock import rfc3339

BETWEEN_ITEMS: Final = "|"
# What spreadsheets take for the beginning of a formula (OWASP, CSV Injection), wide forms included.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *(chr(ord(one) + 0xFEE0) for one in "=+-@"))


def read_table(body: bytes, most_rows: int) -> list[dict[str, str]]:
    """Every line as its cells by column, without the empty ones. Raises InvalidInput."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(Fault("body", f"is not UTF-8 (byte {error.start})")) from None
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    try:
        names, *lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise _refused(Fault("body", f"is not CSV: {error}")) from None
    except ValueError:
        raise _refused(Fault("body", "is empty")) from None
    names = [name.strip() for name in names]
    if len(set(names)) != len(names) or "" in names:
        raise _refused(Fault("body", "must have one name for each column in its first line"))
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if not 1 <= len(lines) <= most_rows:
        raise _refused(Fault("body", f"must have 1 to {most_rows} rows"))
    return [_cells(names, line) for line in lines]


def _cells(names: Sequence[str], line: Sequence[str]) -> dict[str, str]:
    # A cell too many has no name; it is refused as a member that nobody knows.
    named = [*names, *(f"column {number}" for number in range(len(names) + 1, len(line) + 1))]
    return {name: _unmarked(cell) for name, cell in zip(named, line, strict=False) if cell.strip()}


def members_of(cells: Mapping[str, str], wire: type) -> dict[str, Any]:
    """The cells as nested members, lists taken apart where `wire` has a list."""
    said: dict[str, Any] = {}
    for path, cell in cells.items():
        *outer, last = path.split(".")
        inside, kind = said, wire
        for name in outer:
            step = inside.setdefault(name, {})
            if not isinstance(step, dict):
                break
            inside, kind = step, _member(kind, name)
        inside[last] = cell.split(BETWEEN_ITEMS) if _is_list(_member(kind, last)) else cell
    return said


def written_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Nested members as one line each; the columns are those that some row has, in the order met."""
    flat = [dict(_flat(row, "")) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_marked(row.get(name)) for name in columns] for row in flat)
    return text.getvalue()


def _flat(row: Mapping[str, Any], before: str) -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif value is not None and value != []:
            yield f"{before}{name}", value


def _marked(value: Any) -> object:
    """A text that would be calculated is marked as text, as a person would by hand."""
    if isinstance(value, list):
        value = BETWEEN_ITEMS.join(str(one) for one in value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _unmarked(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _member(kind: Any, name: str) -> Any:
    """The type of one member; Any where there is none such."""
    kind = _plain(kind)
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            if field.encode_name == name:
                return field.type
    return Any


def _is_list(kind: Any) -> bool:
    return get_origin(_plain(kind)) is list


def _plain(kind: Any) -> Any:
    """Without what is said beside the type, and without None."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        return _plain(next(one for one in get_args(kind) if one is not type(None)))
    return kind


def _refused(fault: Fault) -> InvalidInput:
    return InvalidInput("The body cannot be imported.", faults=(fault,))
