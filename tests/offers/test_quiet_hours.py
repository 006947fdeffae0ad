"""Quiet hours: the person's own clock decides, on ordinary nights and on the two odd ones."""

from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offers.quiet_hours import is_quiet, quiet_until, released_at
from offers.terms import Defaults, Person
from tests.offers.invented import NO_QUIET, PARIS, person, utc

SYSTEM = Defaults(quiet_start=time(21), quiet_end=time(8))
MINUTE = timedelta(minutes=1)


def with_quiet(start: str, end: str, zone: str = PARIS) -> Person:
    return person(quiet_start=time.fromisoformat(start), quiet_end=time.fromisoformat(end), time_zone=zone)


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        ("2026-06-10 18:59:59.999999", False),
        ("2026-06-10 19:00", True),
        ("2026-06-10 22:00", True),
        ("2026-06-11 05:59:59.999999", True),
        ("2026-06-11 06:00", False),
    ],
)
def test_quiet_hours_begin_on_the_minute_wrap_midnight_and_end_on_the_minute(at: str, quiet: bool) -> None:
    assert is_quiet(person(), SYSTEM, utc(at)) is quiet


def test_the_clock_is_the_persons_not_the_servers() -> None:
    at = utc("2026-06-10 12:00")
    assert is_quiet(person(time_zone="Asia/Tokyo"), SYSTEM, at)
    assert not is_quiet(person(time_zone="Europe/Paris"), SYSTEM, at)


def test_own_quiet_hours_replace_the_systems() -> None:
    napper = with_quiet("13:00", "15:00")
    assert is_quiet(napper, SYSTEM, utc("2026-06-10 12:00"))
    assert not is_quiet(napper, SYSTEM, utc("2026-06-10 22:00"))


def test_equal_start_and_end_mean_no_quiet_hours() -> None:
    assert not is_quiet(with_quiet("08:00", "08:00"), SYSTEM, utc("2026-06-10 06:00"))
    assert quiet_until(with_quiet("08:00", "08:00"), SYSTEM, utc("2026-06-10 06:00")) is None


def test_the_system_may_have_no_quiet_hours_at_all() -> None:
    assert not is_quiet(person(), NO_QUIET, utc("2026-06-10 22:00"))


def test_half_a_choice_is_none() -> None:
    assert is_quiet(person(quiet_start=time(13)), SYSTEM, utc("2026-06-10 22:00"))
    assert is_quiet(person(quiet_end=time(20)), SYSTEM, utc("2026-06-10 22:00"))


def test_quiet_ends_the_next_morning() -> None:
    assert quiet_until(person(), SYSTEM, utc("2026-06-10 20:00")) == utc("2026-06-11 06:00")
    assert quiet_until(person(), SYSTEM, utc("2026-06-10 23:00")) == utc("2026-06-11 06:00")
    assert quiet_until(person(), SYSTEM, utc("2026-06-10 12:00")) is None


def test_the_night_in_which_clocks_go_forward_is_an_hour_shorter() -> None:
    assert quiet_until(person(), SYSTEM, utc("2026-03-28 20:00")) == utc("2026-03-29 06:00")
    assert is_quiet(person(), SYSTEM, utc("2026-03-28 20:00"))
    assert not is_quiet(person(), SYSTEM, utc("2026-03-28 19:59"))


def test_the_night_in_which_clocks_go_back_is_an_hour_longer() -> None:
    assert quiet_until(person(), SYSTEM, utc("2026-10-24 19:00")) == utc("2026-10-25 07:00")
    assert is_quiet(person(), SYSTEM, utc("2026-10-25 06:59"))


def test_quiet_hours_that_end_in_the_skipped_hour_end_at_the_change() -> None:
    assert quiet_until(with_quiet("22:00", "02:30"), SYSTEM, utc("2026-03-29 00:10")) == utc(
        "2026-03-29 01:00"
    )


