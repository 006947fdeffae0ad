"""How long a place is open at a stretch."""

from __future__ import annotations

from datetime import datetime

import pytest

from offers.retail.stretches import longest_open_s

MONDAY_NOON = datetime.fromisoformat("2026-06-01 12:00")


@pytest.mark.parametrize(
    ("text", "longest_h"),
    [
        (None, None),
        ("", None),
        ("no hours at all", None),
        ("24/7", None),
        ("Mo-Fr 08:00-18:00", 10),
        ("Mo-Fr 08:00-12:00,14:00-19:00; Sa 09:00-17:00", 8),
        ("Fr 20:00-04:00", 8),
        ("Mo-Fr 00:00-24:00", 120),
        ("off", 0),
    ],
)
def test_the_longest_stretch_of_a_week_counts(text: str | None, longest_h: float | None) -> None:
    expected = None if longest_h is None else longest_h * 3600
    assert longest_open_s(text, MONDAY_NOON) == expected
