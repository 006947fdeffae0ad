"""Opening hours, weekly hours and dates: understood, refused clearly, and right when clocks change."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InvalidInput
from offers import hours as hours_module
from offers.hours import MAX_LENGTH, Hours, hours_of
from offers.schedule import (
    is_fence_active,
    is_open,
    is_scheduled,
    is_site_open,
    next_opening,
    parse_hours,
)
from tests.offers.invented import NOON, PARIS, offer, place, utc

MINUTE = timedelta(minutes=1)
PANICS = "(sunset+24:00)-(sunrise+24:00)"

MAPPED = Path(__file__).parents[3] / "shared" / "data" / "opening_hours" / "osm_opening_hours_values.tsv"
needs_mapped_values = pytest.mark.skipif(not MAPPED.exists(), reason=f"there is no {MAPPED}")


# Parsing


def is_understood(text: str) -> bool:
    return hours_of(text) is not None


@pytest.mark.parametrize("text", ["24/7", "Mo-Fr 09:00-18:00; PH off", "sunrise-sunset", "Dec 25 off", "off"])
def test_opening_hours_are_understood(text: str) -> None:
    parse_hours(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Mo-Fr 09:00-1300", "at character 13: expected extended_time"),
        ("Lu-Ve 07:00-19:30", "at character 1: expected"),
        ("whenever", "is not understood as opening hours"),
        ("", "must have 1 to 1000 characters"),
        (" \t ", "must have 1 to 1000 characters"),
        ("Mo 10:00-12:00; " * 70, "must have 1 to 1000 characters"),
        (PANICS, "parses, but cannot be evaluated"),
        ("\0", "is not understood"),
    ],
)
def test_what_is_not_opening_hours_is_refused_with_the_place_of_the_fault(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_hours(text, field="weekly_hours")
    (fault,) = raised.value.faults
    assert fault.field == "weekly_hours"
    assert reason in fault.reason
    assert is_open(text, PARIS, NOON) is None


@needs_mapped_values
def test_every_value_as_mapped_parses_or_is_refused_with_a_reason() -> None:
    """Real tags, malformed ones included: nothing crashes, and nearly all of them are understood."""
    values = [line.split("\t", 1)[1] for line in MAPPED.read_text("utf-8").splitlines()]
    refused = [value for value in values if not is_understood(value)]
    for value in refused:
        with pytest.raises(InvalidInput, match=r"opening hours \(OSM syntax\) at character \d+: expected"):
            parse_hours(value)
    for value in values:
        opens_at = next_opening(value, "Europe/Helsinki", NOON)
        assert opens_at is None or (opens_at > NOON and is_open(value, "Europe/Helsinki", opens_at))
    assert len(values) > 800
    assert len(refused) < 0.03 * len(values)


PIECES = (
    "Mo-Fr Su PH SH week easter sunrise sunset Jan-Mar Feb 29 2026 2099 [1] - + , ; || / ( ) : 10:00-12:00 "
    '22:00-26:00 24:00 off open unknown "x" 24/7 days'
)


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(PIECES.split()), max_size=8).map(" ".join),
)
def test_no_text_ever_breaks_a_decision(text: str) -> None:
    assert is_open(text, PARIS, NOON) in (True, False, None)
    opens_at = next_opening(text, PARIS, NOON)
    assert opens_at is None or opens_at > NOON


def test_hours_of_the_same_text_and_country_are_parsed_once() -> None:
    assert hours_of("Mo 10:00-12:00", "FR") is hours_of("Mo 10:00-12:00", "FR")
    assert hours_module.hours_of.cache_info().maxsize is not None
    assert MAX_LENGTH < 10_000


class PanicException(BaseException):
    """What the library's panics look like from here; the real class cannot be imported."""


class Breaking:
    """An expression that passes the trial days and breaks later."""

    def __init__(self, fault: type[BaseException]) -> None:
        self.fault = fault

    def state(self, wall: datetime) -> Any:
        raise self.fault("overflow")

    next_change = state


