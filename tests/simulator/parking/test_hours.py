"""Paid hours as the simulator reads them by itself: the plain week, and an honest "unknown" for the rest."""

from datetime import UTC, datetime

import pytest

from simulator.parking.hours import read_hours

THURSDAY, SATURDAY, SUNDAY = (datetime(2026, 11, day, tzinfo=UTC) for day in (26, 28, 29))


@pytest.mark.parametrize(
    ("written", "at", "is_paid"),
    [
        ("24/7", SUNDAY.replace(hour=3), True),
        ("Mo-Fr 09:00-18:00", THURSDAY.replace(hour=9), True),
        ("Mo-Fr 09:00-18:00", THURSDAY.replace(hour=8, minute=59), False),
        ("Mo-Fr 09:00-18:00", THURSDAY.replace(hour=18), False),
        ("Mo-Fr 09:00-18:00", SATURDAY.replace(hour=12), False),
        ("Mo-Fr 08:00-21:00; Sa 09:00-18:00", SATURDAY.replace(hour=12), True),
        ("Mo-Su 09:00-20:00; Sa off", SATURDAY.replace(hour=12), False),
        ("Mo,Th-Fr 09:00-12:00,14:00-19:00", THURSDAY.replace(hour=13), False),
        ("Mo,Th-Fr 09:00-12:00,14:00-19:00", THURSDAY.replace(hour=14), True),
        ("Sa-Mo 09:00-24:00", SUNDAY.replace(hour=23, minute=59), True),
        ("Sa-Mo 09:00-24:00", THURSDAY.replace(hour=12), False),
        ("09:00-10:00", SUNDAY.replace(hour=9, minute=30), True),
    ],
)
def test_a_plain_week_is_understood(written: str, at: datetime, is_paid: bool) -> None:
    week = read_hours(written)
    assert week is not None
    assert week.holds(at) is is_paid


@pytest.mark.parametrize(
    "written",
    ["Mo-Sa 09:00-20:00; PH off", "Jul 09:00-18:00", "Mo-Fr 22:00-02:00", "sunrise-sunset", "", "x"],
)
def test_what_is_more_than_a_week_is_not_judged(written: str) -> None:
    assert read_hours(written) is None
