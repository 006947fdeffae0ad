"""What a server says of its deliveries is believed only where the simulator cannot know better."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from simulator import wire
from simulator.journal import Journal, Quiet, Span
from simulator.recount import Cap, OfferRules, Rules, recount
from simulator.testimony import UNKNOWN_OFFER, WRONG_TIME, Established, KnownOffer, establish

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
TICK = timedelta(seconds=15)
DAY = timedelta(days=1)
OFFERS = {1: KnownOffer(retailer_id=7, channel="push", tags=frozenset({"coffee"}))}
QUIET_AT_NOON = Quiet(time(11, 30), time(12, 30))


def said(**changes: Any) -> wire.Delivery:
    honest: dict[str, Any] = {
        "delivery_id": "d1",
        "seq": 1,
        "offer_id": 1,
        "retailer_id": 7,
        "channel": "push",
        "code": "C",
        "tags": ["coffee"],
        "decided_at": NOON + TICK,
    }
    return wire.Delivery(**(honest | changes))


def journal(ticks: int = 1) -> Journal:
    """The clock was set to noon and moved on so many times."""
    book = Journal()
    for number in range(ticks + 1):
        book.clock.append((NOON + number * TICK, Span(next(book.order), next(book.order))))
    return book


def believed(
    delivery: wire.Delivery,
    book: Journal | None = None,
    *,
    decided_now: bool = True,
    offers: Mapping[int, KnownOffer] = OFFERS,
) -> Established:
    return establish(delivery, "ann", offers, book or journal(), decided_now=decided_now)


def test_an_honest_delivery_contradicts_nothing() -> None:
    found = believed(said())
    assert found.contradictions == ()
    assert found.delivery.decided_at == NOON + TICK
    assert (found.delivery.retailer_id, found.delivery.channel) == (7, "push")
    assert found.delivery.tags == {"coffee"}


@pytest.mark.parametrize("off", [-DAY, -TICK, timedelta(microseconds=-1), timedelta(microseconds=1), DAY])
def test_an_answered_delivery_was_decided_when_the_clock_says_whatever_its_stamp(off: timedelta) -> None:
    found = believed(said(decided_at=NOON + TICK + off))
    assert found.delivery.decided_at == NOON + TICK
    assert found.contradictions == (WRONG_TIME,)


@pytest.mark.parametrize("at", [NOON, NOON + timedelta(seconds=7), NOON + TICK, NOON + 2 * TICK])
def test_a_delivery_in_the_inbox_may_be_of_any_moment_of_the_run(at: datetime) -> None:
    found = believed(said(decided_at=at), journal(ticks=2), decided_now=False)
    assert found.delivery.decided_at == at
    assert found.contradictions == ()


@pytest.mark.parametrize("at", [NOON - DAY, NOON - TICK, NOON + 3 * TICK])
def test_a_delivery_in_the_inbox_from_outside_the_run_is_judged_as_of_now(at: datetime) -> None:
    found = believed(said(decided_at=at), journal(ticks=2), decided_now=False)
    assert found.delivery.decided_at == NOON + 2 * TICK
    assert found.contradictions == (WRONG_TIME,)


def test_what_lay_in_the_inbox_before_time_moved_is_of_before_the_run() -> None:
    early = believed(said(decided_at=NOON - DAY), journal(ticks=0), decided_now=False)
    assert early.delivery.decided_at == NOON - DAY
    assert early.contradictions == ()
    assert believed(said(), journal(ticks=0), decided_now=False).contradictions == (WRONG_TIME,)


@pytest.mark.parametrize(
    ("name", "claim"), [("retailer_id", 8), ("channel", "inbox"), ("tags", []), ("tags", ["coffee", "tea"])]
)
def test_whose_an_offer_is_and_what_it_is_were_read_before_the_run(name: str, claim: Any) -> None:
    found = believed(said(**{name: claim}))
    assert found.contradictions == (f"delivery whose {name} is not its offer's",)
    assert (found.delivery.retailer_id, found.delivery.channel) == (7, "push")
    assert found.delivery.tags == {"coffee"}


def test_an_offer_that_was_not_there_before_the_run_is_an_error() -> None:
    assert believed(said(), offers={}).contradictions == (UNKNOWN_OFFER,)


def test_a_server_without_any_rule_does_not_escape_by_stamping_a_day_early() -> None:
    book = journal()
    for number in range(2):
        delivery = said(delivery_id=f"d{number}", decided_at=NOON + TICK - DAY)
        found = believed(delivery, book).delivery
        book.see(found, Span(next(book.order), next(book.order)), decided_now=True)
    rules = Rules(
        start=NOON,
        default_quiet=QUIET_AT_NOON,
        default_time_zone="UTC",
        caps=(Cap(cap_id=1, scope="system", at_most=1, calendar_unit="day"),),
        offers={1: OfferRules()},
    )
    assert {violation.kind for violation in recount(book, rules)} == {
        *("consent", "caps", "quiet_hours", "minors"),
    }
