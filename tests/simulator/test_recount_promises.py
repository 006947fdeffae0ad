"""Hand-made histories in which holds, holdouts, re-triggers, minors and erasures go wrong, or do not."""

from datetime import UTC, datetime, time, timedelta

import pytest

from simulator.journal import (
    AcceptedFixes,
    Change,
    Crossed,
    Delivery,
    Grant,
    HeldOut,
    History,
    Journal,
    Quiet,
    Served,
    Span,
)
from simulator.recount import OfferRules, Rules, recount

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANN = "ann"
GRANTS = (Grant("location_offers"), Grant("marketing", 7, "push"), Grant("marketing", 7, "inbox"))
WAITS = OfferRules(when_quiet="hold")
SIESTA = Quiet(time(11), time(13))


def rules(offer: OfferRules = OfferRules(), **more: object) -> Rules:  # noqa: B008 - frozen
    plain: dict[str, object] = {
        "start": NOON - timedelta(hours=1),
        "default_quiet": Quiet(time(21), time(8)),
        "default_time_zone": "UTC",
        "offers": {1: offer},
    }
    return Rules(**plain | more)  # type: ignore[arg-type]  # as said above


def journal(customer: str = ANN, *, age_band: str = "adult", quiet: Quiet | None = None) -> Journal:
    """Somebody who consented to everything; the clock stands at noon."""
    book = Journal()
    admit(book, customer, age_band=age_band, quiet=quiet)
    at(book, NOON)
    return book


def admit(book: Journal, customer: str, *, age_band: str = "adult", quiet: Quiet | None = None) -> None:
    book.age_bands[customer] = History(age_band)
    book.quiet_hours[customer] = History(quiet)
    for grant in GRANTS:
        book.consent(customer, grant).changes.append(Change(True, *span(book)))


def span(book: Journal) -> Span:
    return Span(next(book.order), next(book.order))


def at(book: Journal, moment: datetime) -> None:
    book.clock.append((moment, span(book)))


def crosses(book: Journal, name: str = "c1", *, kind: str = "enter", customer: str = ANN) -> None:
    now = book.clock[-1][0]
    book.crossings[name] = Crossed(customer, 1, 5, kind, now, now, span(book))


def given(
    book: Journal, crossing: str = "c1", *, offer_id: int = 1, customer: str = ANN, channel: str = "push"
) -> None:
    """A delivery that the inbox shows, decided now."""
    number, now = len(book.seen), book.clock[-1][0]
    delivery = Delivery(f"d{number}", customer, offer_id, 7, channel, frozenset(), number, now, crossing)
    book.see(delivery, span(book), decided_now=False)


def broken(book: Journal, held_to: Rules) -> list[str]:
    return [f"{found.kind}: {found.explanation}" for found in recount(book, held_to)]


# Holds


def let_go(after: timedelta = 2 * 60 * MINUTE, *, quiet: Quiet | None = SIESTA) -> Journal:
    """Crossed at noon, given later."""
    book = journal(quiet=quiet)
    crosses(book)
    at(book, NOON + after)
    given(book)
    return book


def test_what_waited_for_the_end_of_quiet_hours_is_lawful() -> None:
    assert broken(let_go(), rules(WAITS)) == []


@pytest.mark.parametrize(
    ("book", "offer", "fault"),
    [
        (let_go(), OfferRules(), "the offer does not wait"),
        (let_go(quiet=None), WAITS, "it was not quiet when the fence was crossed"),
        (let_go(timedelta(hours=25)), WAITS, "more than a day"),
    ],
)
def test_what_should_not_have_waited_or_come_is_reported(
    book: Journal, offer: OfferRules, fault: str
) -> None:
    (found,) = [line for line in broken(book, rules(offer)) if line.startswith("holds")]
    assert fault in found


@pytest.mark.parametrize(("last", "is_lawful"), [("exit", False), ("enter", True)])
def test_an_offer_that_needs_presence_is_not_given_to_who_was_seen_leaving(
    last: str, is_lawful: bool
) -> None:
    book = journal(quiet=SIESTA)
    crosses(book)
    at(book, NOON + 30 * MINUTE)
    crosses(book, "c2", kind="exit")
    at(book, NOON + 40 * MINUTE)
    if last == "enter":
        crosses(book, "c3")
    at(book, NOON + 120 * MINUTE)
    given(book)
    found = broken(book, rules(OfferRules(when_quiet="hold", needs_presence=True)))
    assert (found == []) is is_lawful


def test_two_that_were_let_go_at_once_have_piled_up() -> None:
    book = journal(quiet=SIESTA)
    for name in ("c1", "c2"):
        crosses(book, name)
    at(book, NOON + 120 * MINUTE)
    given(book, "c1", offer_id=1)
    given(book, "c2", offer_id=2)
    (found,) = broken(book, rules(offers={1: WAITS, 2: WAITS}))
    assert "at once" in found