def test_an_expression_that_panics_later_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Hours("24/7")
    monkeypatch.setattr(hours, "_expression", Breaking(PanicException))
    assert hours.is_open(NOON.replace(tzinfo=None)) is None
    assert hours.next_change(NOON.replace(tzinfo=None)) is None


def test_being_told_to_stop_is_not_mistaken_for_bad_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Hours("24/7")
    monkeypatch.setattr(hours, "_expression", Breaking(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        hours.is_open(NOON.replace(tzinfo=None))


# Open or not


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("Mo-Su 10:00-18:00", "2026-06-10 07:59", False),
        ("Mo-Su 10:00-18:00", "2026-06-10 08:00", True),
        ("Mo-Su 10:00-18:00", "2026-06-10 16:00", False),
        ("Tu 20:00-02:00", "2026-06-09 23:30", True),  # Wednesday 01:30, still Tuesday's evening
        ("Mo-Su 09:00-18:00; PH off", "2026-05-01 10:00", False),  # a public holiday in France
        ("Mo-Su 09:00-18:00; PH off", "2026-05-02 10:00", True),
        ("unknown", "2026-06-10 10:00", None),
        ('"on request"', "2026-06-10 10:00", None),
        ('Mo-Fr 09:00-18:00 "ring the bell"', "2026-06-10 10:00", None),
        ('Mo-Fr 09:00-18:00 open "Lunch"', "2026-06-10 10:00", True),
        ('Mo-Fr 09:00-18:00 || "on request"', "2026-06-13 10:00", None),
        ('Mo-Fr 09:00-18:00 || "on request"', "2026-06-10 10:00", True),
    ],
)
def test_a_place_is_open_as_the_specification_says(text: str, at: str, expected: bool | None) -> None:
    assert is_open(text, PARIS, utc(at)) is expected


def test_the_places_own_clock_and_holidays_count() -> None:
    at = utc("2026-06-10 07:30")
    assert is_open("10:00-18:00", "Europe/Helsinki", at)
    assert not is_open("10:00-18:00", PARIS, at)
    independence_day = utc("2026-12-06 10:00")
    assert not is_open("10:00-18:00; PH off", "Europe/Helsinki", independence_day)
    assert is_open("10:00-18:00; PH off", PARIS, independence_day)


def test_a_country_without_known_holidays_has_none() -> None:
    assert is_open("24/7; PH off", "Antarctica/Troll", utc("2026-12-25 12:00"))


def test_hours_that_are_not_given_or_of_an_unknown_zone_are_not_known() -> None:
    assert is_open(None, PARIS, NOON) is None
    assert is_open("24/7", "Mars/Olympus", NOON) is None
    assert next_opening(None, PARIS, NOON) is None
    assert next_opening("24/7", "Mars/Olympus", NOON) is None


# The next opening


@pytest.mark.parametrize(
    ("text", "at", "opens_at"),
    [
        ("Mo-Fr 10:00-18:00", "2026-06-10 17:00", "2026-06-11 08:00"),
        ("Mo-Fr 10:00-18:00", "2026-06-12 17:00", "2026-06-15 08:00"),
        ("10:00-18:00", "2026-03-28 20:00", "2026-03-29 08:00"),  # over the change: 10:00 is 08:00 UTC
        ("10:00-18:00", "2026-10-24 20:00", "2026-10-25 09:00"),
        ("02:30-05:00", "2026-03-29 00:10", "2026-03-29 01:00"),  # 02:30 is skipped: open at the change
        ("02:30-05:00", "2026-10-25 00:10", "2026-10-25 00:30"),  # the first 02:30
        ("02:00-02:30", "2026-10-25 00:45", "2026-10-25 01:00"),  # 02:00 comes again at the change
        ("Dec 24 10:00-12:00", "2026-06-10 10:00", "2026-12-24 09:00"),
        ('10:00-11:00 "by phone"; 12:00-14:00', "2026-06-10 06:00", "2026-06-10 10:00"),
    ],
)
def test_the_next_opening_is_the_first_moment_that_is_open(text: str, at: str, opens_at: str) -> None:
    assert next_opening(text, PARIS, utc(at)) == utc(opens_at)


