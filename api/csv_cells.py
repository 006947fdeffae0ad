"""Tables as CSV (RFC 4180), in and out: cells, lines and files; what a column means is `api.columns`'.

Semicolons between cells and commas in numbers, as European spreadsheets write them, and a byte order mark
are understood. No cell that we write is taken for a formula by a spreadsheet: it has an apostrophe before
it, as a person would write by hand, and is read without.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from api.columns import Column, Kind, as_cell, column_of, columns_in, items_in, put
from geo.errors import Fault, InvalidInput
from geo.wall_clock import rfc3339

# What spreadsheets take for the beginning of a formula (OWASP, CSV Injection), wide forms included.
_FORMULA: Final = "=+-@\t\r\n" + "".join(chr(ord(one) + 0xFEE0) for one in "=+-@")
# Apostrophes that are there already are kept apart from the one that we write.
_CALCULATED: Final = re.compile(rf"[\s']*[{re.escape(_FORMULA)}]")
_DECIMAL_COMMA: Final = re.compile(r"\s*[-+]?\d+,\d+\s*")
# As spreadsheets write them in the languages that Alentour speaks.
_TRUTHS: Final = {"true": "true", "false": "false", "vrai": "true", "faux": "false"}
_TOLD_COLUMNS: Final = 40

HEADER_ROW: Final = 1


class Line(NamedTuple):
    """One row that says something, with its number in the file as a spreadsheet shows it."""

    row: int
    cells: Sequence[str]


class Table(NamedTuple):
    """What a file holds: the names in its first row, and its other rows."""

    names: Sequence[str]
    lines: Sequence[Line]
    has_semicolons: bool


def read_table(body: bytes, most_rows: int) -> Table:
    """The rows of a file, empty ones left out. Raises InvalidInput for what is no table, or too long."""
    text = _decoded(body)
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        lines = list(_lines(reader, most_rows))
    except csv.Error as error:
        raise _refused(Fault("body", f"is not CSV: {error} (line {reader.line_num})")) from None
    while names and not names[-1]:
        names.pop()
    if not names:
        raise _refused(Fault("body", "must have the names of the columns in its first row"))
    if len(set(names)) != len(names) or "" in names:
        raise _refused(Fault("body", "must have one name for each column in its first row"))
    if not 1 <= len(lines) <= most_rows:
        raise _refused(Fault("body", f"must have 1 to {most_rows} rows"))
    return Table(names, lines, delimiter == ";")


class Reading:
    """How the rows of one table become nested members of the form `wire`.

    Raises InvalidInput for columns that the form does not have. `also` are columns beside its own.
    """

    def __init__(self, table: Table, wire: Any, also: Mapping[str, Kind] = MappingProxyType({})) -> None:
        self._has_semicolons = table.has_semicolons
        self._columns = [
            Column((name,), also[name]) if name in also else column_of(name, wire) for name in table.names
        ]
        unknown = [name for name, one in zip(table.names, self._columns, strict=True) if one is None]
        if unknown:
            known = ", ".join([*also, *columns_in(wire)][:_TOLD_COLUMNS])
            raise _refused(
                *(
                    Fault(f"rows[{HEADER_ROW}]", f"{name[:100]!r} is no column here; there are {known}")
                    for name in unknown
                )
            )

    def members_of(self, line: Line) -> dict[str, Any]:
        """Raises InvalidInput for a row with more cells than columns."""
        if any(cell.strip() for cell in line.cells[len(self._columns) :]):
            reason = f"has {len(line.cells)} cells under {len(self._columns)} columns"
            raise _refused(Fault(f"rows[{line.row}]", reason))
        members: dict[str, Any] = {}
        for column, cell in zip(self._columns, line.cells, strict=False):
            if column is not None and cell and not cell.isspace():
                put(members, column, self._value(column, unmarked(cell)))
        return members

    def _value(self, column: Column, cell: str) -> str | list[str]:
        if column.kind == "list":
            return items_in(cell)
        if column.kind == "truth":
            return _TRUTHS.get(cell.strip().lower(), cell)
        if column.kind == "number":
            is_european = self._has_semicolons and _DECIMAL_COMMA.fullmatch(cell)
            return cell.replace(",", ".").strip() if is_european else cell.strip()
        return cell


def written_row(cells: Sequence[object]) -> str:
    """One line of a file, with its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def cell_of(value: Any) -> object:
    """A value as a spreadsheet may have it."""
    if isinstance(value, list):
        value = as_cell(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return marked(value)
    return "" if value is None else value


def marked(text: str) -> str:
    """The text so that no spreadsheet calculates it."""
    return f"'{text}" if _CALCULATED.match(text) else text


def unmarked(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _CALCULATED.match(cell[1:]) else cell


def _decoded(body: bytes) -> str:
    if b"\x00" in body:  # in UTF-16 every other byte of plain text is
        raise _refused(Fault("body", "holds a NUL character; save it as CSV UTF-8"))
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 (byte {error.start}); save it as CSV UTF-8"
        raise _refused(Fault("body", reason)) from None


def _lines(reader: Iterator[list[str]], most_rows: int) -> Iterator[Line]:
    """One more than there may be, and no further: a large body may have millions."""
    kept = 0
    for row, cells in enumerate(reader, start=HEADER_ROW + 1):
        if any(cell and not cell.isspace() for cell in cells):
            yield Line(row, cells)
            kept += 1
            if kept > most_rows:
                return


def _refused(*faults: Fault) -> InvalidInput:
    return InvalidInput("The body cannot be imported.", faults=faults)
