"""Reading docs/data-map.md, which tests hold against the schema and against what really happens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DATA_MAP = Path(__file__).resolve().parents[2] / "docs" / "data-map.md"

DELETED = "deleted"
REKEYED = "proof"
COUNTED = "counted"
NOBODY = "nobody's"
ERASURES = {DELETED, REKEYED, COUNTED, NOBODY}

_PERIOD = re.compile(r"\*\*(\d+) (days|hours)\*\*")


@dataclass(frozen=True)
class Row:
    """One table as the map describes it."""

    table: str
    purpose: str
    basis: str
    personal: tuple[str, ...]
    other: tuple[str, ...]
    kept: str
    erasure: str

    @property
    def columns(self) -> set[str]:
        return {*self.personal, *self.other}

    @property
    def kept_days(self) -> int | None:
        """The period in bold, where the map gives one in days."""
        match = _PERIOD.search(self.kept)
        return int(match[1]) if match and match[2] == "days" else None


def read_data_map() -> list[Row]:
    """The rows of the map's table; a line that has not its seven cells is an error."""
    rows = []
    for line in DATA_MAP.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        assert len(cells) == 7, f"seven cells, please: {line}"
        table, purpose, basis, personal, other, kept, erasure = cells
        rows.append(
            Row(
                table.strip("` "),
                purpose,
                basis,
                _names(personal),
                _names(other),
                kept,
                erasure.split(":")[0],
            )
        )
    return rows


def _names(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`(\w+)`", cell))