def test_a_whisper_in_quiet_hours_is_lawful_and_a_shout_is_not() -> None:
    whispers = rules(OfferRules(when_quiet="inbox_only"))
    book = journal(quiet=SIESTA)
    given(book, channel="inbox")
    assert broken(book, whispers) == []
    given(book, "c9", channel="push")
    assert [line.partition(":")[0] for line in broken(book, whispers)] == ["quiet_hours"]


# Holdouts


@pytest.mark.parametrize(("drawn_for", "offer_id"), [("offer", 1), ("everything", 2)])
def test_who_is_held_out_must_not_be_given_it(drawn_for: str, offer_id: int) -> None:
    book = journal()
    given(book)
    book.held_out.append(HeldOut(ANN, offer_id, drawn_for, NOON))
    assert "holdouts" in broken(book, rules(OfferRules(holdout_percent=20)))[0]


def test_who_is_held_out_of_another_offer_may_be_given_this_one() -> None:
    book = journal()
    given(book)
    book.held_out.append(HeldOut(ANN, 2, "offer", NOON))
    assert broken(book, rules(offers={1: OfferRules(), 2: OfferRules(holdout_percent=20)})) == []


@pytest.mark.parametrize(("held", "is_lawful"), [(20, True), (35, True), (60, False), (0, False)])
def test_as_many_are_held_out_as_the_offer_says(held: int, is_lawful: bool) -> None:
    book = journal()
    for number in range(100):
        admit(book, f"p{number}")
        if number < held:
            book.held_out.append(HeldOut(f"p{number}", 1, "offer", NOON))
        else:
            given(book, f"c{number}", customer=f"p{number}")
    assert (broken(book, rules(OfferRules(holdout_percent=20))) == []) is is_lawful


def test_an_offer_that_holds_nobody_out_holds_nobody_out() -> None:
    book = journal()
    book.held_out.append(HeldOut(ANN, 1, "offer", NOON))
    assert "where 0 in a hundred" in broken(book, rules())[0]


# Re-triggers


@pytest.mark.parametrize(("minutes", "is_lawful"), [(9, False), (10, True)])
def test_a_fence_waits_before_it_tells_of_the_same_phone_again(minutes: int, is_lawful: bool) -> None:
    book = journal()
    crosses(book)
    at(book, NOON + minutes * MINUTE)
    crosses(book, "c2")
    assert (broken(book, rules(retrigger_s={5: 600.0})) == []) is is_lawful


def test_what_a_withdrawal_made_the_server_forget_is_not_held_against_it() -> None:
    book = journal()
    crosses(book)
    book.consent(ANN, GRANTS[0]).changes.append(Change(False, *span(book)))
    at(book, NOON + MINUTE)
    crosses(book, "c2")
    assert broken(book, rules(retrigger_s={5: 600.0})) == []


# Minors


@pytest.mark.parametrize("age_band", ["unknown", "under_15", "15_17"])
def test_who_is_no_adult_is_given_nothing(age_band: str) -> None:
    book = journal(age_band=age_band)
    given(book)
    assert [line.partition(":")[0] for line in broken(book, rules())] == ["minors"]


@pytest.mark.parametrize(
    ("age_band", "is_lawful"), [("unknown", False), ("under_15", False), ("15_17", True)]
)
def test_children_are_not_followed(age_band: str, is_lawful: bool) -> None:
    book = journal(age_band=age_band)
    book.accepted.append(AcceptedFixes(ANN, 3, span(book)))
    assert (broken(book, rules()) == []) is is_lawful


def test_a_delivery_that_raced_the_word_of_a_lower_age_is_given_the_benefit_of_the_doubt() -> None:
    book = journal()
    sent = next(book.order)
    given(book)
    book.age_bands[ANN].changes.append(Change("15_17", sent, next(book.order)))
    assert broken(book, rules()) == []
    at(book, NOON + MINUTE)
    given(book, "c2")
    assert [line.partition(":")[0] for line in broken(book, rules())] == ["minors"]


# Erasure


def test_whoever_was_erased_can_do_nothing_more_and_is_given_nothing() -> None:
    book = journal()
    given(book)
    book.served.append(Served(ANN, "read the inbox", span(book)))
    book.erased[ANN] = Change(True, *span(book))
    assert broken(book, rules()) == []
    at(book, NOON + MINUTE)
    given(book, "c2")
    book.served.append(Served(ANN, "report fixes", span(book)))
    found = broken(book, rules())
    assert len(found) == 2
    assert all(line.startswith("erasure") for line in found)


def test_an_erasure_that_was_never_acknowledged_accuses_nobody() -> None:
    book = journal()
    book.erased[ANN] = Change(True, next(book.order), None)
    book.served.append(Served(ANN, "report fixes", span(book)))
    assert broken(book, rules()) == []
