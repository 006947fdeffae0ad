"""Caps: what counts, from when, across midnight, clock changes and moves to other zones."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offers.caps import applies, binding, counted, window_start
from offers.terms import Cap, PastDelivery, Reason
from tests.offers.invented import NOON, PARIS, offer, past, per_day, rolling, utc

SECOND = timedelta(seconds=1)


def calendar(unit: str, at_most: int = 1) -> Cap:
    return per_day(at_most, calendar_unit=unit)


def count(cap: Cap, history: Sequence[PastDelivery], now: datetime = NOON, **changes: Any) -> int:
    return counted(cap, offer(**changes), history, window_start(cap, PARIS, now))


# Windows


def test_a_rolling_window_is_exact_across_a_change_of_clocks() -> None:
    now = utc("2026-03-29 12:00")
    assert window_start(rolling(1, 86_400), PARIS, now) == utc("2026-03-28 12:00")


def test_a_rolling_window_is_exact_for_a_moment_written_in_another_zone() -> None:
    now = utc("2026-03-29 12:00").astimezone(ZoneInfo(PARIS))
    assert window_start(rolling(1, 86_400), PARIS, now) == utc("2026-03-28 12:00")


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-06-10 10:00", "2026-06-09 22:00"),  # summer: midnight is 22:00 UTC
        ("2026-03-29 12:00", "2026-03-28 23:00"),  # a day of 23 hours, begun in winter time
        ("2026-03-29 22:00", "2026-03-29 22:00"),  # the next one, begun in summer time
        ("2026-10-25 12:00", "2026-10-24 22:00"),  # a day of 25 hours, begun in summer time
        ("2026-10-25 22:59", "2026-10-24 22:00"),  # its last hour
        ("2026-10-25 23:00", "2026-10-25 23:00"),
    ],
)
def test_a_calendar_day_begins_at_local_midnight(now: str, start: str) -> None:
    assert window_start(calendar("day"), PARIS, utc(now)) == utc(start)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-03-29 12:00", "2026-03-22 23:00"),  # Sunday of the change: since Monday, winter time
        ("2026-03-30 12:00", "2026-03-29 22:00"),  # the Monday after: summer time
        ("2026-10-25 12:00", "2026-10-18 22:00"),
        ("2026-10-26 12:00", "2026-10-25 23:00"),
        ("2027-01-01 12:00", "2026-12-27 23:00"),  # a week across New Year
        ("2026-06-07 22:00", "2026-06-07 22:00"),  # Monday 00:00 sharp
        ("2026-06-07 21:59", "2026-05-31 22:00"),
    ],
)
def test_a_calendar_week_begins_on_monday(now: str, start: str) -> None:
    assert window_start(calendar("week"), PARIS, utc(now)) == utc(start)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-03-31 21:59", "2026-02-28 23:00"),
        ("2026-03-31 22:00", "2026-03-31 22:00"),
        ("2026-10-31 22:59", "2026-09-30 22:00"),
        ("2026-10-31 23:00", "2026-10-31 23:00"),
        ("2028-02-29 12:00", "2028-01-31 23:00"),
    ],
)
def test_a_calendar_month_begins_on_the_first(now: str, start: str) -> None:
    assert window_start(calendar("month"), PARIS, utc(now)) == utc(start)


def test_a_day_is_counted_in_the_zone_where_the_person_is_now() -> None:
    now = utc("2026-06-10 10:30")
    assert window_start(calendar("day"), "Pacific/Kiritimati", now) == utc("2026-06-10 10:00")
    assert window_start(calendar("day"), "Pacific/Pago_Pago", now) == utc("2026-06-09 11:00")


def test_moving_west_brings_yesterdays_deliveries_back_into_today() -> None:
    """Given at 23:30 in Paris; half an hour later it is tomorrow there, but still today in Lisbon."""
    given_at, now = utc("2026-06-10 21:30"), utc("2026-06-10 22:15")
    history = [past(decided_at=given_at)]
    at_home = binding([per_day(1)], offer(), history, PARIS, now)
    after_moving = binding([per_day(1)], offer(), history, "Europe/Lisbon", now)
    assert (at_home[0].passed, after_moving[0].passed) == (True, False)


@pytest.mark.parametrize("cap", [rolling(1, 86_400), calendar("day"), calendar("week"), calendar("month")])
def test_a_delivery_decided_exactly_when_the_window_starts_counts(cap: Cap) -> None:
    start = window_start(cap, PARIS, NOON)
    assert count(cap, [past(decided_at=start)]) == 1
    assert count(cap, [past(decided_at=start - timedelta(microseconds=1))]) == 0


def test_a_delivery_from_the_future_counts() -> None:
    assert count(per_day(1), [past(decided_at=NOON + timedelta(days=2))]) == 1
    assert count(rolling(1, 60), [past(decided_at=NOON + timedelta(days=2))]) == 1


# What counts


def test_only_deliveries_that_take_a_slot_and_count_are_counted() -> None:
    history = [past(), past(takes_slot=False), past(counts_toward_caps=False)]
    assert count(per_day(1), history) == 1


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("system", 5), ("each_retailer", 4), ("retailer", 4), ("offer", 3)],
)
def test_a_scope_says_whose_deliveries_share_the_count(scope: str, expected: int) -> None:
    history = [past(), past(), past(), past(offer_id=2), past(offer_id=3, retailer_id=2)]
    cap = per_day(1, scope=scope, retailer_id=1, offer_id=1)
    assert count(cap, history) == expected


def test_a_cap_on_a_channel_counts_that_channel_only() -> None:
    history = [past(), past(), past(channel="inbox")]
    assert count(per_day(1, channel="push"), history) == 2


def test_a_cap_on_a_tag_counts_the_tags_frozen_at_delivery() -> None:
    history = [past(tags=("alcohol", "food")), past(tags=("food",)), past()]
    assert count(per_day(1, tag="alcohol"), history, tags=("alcohol",)) == 1
    assert count(per_day(1, tag="food"), history, tags=("food",)) == 2


@pytest.mark.parametrize(
    ("narrowed", "concerned"),
    [
        ({"scope": "system"}, True),
        ({"scope": "each_retailer"}, True),
        ({"scope": "retailer", "retailer_id": 1}, True),
        ({"scope": "retailer", "retailer_id": 2}, False),
        ({"scope": "offer", "retailer_id": 1, "offer_id": 1}, True),
        ({"scope": "offer", "retailer_id": 1, "offer_id": 2}, False),
        ({"channel": "push"}, True),
        ({"channel": "inbox"}, False),
        ({"tag": "food"}, True),
        ({"tag": "alcohol"}, False),
        ({"tag": "food", "channel": "inbox"}, False),
    ],
)
def test_a_cap_concerns_the_offers_in_its_scope(narrowed: dict[str, Any], concerned: bool) -> None:
    assert applies(per_day(1, **narrowed), offer(tags=("food",))) is concerned


# What they say together


def test_every_cap_that_applies_answers_with_its_numbers() -> None:
    caps = [per_day(2, cap_id=7), per_day(9, cap_id=8, channel="inbox"), rolling(1, 3600, cap_id=9)]
    answers = binding(caps, offer(), [past()], PARIS, NOON)
    assert [answer.passed for answer in answers] == [True, False]
    assert all(answer.name is Reason.FREQUENCY_CAP for answer in answers)
    assert answers[0].numbers == {
        "cap_id": 7,
        "scope": "system",
        "channel": None,
        "tag": None,
        "at_most": 2,
        "counted": 1,
        "window_start": "2026-06-09T22:00:00Z",
    }


def test_a_cap_that_is_narrowed_says_to_what() -> None:
    cap = per_day(2, channel="push", tag="tea")
    (answer,) = binding([cap], offer(tags=("tea",)), [past(), past(tags=("tea",))], PARIS, NOON)
    said = answer.numbers
    assert (said["channel"], said["tag"], said["counted"]) == ("push", "tea", 1)


def test_a_cap_of_none_blocks_everything() -> None:
    assert not binding([per_day(0)], offer(), [], PARIS, NOON)[0].passed


@pytest.mark.parametrize(("taken", "passes"), [(0, True), (1, True), (2, False), (3, False)])
def test_the_last_slot_can_be_taken_and_no_more(taken: int, passes: bool) -> None:
    assert binding([per_day(2)], offer(), [past()] * taken, PARIS, NOON)[0].passed is passes


# Property: the windows agree with a recount by local dates

zones = st.sampled_from([PARIS, "UTC", "America/Santiago", "Asia/Kathmandu", "Pacific/Kiritimati"])
around_changes = st.sampled_from(["2026-03-29", "2026-10-25", "2026-09-06", "2026-04-05", "2026-12-31"])
Unit = Literal["day", "week", "month"]
units: st.SearchStrategy[Unit] = st.sampled_from(["day", "week", "month"])


def label(at: datetime, zone: str, unit: Unit) -> tuple[int, ...] | date:
    local = at.astimezone(ZoneInfo(zone))
    if unit == "day":
        return local.date()
    return tuple(local.isocalendar())[:2] if unit == "week" else (local.year, local.month)


@settings(max_examples=400)
@given(zones, around_changes, units, st.integers(0, 3 * 86_400), st.lists(st.integers(0, 45 * 86_400)))
def test_a_calendar_count_equals_a_recount_by_local_dates(
    zone: str, day: str, unit: Unit, offset_s: int, ages_s: list[int]
) -> None:
    now = datetime.fromisoformat(day).replace(tzinfo=UTC) + offset_s * SECOND - timedelta(days=1)
    history = [past(decided_at=now - age * SECOND) for age in ages_s]
    recounted = sum(label(p.decided_at, zone, unit) == label(now, zone, unit) for p in history)
    cap = calendar(unit)
    assert counted(cap, offer(), history, window_start(cap, zone, now)) == recounted


@given(st.integers(60, 31_622_400), st.lists(st.integers(-3600, 31_700_000)), zones)
def test_a_rolling_count_equals_a_recount_by_age(length_s: int, ages_s: list[int], zone: str) -> None:
    history = [past(decided_at=NOON - age * SECOND) for age in ages_s]
    cap = rolling(1, length_s)
    recounted = sum(age <= length_s for age in ages_s)
    assert counted(cap, offer(), history, window_start(cap, zone, NOON)) == recounted
