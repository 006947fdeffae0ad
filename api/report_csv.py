"""A report as CSV (RFC 4180), one line for each row over time; hidden numbers are empty.

Owns the columns' names and that no name of a shop or an offer is taken for a formula by a spreadsheet.
"""

import csv
import io
from collections.abc import Iterable
from typing import Final

import msgspec

from offers.retail.report_rows import REASONS, Report, ReportCounts, ReportRow

_KEYS: Final = tuple(name for name in ReportRow.__struct_fields__ if name != "counts")
_BY_REASON: Final = {"suppressed": "suppressed", "let_go_suppressed": "let_go"}
# What spreadsheets take for the beginning of a formula (OWASP, CSV Injection), wide forms included.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *(chr(ord(one) + 0xFEE0) for one in "=+-@"))


def written(report: Report) -> str:
    """The rows of a report, without its totals: whoever adds up a column counts nothing twice."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_KEYS, *_named(ReportCounts.__struct_fields__)])
    for row in report.rows:
        writer.writerow([*(_safe(getattr(row, key)) for key in _KEYS), *_numbers(row.counts)])
    return text.getvalue()


def _named(fields: Iterable[str]) -> Iterable[str]:
    for name in fields:
        if name in _BY_REASON:
            yield from (f"{_BY_REASON[name]}_{reason}" for reason in REASONS)
        else:
            yield name


def _numbers(counts: ReportCounts) -> Iterable[int | str]:
    for name, value in msgspec.structs.asdict(counts).items():
        if name in _BY_REASON:
            is_told = counts.considered if name == "suppressed" else counts.let_go
            absent = "" if is_told is None else 0
            yield from (_number(value.get(reason, absent)) for reason in REASONS)
        else:
            yield _number(value)


def _number(value: int | str | None) -> int | str:
    return "" if value is None else value


def _safe(value: object) -> object:
    """A text that would be calculated is marked as text, as a person would by hand."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