@pytest.mark.parametrize("text", ["24/7", "Mo-Su 10:00-18:00", "off", "2099 Mo 10:00-12:00", "nonsense"])
def test_no_next_opening_where_it_is_open_already_or_nothing_is_to_come(text: str) -> None:
    assert next_opening(text, PARIS, NOON) is None


def test_a_place_that_keeps_being_uncertain_has_no_next_opening_within_a_year() -> None:
    assert next_opening("Mo-Su 10:00-12:00 unknown", PARIS, NOON) is None


@given(
    st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30]), st.integers(1, 5)),
    st.sampled_from(["2026-03-28 21:00", "2026-10-24 21:00"]),
    st.integers(0, 600),
)
def test_around_clock_changes_the_next_opening_is_what_a_walk_by_minutes_finds(
    opening: tuple[int, int, int], first: str, minutes: int
) -> None:
    hour, minute, length_h = opening
    text = f"{hour:02}:{minute:02}-{hour + length_h:02}:{minute:02}"
    at = utc(first) + minutes * MINUTE
    walked = at
    while not is_open(text, PARIS, walked):
        walked += MINUTE
    assert next_opening(text, PARIS, at) == (None if walked == at else walked)


# What offers, fences and sites make of it


@pytest.mark.parametrize(
    ("changes", "runs"),
    [
        ({}, True),
        ({"starts_at": NOON}, True),
        ({"starts_at": NOON + MINUTE}, False),
        ({"ends_at": NOON + MINUTE}, True),
        ({"ends_at": NOON}, False),
        ({"weekly_hours": "We 11:00-14:00"}, True),
        ({"weekly_hours": "Th 11:00-14:00"}, False),
        ({"weekly_hours": "not hours"}, False),
        ({"weekly_hours": "unknown"}, False),
        ({"weekly_hours": "We 11:00-14:00", "ends_at": NOON}, False),
    ],
)
def test_an_offer_runs_between_its_dates_in_its_weekly_hours(changes: dict[str, Any], runs: bool) -> None:
    assert is_scheduled(offer(**changes), PARIS, NOON).passed is runs


@pytest.mark.parametrize(
    ("changes", "active"),
    [
        ({}, True),
        ({"fence_starts_at": NOON}, True),
        ({"fence_starts_at": NOON + MINUTE}, False),
        ({"fence_disabled_at": NOON + MINUTE}, True),
        ({"fence_disabled_at": NOON}, False),
        ({"fence_active_hours": "12:00-13:00"}, True),
        ({"fence_active_hours": "13:00-14:00"}, False),
        ({"fence_active_hours": "not hours"}, False),
    ],
)
def test_a_fence_is_active_between_its_dates_in_its_hours(changes: dict[str, Any], active: bool) -> None:
    assert is_fence_active(place(**changes), NOON).passed is active


@pytest.mark.parametrize(
    ("opening_hours", "passes"),
    [("24/7", True), ("off", False), ("unknown", False), ("not hours", False), (None, False)],
)
def test_only_while_open_takes_not_known_for_closed(opening_hours: str | None, passes: bool) -> None:
    where = place(opening_hours=opening_hours)
    assert is_site_open(offer(only_while_open=True), where, NOON).passed is passes
    assert is_site_open(offer(), where, NOON).passed


def test_a_schedule_explains_itself_in_numbers() -> None:
    rule = is_scheduled(offer(starts_at=NOON, weekly_hours="We 11:00-14:00"), PARIS, NOON)
    assert rule.numbers == {"starts_at": "2026-06-10T10:00:00Z", "ends_at": None, "in_hours": True}


@pytest.mark.parametrize(("opening_hours", "state"), [("24/7", True), ("off", False), (None, None)])
def test_whether_a_site_is_open_is_told_only_where_it_was_asked(
    opening_hours: str | None, state: bool | None
) -> None:
    where = place(opening_hours=opening_hours)
    assert is_site_open(offer(only_while_open=True), where, NOON).numbers == {"is_open": state}
    assert is_site_open(offer(), where, NOON).numbers == {"only_while_open": False}
