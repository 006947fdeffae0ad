"""Hours, days and weeks as the clock of a place shows them, also where it is changed."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from geo.wall_clock import wall_time
from offers.local_periods import periods_of
from tests.offers.invented import PARIS, utc


def lengths_h(step: str, since: str, until: str, zone: str = PARIS) -> list[float]:
    starts = periods_of(step, date.fromisoformat(since), date.fromisoformat(until), zone).starts  # type: ignore[arg-type]
    return [(b - a) / timedelta(hours=1) for a, b in pairwise(starts)]


def test_a_day_has_23_hours_in_spring_and_25_in_autumn() -> None:
    assert lengths_h("day", "2026-03-28", "2026-03-31") == [24, 23, 24]
    assert lengths_h("day", "2026-10-24", "2026-10-27") == [24, 25, 24]


def test_the_hours_of_a_long_day_are_told_apart_by_their_offset() -> None:
    found = periods_of("hour", date(2026, 10, 25), date(2026, 10, 26), PARIS)
    assert len(found.names) == 25
    assert found.names[2:4] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]
    assert (found.starts[0], found.starts[-1]) == (utc("2026-10-24 22:00"), utc("2026-10-25 23:00"))


def test_the_hour_that_a_short_day_skips_is_not_there() -> None:
    names = periods_of("hour", date(2026, 3, 29), date(2026, 3, 30), PARIS).names
    assert len(names) == 23
    assert names[1:3] == ["2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"]


def test_a_week_begins_on_monday_and_the_first_may_be_cut() -> None:
    found = periods_of("week", date(2026, 6, 3), date(2026, 6, 16), PARIS)  # from a Wednesday
    assert found.names == ["2026-06-01", "2026-06-08", "2026-06-15"]
    assert found.starts == [
        utc("2026-06-02 22:00"), utc("2026-06-07 22:00"), utc("2026-06-14 22:00"), utc("2026-06-15 22:00"),
    ]  # fmt: skip


def test_the_whole_span_is_one_period() -> None:
    found = periods_of("all", date(2026, 6, 1), date(2026, 6, 29), PARIS)
    assert (found.names, found.starts) == (["2026-06-01"], [utc("2026-05-31 22:00"), utc("2026-06-28 22:00")])


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide"])
def test_where_clocks_are_half_an_hour_off_days_are_cut_at_full_hours(zone: str) -> None:
    found = periods_of("day", date(2026, 6, 1), date(2026, 6, 3), zone)
    assert all(start.minute == 0 for start in found.starts)
    walls = [wall_time(start, zone) for start in found.starts]
    assert {(wall.hour, 0 < wall.minute < 60) for wall in walls} == {(0, True)}
    assert lengths_h("day", "2026-06-01", "2026-06-03", zone) == [24, 24]


def test_a_day_whose_midnight_is_skipped_begins_at_the_change() -> None:
    # Santiago, 2026-09-06: clocks go from 00:00 to 01:00.
    assert lengths_h("day", "2026-09-05", "2026-09-07", "America/Santiago") == [24, 23]
