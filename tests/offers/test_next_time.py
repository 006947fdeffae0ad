"""When an offer may be delivered next, as far as times go."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from geo.wall_clock import later
from offers.next_time import next_time
from offers.terms import Defaults
from tests.offers.invented import NO_QUIET, NOON, offer, place, utc

HOUR = timedelta(hours=1)
NIGHT = Defaults(quiet_start=time(21, 0), quiet_end=time(8, 0))


def test_an_offer_without_times_is_possible_now() -> None:
    assert next_time(offer(), [place()], NOON) == NOON


def test_an_offer_tied_to_nothing_is_never_possible() -> None:
    assert next_time(offer(), [], NOON) is None


def test_all_hours_must_hold_at_once() -> None:
    # A Wednesday at noon: the offer runs on Saturdays, the fence in the morning, the site opens at ten.
    found = next_time(
        offer(weekly_hours="Sa", only_while_open=True),
        [place(fence_active_hours="Mo-Su 06:00-12:00", opening_hours="Mo-Sa 10:00-19:00")],
        NOON,
    )
    assert found == utc("2026-06-13 08:00")  # 10:00 in Paris


def test_hours_that_never_meet_are_never_possible() -> None:
    apart = [place(fence_active_hours="Mo-Su 20:00-22:00")]
    assert next_time(offer(weekly_hours="Mo-Su 08:00-10:00"), apart, NOON) is None


def test_the_earliest_of_several_places_counts() -> None:
    places = [place(fence_active_hours="Fr 10:00-11:00"), place(fence_active_hours="Th 10:00-11:00")]
    assert next_time(offer(), places, NOON) == utc("2026-06-11 08:00")


def test_dates_of_offer_and_fence_count() -> None:
    begins = offer(starts_at=utc("2026-07-01 00:00"), ends_at=utc("2026-08-01 00:00"))
    assert next_time(begins, [place()], NOON) == utc("2026-07-01 00:00")
    assert next_time(begins, [place(fence_starts_at=utc("2026-07-20 00:00"))], NOON) == utc(
        "2026-07-20 00:00"
    )
    assert next_time(begins, [place(fence_starts_at=utc("2026-08-01 00:00"))], NOON) is None
    assert next_time(begins, [place(fence_disabled_at=utc("2026-07-01 00:00"))], NOON) is None


def test_more_than_a_year_ahead_is_never() -> None:
    assert next_time(offer(starts_at=utc("2027-06-01 00:00")), [place()], NOON) == utc("2027-06-01 00:00")
    assert next_time(offer(starts_at=utc("2028-06-01 00:00")), [place()], NOON) is None
    late = offer(starts_at=utc("2027-06-01 00:00"), weekly_hours="2027 Sep")
    assert next_time(late, [place()], NOON) is None


def test_quiet_hours_put_it_off_where_they_are_heeded() -> None:
    evening = offer(weekly_hours="Mo-Su 22:00-24:00,07:00-09:00")
    assert next_time(evening, [place()], NOON) == utc("2026-06-10 20:00")
    assert next_time(evening, [place()], NOON, NIGHT) == utc("2026-06-11 06:00")
    assert next_time(evening, [place()], NOON, NO_QUIET) == utc("2026-06-10 20:00")


def test_an_offer_that_is_only_on_at_night_is_always_quiet() -> None:
    assert next_time(offer(weekly_hours="Mo-Su 22:00-06:00"), [place()], NOON, NIGHT) is None


@pytest.mark.parametrize("hours", [None, "noonish"])
def test_a_site_whose_hours_are_not_known_is_never_open(hours: str | None) -> None:
    assert next_time(offer(only_while_open=True), [place(opening_hours=hours)], NOON) is None
    assert next_time(offer(), [place(opening_hours=hours)], NOON) == NOON


def test_hours_that_change_all_day_and_always_miss_each_other_are_given_up() -> None:
    even = ",".join(f"{hour:02}:00-{hour:02}:10,{hour:02}:20-{hour:02}:30" for hour in range(24))
    odd = ",".join(f"{hour:02}:10-{hour:02}:20,{hour:02}:30-{hour:02}:40" for hour in range(24))
    assert next_time(offer(weekly_hours=even), [place(fence_active_hours=odd)], NOON) is None


def test_hours_that_are_only_ever_perhaps_are_given_up() -> None:
    perhaps = 'Mo-Su 08:00-09:00,10:00-11:00,12:00-13:00 unknown "ask first"'
    assert next_time(offer(weekly_hours=perhaps), [place()], NOON) is None


def test_places_with_the_same_hours_are_looked_at_once() -> None:
    same = place(fence_active_hours="Th 10:00-11:00")
    later_ones = [place(fence_id=2, fence_active_hours="Fr 10:00-11:00")]
    assert next_time(offer(), [same, same, *later_ones], NOON) == utc("2026-06-11 08:00")


def test_only_so_many_places_are_looked_at() -> None:
    shut = [
        place(fence_id=n, fence_active_hours="Th", fence_starts_at=later(NOON, n * HOUR)) for n in range(100)
    ]
    assert next_time(offer(), shut, NOON) == utc("2026-06-10 22:00")
    assert next_time(offer(), [*shut, place()], NOON) == utc("2026-06-10 22:00")
    assert next_time(offer(), [*shut[1:], place()], NOON) == NOON
