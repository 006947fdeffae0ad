"""Wall clocks, in the hours that do not exist and those that happen twice."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InvalidInput
from geo.wall_clock import clock_change, country_of, is_zone, later, moment_of, rfc3339, wall_time, zone_of
from tests.offers.invented import PARIS, utc, wall

SPRING = utc("2026-03-29 01:00")
AUTUMN = utc("2026-10-25 01:00")


@pytest.mark.parametrize(
    "name",
    ["", "Europe", "Mars/Olympus", "europe/paris", "../etc/passwd", "/etc", "a\0b", "localtime", "x" * 5000],
)
def test_a_zone_that_does_not_exist_is_named_as_the_fault(name: str) -> None:
    assert not is_zone(name)
    with pytest.raises(InvalidInput) as raised:
        zone_of(name)
    assert raised.value.faults[0].field == "time_zone"


@pytest.mark.parametrize("name", [PARIS, "UTC", "America/Argentina/Buenos_Aires", "Asia/Kathmandu"])
def test_iana_zones_are_known(name: str) -> None:
    assert is_zone(name)
    assert zone_of(name).key == name


def test_a_zone_tells_its_country_where_it_has_one() -> None:
    assert (country_of("Europe/Helsinki"), country_of(PARIS), country_of("UTC")) == ("FI", "FR", None)


def test_a_wall_time_that_is_skipped_is_reached_at_the_change() -> None:
    assert moment_of(wall("2026-03-29 02:30"), PARIS) == SPRING
    assert moment_of(wall("2026-03-29 02:00"), PARIS) == SPRING
    assert moment_of(wall("2026-03-29 03:00"), PARIS) == SPRING


def test_a_wall_time_that_happens_twice_is_its_first_run() -> None:
    assert moment_of(wall("2026-10-25 02:30"), PARIS) == utc("2026-10-25 00:30")
    assert moment_of(wall("2026-10-25 03:00"), PARIS) == utc("2026-10-25 02:00")


def test_a_day_without_midnight_begins_at_the_change() -> None:
    """Chile's clocks went from 24:00 to 01:00 on 2026-09-06."""
    start = moment_of(wall("2026-09-06 00:00"), "America/Santiago")
    assert wall_time(start, "America/Santiago") == wall("2026-09-06 01:00")
    assert (
        wall_time(start - timedelta(seconds=1), "America/Santiago").date() == wall("2026-09-05 00:00").date()
    )


def test_both_runs_of_a_fold_show_the_same_time() -> None:
    first, second = utc("2026-10-25 00:30"), utc("2026-10-25 01:30")
    assert wall_time(first, PARIS) == wall_time(second, PARIS) == wall("2026-10-25 02:30")
    assert wall_time(second, PARIS).fold == 0


def test_a_change_of_clocks_is_found_to_the_second() -> None:
    assert clock_change(utc("2026-03-28 00:00"), utc("2026-03-30 00:00"), PARIS) == SPRING
    assert clock_change(utc("2026-10-24 13:07"), utc("2026-10-25 01:00"), PARIS) == AUTUMN
    assert clock_change(SPRING - timedelta(microseconds=1), SPRING, PARIS) == SPRING


def test_days_without_a_change_have_none() -> None:
    assert clock_change(utc("2026-03-27 00:00"), SPRING - timedelta(microseconds=1), PARIS) is None
    assert clock_change(SPRING, utc("2026-10-25 00:59"), PARIS) is None


def test_later_counts_hours_that_pass_not_hours_on_the_wall() -> None:
    before = datetime(2026, 3, 29, 1, 30, tzinfo=ZoneInfo(PARIS))
    assert later(before, timedelta(hours=1)) == utc("2026-03-29 01:30")


def test_moments_are_written_in_utc() -> None:
    assert rfc3339(datetime(2026, 3, 29, 5, tzinfo=timezone(timedelta(hours=2)))) == "2026-03-29T03:00:00Z"


@given(
    st.datetimes(wall("2015-01-01 00:00"), wall("2035-01-01 00:00")),
    st.sampled_from(
        [PARIS, "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo", "UTC"]
    ),
)
def test_a_moment_is_the_first_that_shows_its_wall_time_or_later(shown: datetime, zone: str) -> None:
    moment = moment_of(shown, zone)
    assert moment.tzinfo is UTC
    assert wall_time(moment, zone) >= shown
    assert wall_time(moment - timedelta(microseconds=1), zone) < shown
