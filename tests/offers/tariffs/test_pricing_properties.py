"""What holds of every tariff and every stay, drawn at random."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from offers.parking.tariffs import (
    StayNotAllowed,
    Tariff,
    extension,
    free_until,
    longest_stay_until,
    price,
    read_tariff,
    scale,
    write_tariff,
)
from tests.offers.tariffs.invented_tariffs import PARIS, Stay, stays, tariffs
from tests.offers.tariffs.slow_meter import slow_price

MINUTE = timedelta(minutes=1)
PATIENT = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def cost(tariff: Tariff, stay: Stay, minutes: int | None = None) -> int | str:
    """The price of the stay, or of its first `minutes`; or why there is no such stay."""
    until = stay.until if minutes is None else stay.start + minutes * MINUTE
    try:
        priced = price(
            tariff, start=stay.start, until=until, zone=PARIS, classes=stay.classes, used=stay.used
        )
    except StayNotAllowed as refused:
        return refused.refusal
    return priced.price_minor


@PATIENT
@given(tariffs(), stays())
def test_the_engine_equals_a_meter_that_counts_minute_by_minute(tariff: Tariff, stay: Stay) -> None:
    slow = slow_price(tariff, stay.start, stay.until, PARIS, stay.classes, stay.used)
    quick = cost(tariff, stay)
    assert quick == slow or (isinstance(quick, str) and isinstance(slow, str))


@PATIENT
@given(tariffs(), stays(), st.integers(0, 3000))
def test_a_price_never_falls_as_time_grows(tariff: Tariff, stay: Stay, shorter: int) -> None:
    longer = cost(tariff, stay)
    before = cost(tariff, stay, min(shorter, (stay.until - stay.start) // MINUTE))
    if isinstance(longer, int):
        assert isinstance(before, int), "a part of an allowed stay is allowed"
        assert before <= longer


@PATIENT
@given(tariffs(), stays(), st.lists(st.integers(1, 900), min_size=1, max_size=4))
def test_a_stay_extended_bit_by_bit_costs_what_the_whole_costs(
    tariff: Tariff, stay: Stay, parts: list[int]
) -> None:
    ends = [stay.start]
    for part in parts:
        ends.append(ends[-1] + part * MINUTE)
    whole = cost(tariff, stay, sum(parts))
    assume(isinstance(whole, int))
    paid = 0
    for paid_until, until in pairwise(ends):
        more = extension(
            tariff,
            start=stay.start,
            paid_until=paid_until,
            until=until,
            paid_minor=paid,
            zone=PARIS,
            classes=stay.classes,
            used=stay.used,
        )
        assert more.price_minor >= 0
        paid += more.price_minor
    assert paid == whole


@PATIENT
@given(tariffs(), stays())
def test_nothing_outside_paid_hours_costs(tariff: Tariff, stay: Stay) -> None:
    free = free_until(tariff, start=stay.start, zone=PARIS, classes=stay.classes, used=stay.used)
    priced = cost(tariff, stay)
    if free is None or stay.until <= free:
        assert priced == 0
    told = None if isinstance(priced, str) else price_minutes(tariff, stay)
    if told == 0:
        assert priced == 0


def price_minutes(tariff: Tariff, stay: Stay) -> int:
    return price(
        tariff, start=stay.start, until=stay.until, zone=PARIS, classes=stay.classes, used=stay.used
    ).paid_minutes


@PATIENT
@given(tariffs(), stays())
def test_the_scale_says_what_a_stay_costs(tariff: Tariff, stay: Stay) -> None:
    steps = scale(tariff, start=stay.start, zone=PARIS, classes=stay.classes, used=stay.used, most_steps=8)
    reached = stay.start
    for place, step in enumerate(steps):
        if step.until is None:
            assert place == len(steps) - 1
            assert cost(tariff, stay, (reached - stay.start) // MINUTE + 1) == step.price_minor
            return
        assert step.until > reached
        minutes = (step.until - stay.start) // MINUTE
        assert cost(tariff, stay, (reached - stay.start) // MINUTE + 1) == step.price_minor
        assert cost(tariff, stay, minutes) == step.price_minor
        after = cost(tariff, stay, minutes + 1)
        assert isinstance(after, str) or after > step.price_minor
        reached = step.until
    longest = longest_stay_until(tariff, start=stay.start, zone=PARIS, classes=stay.classes, used=stay.used)
    if len(steps) < 8:
        assert longest == reached
    else:
        assert longest is None or longest >= reached


@PATIENT
@given(tariffs(), stays())
def test_a_price_holds_until_the_moment_it_names(tariff: Tariff, stay: Stay) -> None:
    try:
        priced = price(
            tariff, start=stay.start, until=stay.until, zone=PARIS, classes=stay.classes, used=stay.used
        )
    except StayNotAllowed as refused:
        longest = refused.allowed_until or stay.start
        priced = None
    if priced is None:
        assert isinstance(cost(tariff, stay, (longest - stay.start) // MINUTE), int)
        assert isinstance(cost(tariff, stay, (longest - stay.start) // MINUTE + 1), str)
        return
    assert sum(charge.price_minor for charge in priced.lines) == priced.price_minor
    if priced.ends_at is None:
        assert cost(tariff, stay, 366 * 24 * 60) == priced.price_minor
        return
    assert priced.ends_at >= stay.until
    minutes = (priced.ends_at - stay.start) // MINUTE
    assert cost(tariff, stay, minutes) == priced.price_minor
    after = cost(tariff, stay, minutes + 1)
    assert isinstance(after, str) or after > priced.price_minor


@given(tariffs())
def test_a_tariff_that_is_written_is_read_back(tariff: Tariff) -> None:
    assert read_tariff(write_tariff(tariff)) == tariff
