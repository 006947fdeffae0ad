"""docs/guides/tariffs.md: every tariff in it is read, priced and refused as the page says."""

from __future__ import annotations

import copy
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from geo.errors import InvalidInput
from offers.parking.tariffs import (
    FreeUse,
    StayNotAllowed,
    Tariff,
    extension,
    fps_due_minor,
    price,
    read_tariff,
    write_tariff,
)
from offers.parking.tariffs.terms import IncrementLine, Pass, Rate, StepLine

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "tariffs.md").read_text()
PARIS = ZoneInfo("Europe/Paris")
EXAMPLES: list[dict[str, Any]] = [
    json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
]


class Row(NamedTuple):
    """A line of a table of prices: cells by the names of its columns."""

    example: str
    cells: dict[str, str]


def price_rows() -> list[Row]:
    rows: list[Row] = []
    pieces = re.split(r"^```json\n", GUIDE, flags=re.MULTILINE)[1:]
    for example, piece in zip(EXAMPLES, pieces, strict=True):
        names: list[str] = []
        for line in piece.splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.startswith("| from |"):
                names = cells
            elif names and line.startswith("| 2"):
                rows.append(Row(example["id"], dict(zip(names, cells, strict=True))))
            elif not line.startswith("|"):
                names = []
    return rows


ROWS = price_rows()
REFUSED = re.findall(r"^\| `(\S+) = (.+?)` \| `(\S+)` \| (.+) \|$", GUIDE, re.MULTILINE)


def example(name: str) -> Tariff:
    return read_tariff(next(one for one in EXAMPLES if one["id"] == name))


def wall(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=PARIS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.example} {row.cells['from']}")
def test_every_stay_costs_what_the_page_says(row: Row) -> None:
    cells, start = row.cells, wall(row.cells["from"])
    used = [FreeUse(start.date(), int(found)) for found in re.findall(r"\d+", cells.get("used before", ""))]
    paid_until = wall(cells["paid until"]) if cells["paid until"] else None
    classes = frozenset(cells.get("classes", "").split())
    stay = {"start": start, "until": wall(cells["until"]), "zone": PARIS, "classes": classes, "used": used}
    if cells["costs"].startswith("not allowed: "):
        with pytest.raises(StayNotAllowed) as refused:
            price(example(row.example), **stay)
        assert refused.value.refusal == cells["costs"].removeprefix("not allowed: ")
        assert refused.value.allowed_until == paid_until
        return
    priced = price(example(row.example), **stay)
    assert f"{priced.price_minor // 100}.{priced.price_minor % 100:02} {priced.currency}" == cells["costs"]
    assert priced.ends_at == paid_until


@pytest.mark.parametrize("raw", EXAMPLES, ids=lambda raw: raw["id"])
def test_every_tariff_of_the_page_is_priced_there_and_survives_a_round_trip(raw: dict[str, Any]) -> None:
    assert sum(row.example == raw["id"] for row in ROWS) >= 3
    tariff = read_tariff(raw)
    assert read_tariff(write_tariff(tariff)) == tariff


@pytest.mark.parametrize(("path", "value", "field", "reason"), REFUSED)
def test_every_fault_is_told_as_the_page_says(path: str, value: str, field: str, reason: str) -> None:
    raw = copy.deepcopy(EXAMPLES[0])
    keys = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", path)]
    at: Any = raw
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = json.loads(value)
    with pytest.raises(InvalidInput) as refused:
        read_tariff(raw)
    (fault,) = refused.value.faults
    assert fault.field == field
    assert fault.reason.startswith(reason)


def test_what_the_page_says_of_the_fps_and_of_an_extension_is_so() -> None:
    tariff = example("paris-like-1")
    assert fps_due_minor(tariff, paid_minor=600) == 6900
    start = wall("2026-03-03 10:00")
    more = extension(
        tariff,
        start=start,
        paid_until=wall("2026-03-03 11:00"),
        until=wall("2026-03-03 13:00"),
        paid_minor=600,
        zone=PARIS,
    )
    assert more.price_minor == 1800


@pytest.mark.parametrize("part", [Tariff, Rate, StepLine, IncrementLine, Pass])
def test_every_member_is_explained(part: type[Tariff | Rate | StepLine | IncrementLine | Pass]) -> None:
    for name in part.__struct_fields__:
        assert f"`{name}`" in GUIDE


def test_the_page_was_found_whole() -> None:
    assert len(EXAMPLES) == 7
    assert len(ROWS) >= 30
    assert len(REFUSED) >= 12
