"""Which caps bind, and when the next offer may come: against the rules themselves, by brute force."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offers.caps import applies, binding
from offers.effective_caps import (
    Bound,
    for_customer,
    for_offer,
    next_possible,
    next_undisturbed,
    standing,
)
from offers.quiet_hours import is_quiet
from offers.terms import Cap, Defaults, Offer, PastDelivery
from tests.offers.invented import NOON, PARIS, offer, past, per_day, person, rolling, utc

MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def passes(caps: list[Cap], chosen: Offer, history: list[PastDelivery], zone: str, at: datetime) -> bool:
    asked = [cap for cap in caps if applies(cap, chosen)]
    return chosen.ignores_caps or all(rule.passed for rule in binding(asked, chosen, history, zone, at))


# One cap


def test_a_calendar_window_ends_at_the_next_local_midnight() -> None:
    bound = standing(per_day(2), offer(), [past()], PARIS, NOON)
    assert (bound.window_start, bound.window_end) == (utc("2026-06-09 22:00"), utc("2026-06-10 22:00"))
    assert (bound.counted, bound.is_reached, bound.next_possible_at) == (1, False, NOON)


@pytest.mark.parametrize(
    ("unit", "now", "end"),
    [
        ("day", "2026-03-29 00:30", "2026-03-29 22:00"),  # a day of 23 hours
        ("day", "2026-10-25 00:30", "2026-10-25 23:00"),  # and of 25
        ("week", "2026-06-10 10:00", "2026-06-14 22:00"),
        ("week", "2026-06-14 22:00", "2026-06-21 22:00"),
        ("month", "2026-01-31 12:00", "2026-01-31 23:00"),
        ("month", "2026-12-31 22:59", "2026-12-31 23:00"),
        ("month", "2026-12-31 23:00", "2027-01-31 23:00"),
    ],
)
def test_calendar_windows_end_where_the_next_begin(unit: Any, now: str, end: str) -> None:
    cap = per_day(1, calendar_unit=unit)
    assert standing(cap, offer(), [], PARIS, utc(now)).window_end == utc(end)


def test_a_rolling_window_ends_when_the_first_slot_gets_free() -> None:
    history = [past(decided_at=NOON - 5 * HOUR), past(decided_at=NOON - HOUR)]
    bound = standing(rolling(3, 86_400), offer(), history, PARIS, NOON)
    assert bound.window_end == NOON + 19 * HOUR + MOMENT
    assert standing(rolling(3, 3_600), offer(), [], PARIS, NOON).window_end is None


def test_a_cap_that_was_lowered_waits_for_more_than_one_to_leave() -> None:
    history = [past(decided_at=NOON - HOUR * hours) for hours in (5, 4, 3)]
    bound = standing(rolling(1, 86_400), offer(), history, PARIS, NOON)
    assert bound.is_reached
    assert bound.window_end == NOON + 19 * HOUR + MOMENT
    assert bound.next_possible_at == NOON + 21 * HOUR + MOMENT


def test_a_cap_of_none_never_lets_anything_pass() -> None:
    assert standing(per_day(0), offer(), [], PARIS, NOON).next_possible_at is None
    assert next_possible([per_day(5), per_day(0)], offer(), [], PARIS, NOON) is None


def test_an_offer_that_ignores_caps_may_come_now() -> None:
    assert next_possible([per_day(0)], offer(ignores_caps=True), [past()], PARIS, NOON) == NOON


# Which caps


SYSTEM = per_day(2, cap_id=1)
EACH = per_day(1, cap_id=2, scope="each_retailer")
OWN = per_day(3, cap_id=3, scope="retailer", retailer_id=1)
OTHER = per_day(3, cap_id=4, scope="retailer", retailer_id=2)
OF_OFFER = per_day(1, cap_id=5, scope="offer", retailer_id=1, offer_id=7)
ALL = [OF_OFFER, OTHER, OWN, EACH, SYSTEM]


def named(bounds: list[Bound]) -> list[tuple[int, int | None, int]]:
    return [(bound.cap.cap_id, bound.retailer_id, bound.counted) for bound in bounds]


def test_caps_of_an_offer_come_from_the_system_then_the_retailer_then_the_offer() -> None:
    history = [past(offer_id=7), past(offer_id=9, retailer_id=2)]
    bounds = for_offer(ALL, offer(offer_id=7), history, PARIS, NOON)
    assert named(bounds) == [(1, None, 2), (2, 1, 1), (3, 1, 1), (5, 1, 1)]


def test_of_many_retailers_only_those_are_told_from_whom_something_counts() -> None:
    history = [past(offer_id=7), past(offer_id=7), past(offer_id=9, retailer_id=3)]
    assert named(for_customer(ALL, history, PARIS, NOON)) == [
        (1, None, 3), (2, 1, 2), (2, 3, 1), (3, 1, 2), (5, 1, 2),
    ]  # fmt: skip
    assert named(for_customer(ALL, [], PARIS, NOON)) == [(1, None, 0)]


def test_of_one_retailer_all_is_told_and_nothing_of_others() -> None:
    history = [past(offer_id=7, retailer_id=1), past(offer_id=9, retailer_id=2)]
    assert named(for_customer(ALL, history, PARIS, NOON, retailer_id=2)) == [
        (1, None, 2), (2, 2, 1), (4, 2, 1),
    ]  # fmt: skip


def test_narrowed_caps_count_what_they_are_narrowed_to() -> None:
    caps = [per_day(1, cap_id=1, channel="inbox"), per_day(1, cap_id=2, tag="tea")]
    history = [past(), past(channel="inbox"), past(tags=("tea",)), past(tags=("tea",))]
    assert named(for_customer(caps, history, PARIS, NOON)) == [(1, None, 1), (2, None, 2)]


# Properties

zones = st.sampled_from([PARIS, "America/Santiago", "Asia/Kathmandu", "Pacific/Kiritimati"])
nows = st.sampled_from(
    [NOON, utc("2026-03-28 22:30"), utc("2026-10-25 00:30"), utc("2026-12-31 22:59"), utc("2026-09-06 03:30")]
)
scopes = st.sampled_from(["system", "each_retailer", "retailer", "offer"])
caps_of = st.builds(
    lambda window, scope, at_most, tag: Cap(
        cap_id=1,
        scope=scope,
        at_most=at_most,
        retailer_id=1 if scope in {"retailer", "offer"} else None,
        offer_id=1 if scope == "offer" else None,
        tag=tag,
        **window,
    ),
    st.sampled_from(
        [
            {"window": "rolling", "rolling_s": 3_600},
            {"window": "rolling", "rolling_s": 86_400},
            {"window": "calendar", "calendar_unit": "day"},
            {"window": "calendar", "calendar_unit": "week"},
        ]
    ),
    scopes,
    st.integers(0, 3),
    st.sampled_from([None, "tea", "food"]),
)
# From a week ago to two days ahead: clocks of two machines may disagree.
given_at = st.integers(-7 * 24 * 60, 2 * 24 * 60)
given_offers = st.tuples(given_at, st.integers(1, 2), st.booleans(), st.booleans())


@settings(max_examples=300)
@given(zones, nows, st.lists(caps_of, max_size=4), st.lists(given_offers, max_size=8))
def test_next_possible_is_the_first_moment_at_which_all_caps_pass(
    zone: str, now: datetime, caps: list[Cap], given_list: list[tuple[int, int, bool, bool]]
) -> None:
    chosen = offer(tags=("tea",))
    history = [
        past(
            decided_at=now + timedelta(minutes=minute),
            retailer_id=retailer_id,
            tags=("tea",) if is_tea else (),
            counts_toward_caps=counts,
        )
        for minute, retailer_id, is_tea, counts in given_list
    ]
    answer = next_possible(caps, chosen, history, zone, now)
    # What can change at all: a quarter of an hour begins (every calendar window does, in whole quarters of
    # an hour of UTC), or something leaves a rolling window.
    changes = {now} | {
        now + timedelta(minutes=15 * n) - timedelta(minutes=now.minute % 15) for n in range(900)
    }
    changes |= {one.decided_at + timedelta(seconds=s) + MOMENT for one in history for s in (3_600, 86_400)}
    first = next(
        (at for at in sorted(changes) if at >= now and passes(caps, chosen, history, zone, at)), None
    )
    assert answer == first
    if answer is not None and answer > now:
        assert not passes(caps, chosen, history, zone, answer - MOMENT)
    # The strictest wins: no cap alone says later, and one says exactly then.
    alone = [one.next_possible_at for one in for_offer(caps, chosen, history, zone, now)]
    assert answer == (None if None in alone else max([now, *[at for at in alone if at]]))


@given(
    zones,
    nows,
    st.lists(caps_of, max_size=3),
    st.lists(given_offers, max_size=5),
    st.integers(0, 23),
    st.integers(0, 23),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5),
)
def test_the_next_undisturbed_moment_is_the_first_outside_quiet_hours_too(
    zone: str,
    now: datetime,
    caps: list[Cap],
    given_list: list[tuple[int, int, bool, bool]],
    start: int,
    end: int,
    shares: list[float],
) -> None:
    history = [past(decided_at=now + timedelta(minutes=m), retailer_id=r) for m, r, _, _ in given_list]
    who = person(time_zone=zone, quiet_start=time(start), quiet_end=time(end))
    chosen = offer(tags=("tea",))

    def may_come(at: datetime) -> bool:
        return passes(caps, chosen, history, zone, at) and not is_quiet(who, Defaults(), at)

    answer = next_undisturbed(caps, chosen, history, who, Defaults(), now)
    if answer is None:
        assert next_possible(caps, chosen, history, zone, now) is None
        return
    assert may_come(answer)
    earlier = [now + (answer - now) * share for share in shares]
    if answer > now:
        assert not any(may_come(at) for at in [*earlier, answer - MOMENT])


def test_an_offer_that_goes_to_the_inbox_in_quiet_hours_does_not_wait_for_their_end() -> None:
    night = NOON.replace(hour=22)
    silent = offer(when_quiet="inbox_only")
    assert next_undisturbed([], silent, [], person(), Defaults(), night) == night
    assert next_undisturbed([], offer(), [], person(), Defaults(), night) == utc("2026-06-11 06:00")