def test_quiet_hours_within_the_skipped_hour_do_not_happen_that_day() -> None:
    short = with_quiet("02:10", "02:50")
    night = [utc("2026-03-28 23:00") + n * MINUTE for n in range(300)]
    assert not any(is_quiet(short, SYSTEM, at) for at in night)


def test_quiet_hours_within_the_doubled_hour_happen_twice() -> None:
    short = with_quiet("02:10", "02:50")
    assert quiet_until(short, SYSTEM, utc("2026-10-25 00:10")) == utc("2026-10-25 00:50")
    assert quiet_until(short, SYSTEM, utc("2026-10-25 01:10")) == utc("2026-10-25 01:50")


def test_clocks_that_go_back_may_end_the_quiet() -> None:
    """02:45 is quiet from 02:30 on; at 03:00 the clock shows 02:00 again, which is not."""
    assert quiet_until(with_quiet("02:30", "08:00"), SYSTEM, utc("2026-10-25 00:45")) == utc(
        "2026-10-25 01:00"
    )


clock_times = st.times().map(lambda t: t.replace(second=0, microsecond=0))
dst_days = st.sampled_from(["2026-03-28 21:00", "2026-10-24 21:00", "2026-06-09 21:00", "2026-12-31 21:00"])


@given(clock_times, clock_times, dst_days)
@example(time(21), time(8), "2026-03-28 21:00")
@example(time(2, 30), time(2, 15), "2026-10-24 21:00")
@example(time(3, 0), time(2, 30), "2026-03-28 21:00")
def test_minute_by_minute_quiet_is_what_the_wall_shows(start: time, end: time, first: str) -> None:
    """Walked in UTC over 30 hours; the wall clock is read by minutes since midnight, written anew here."""
    who, zone = person(quiet_start=start, quiet_end=end), ZoneInfo(PARIS)
    length = (end.hour * 60 + end.minute - start.hour * 60 - start.minute) % 1440
    for n in range(30 * 60):
        at = utc(first) + n * MINUTE
        wall = at.astimezone(zone)
        since_start = (wall.hour * 60 + wall.minute - start.hour * 60 - start.minute) % 1440
        assert is_quiet(who, SYSTEM, at) == (since_start < length)


@given(clock_times, clock_times, dst_days, st.integers(0, 30 * 60))
@example(time(3, 0), time(2, 30), "2026-03-28 21:00", 60)
@example(time(2, 30), time(2, 15), "2026-10-24 21:00", 225)
@example(time(2, 10), time(2, 50), "2026-10-24 21:00", 4 * 60 + 10)
@settings(max_examples=300)
def test_quiet_until_is_the_first_minute_that_is_not_quiet(
    start: time, end: time, first: str, minutes: int
) -> None:
    who, at = person(quiet_start=start, quiet_end=end), utc(first) + minutes * MINUTE
    until = quiet_until(who, SYSTEM, at)
    walked: datetime | None = at
    while walked is not None and is_quiet(who, SYSTEM, walked):
        walked += MINUTE
    assert until == (None if walked == at else walked)


def test_what_is_held_is_let_go_at_the_end_or_up_to_half_an_hour_later_the_same_every_day() -> None:
    at = utc("2026-06-10 20:00")
    shares = []
    for n in range(400):
        who = person(customer_id=UUID(int=n), quiet_start=time(21), quiet_end=time(8))
        released = released_at(who, SYSTEM, at)
        assert released is not None
        shares.append((released - utc("2026-06-11 06:00")) / timedelta(minutes=30))
        assert released_at(who, SYSTEM, at + timedelta(days=1)) == released + timedelta(days=1)
    assert all(0 <= share < 1 for share in shares)
    by_quarter = [sum(quarter <= 4 * share < quarter + 1 for share in shares) for quarter in range(4)]
    assert min(by_quarter) > 70


def test_nothing_is_let_go_later_when_it_is_not_quiet() -> None:
    assert released_at(with_quiet("21:00", "08:00"), SYSTEM, utc("2026-06-10 10:00")) is None
