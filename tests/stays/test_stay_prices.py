"""What stays cost: bought by the step, made longer, worth what was used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import Conflict, InvalidInput
from offers.parking import stays
from offers.parking.restrictions import Restriction
from offers.parking.stay_prices import (
    Terms,
    buy,
    buy_more,
    check_allowed,
    free_used,
    scale_of,
    until_of,
    worth_at,
)
from offers.parking.stays import Purchase, Stay
from offers.parking.tariffs import read_tariff

PARIS = ZoneInfo("Europe/Paris")
ORANGE = ((60, 130), (120, 260), (180, 310), (240, 360), (300, 400))
TEN = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)  # a Wednesday, ten in Paris


def terms(*printed: tuple[int, int], hours: str = "Mo-Sa 09:00-19:00; PH off", **more: Any) -> Terms:
    begins = [0, *(minutes for minutes, _ in printed)]
    lines = [
        {"type": "step", "from_minutes": begin, "until_minutes": minutes, "price_minor": cents}
        for begin, (minutes, cents) in zip(begins, printed, strict=False)
    ]
    rate = {"hours": hours, "lines": lines}
    said = {"id": "t", "version": 1, "currency": "EUR", "rates": [rate], **more}
    return Terms(tariff=read_tariff(said), zone=PARIS, classes=frozenset({"visitor"}))


def at(minutes: int) -> datetime:
    return TEN + timedelta(minutes=minutes)


def stay_of(priced_by: Terms, *untils: int) -> Stay:
    first = buy(priced_by, TEN, at(untils[0]))
    stay = stays.begun(_purchase(first), TEN, remind_s=None, now=TEN)
    stay, _ = stays.paid(stay, stay.purchases[-1].purchase_id, TEN)
    for until in untils[1:]:
        more = buy_more(priced_by, stay, at(until))
        stay = stays.extended(stay, _purchase(more), TEN)
        if stay.pending is not None:
            stay, _ = stays.paid(stay, stay.purchases[-1].purchase_id, TEN)
    return stay


def _purchase(bought: Any) -> Purchase:
    return Purchase(
        purchase_id=uuid4(),
        until=bought.until,
        covered_until=bought.covered_until,
        price_minor=bought.price_minor,
        state="pending",
        asked_at=TEN,
        payment_id=uuid4(),
    )


def test_what_is_bought_ends_where_its_price_does() -> None:
    bought = buy(terms(*ORANGE), TEN, at(47))
    assert (bought.price_minor, bought.until, bought.covered_until) == (130, at(60), at(60))


def test_in_free_hours_a_stay_ends_as_asked_and_is_covered_until_paid_hours_begin() -> None:
    sunday = TEN + timedelta(days=4)
    bought = buy(terms(*ORANGE), sunday, sunday + timedelta(hours=1))
    assert (bought.price_minor, bought.until) == (0, sunday + timedelta(hours=1))
    assert bought.covered_until == datetime(2026, 7, 6, 7, 0, tzinfo=UTC)  # Monday, nine in Paris


def test_a_price_without_a_limit_ends_as_asked() -> None:
    rate = {"lines": [{"type": "increment", "per_minutes": 60, "price_minor": 0}]}
    always = read_tariff({"id": "t", "version": 1, "currency": "EUR", "rates": [rate]})
    free = Terms(tariff=always, zone=PARIS, classes=frozenset())
    assert buy(free, TEN, at(30)).until == at(30)


def test_minutes_are_paid_ones() -> None:
    orange = terms(*ORANGE)
    evening = datetime(2026, 7, 1, 16, 30, tzinfo=UTC)  # half past six in Paris
    assert until_of(orange, evening, None, 60) == datetime(2026, 7, 2, 7, 30, tzinfo=UTC)
    assert until_of(orange, TEN, at(5), None) == at(5)
    never = terms(*ORANGE, hours="2020 Jul 01 09:00-10:00")
    with pytest.raises(InvalidInput) as error:
        until_of(never, TEN, None, 60)
    assert error.value.faults[0].field == "duration_min"


def test_an_end_before_the_beginning_is_refused_by_its_field() -> None:
    orange = terms(*ORANGE)
    for ask in (lambda: buy(orange, TEN, TEN), lambda: buy_more(orange, stay_of(orange, 60), at(60))):
        with pytest.raises(InvalidInput) as error:
            ask()
        assert error.value.faults[0].field == "until"


def test_longer_than_the_longest_stay_is_a_conflict_that_says_until_when() -> None:
    orange = terms(*ORANGE)
    for ask in (lambda: buy(orange, TEN, at(301)), lambda: buy_more(orange, stay_of(orange, 60), at(301))):
        with pytest.raises(Conflict, match="2026-07-01T13:00:00Z") as error:
            ask()
        assert error.value.code == "stay_not_allowed"


def test_a_restriction_within_the_stay_forbids_it() -> None:
    market = [Restriction(kind="no_parking", hours="We 12:00-14:00")]
    orange = terms(*ORANGE)
    check_allowed(market, orange, TEN, at(120))
    check_allowed([], orange, TEN, at(300))
    with pytest.raises(Conflict, match="no parking") as error:
        check_allowed(market, orange, TEN, at(121))
    assert error.value.code == "parking_forbidden"


def test_the_scale_is_what_is_printed() -> None:
    told = [(step.until, step.price_minor) for step in scale_of(terms(*ORANGE), TEN)]
    assert told == [(at(minutes), cents) for minutes, cents in ORANGE]


def test_a_stay_is_worth_nothing_before_it_begins() -> None:
    assert worth_at(terms(*ORANGE), stay_of(terms(*ORANGE), 60), TEN) == 0


QUARTERS = ((15, 50), (30, 100), (45, 150), (60, 200), (75, 250), (90, 300), (105, 350), (120, 400))


@settings(max_examples=30)
@given(
    untils=st.lists(st.integers(1, 120), min_size=1, max_size=4, unique=True),
    used=st.integers(0, 130),
    rule=st.sampled_from(["cumulative", "new"]),
)
def test_a_stay_is_worth_what_its_parts_cost_and_never_more_than_was_paid(
    untils: list[int], used: int, rule: str
) -> None:
    quarters = terms(*QUARTERS, extension=rule)
    stay = _greedy(quarters, sorted(untils))
    worth = worth_at(quarters, stay, at(used))
    assert 0 <= worth <= stay.price_minor
    if rule == "cumulative":
        assert worth == min(stay.price_minor, 50 * -(-used // 15))
    if at(used) >= stay.ends_at:
        assert worth == stay.price_minor
    later = worth_at(quarters, stay, at(used + 1))
    assert worth <= later


def _greedy(priced_by: Terms, untils: list[int]) -> Stay:
    """Bought one after the other, leaving out what is bought already."""
    stay = stay_of(priced_by, untils[0])
    for until in untils[1:]:
        if at(until) > stay.ends_at:
            more = buy_more(priced_by, stay, at(until))
            stay = stays.extended(stay, _purchase(more), TEN)
            if stay.pending is not None:
                stay, _ = stays.paid(stay, stay.purchases[-1].purchase_id, TEN)
    return stay


def test_the_free_minutes_of_a_stay_are_the_plates_also_where_it_was_bought_part_by_part() -> None:
    line = {"type": "step", "until_minutes": 60, "price_minor": 100}
    rate = {"hours": "09:00-19:00", "lines": [line], "free": {"minutes": 30}}
    said = {"id": "t", "version": 1, "currency": "EUR", "extension": "new", "rates": [rate]}
    halves = Terms(tariff=read_tariff(said), zone=PARIS, classes=frozenset())
    stay = stay_of(halves, 90, 150)
    assert [use.minutes for use in free_used(halves, stay, at(150))] == [30]
    assert free_used(halves, stay, TEN) == ()
