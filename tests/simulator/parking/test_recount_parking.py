"""The recount of money: charged once, not for nothing, and the books say what the phones were told."""

from datetime import UTC, datetime, timedelta

import pytest

from simulator.journal import Books, Bought, Journal, PaymentTold, Span, StayTold, Wanted
from simulator.recount.parking import broken_charges, broken_ledger

NOON = datetime(2026, 11, 26, 10, tzinfo=UTC)
ANN, PLATE, ZONE = "ann", "ABC-123", 5


def wanted(
    key: str = "k1",
    *sessions: str,
    agreed_minor: int = 240,
    can_pay: bool = True,
    is_extension: bool = False,
    must_cost: bool = True,
) -> Wanted:
    return Wanted(
        key=key,
        customer=ANN,
        plate=PLATE,
        zone_id=ZONE,
        agreed_minor=agreed_minor,
        can_pay=can_pay,
        is_extension=is_extension,
        must_cost=must_cost,
        session_ids=sessions or ("s1",),
        was_accepted=True,
        at=NOON,
    )


def bought(
    price_minor: int = 240, *, given_back_minor: int = 0, is_paid: bool = True, number: int = 1
) -> Bought:
    return Bought(f"b{number}", f"p{number}", price_minor, given_back_minor, is_paid)


def stay(
    *purchases: Bought,
    session_id: str = "s1",
    state: str = "active",
    from_min: int = 0,
    until_min: int = 60,
    plate: str = PLATE,
) -> StayTold:
    return StayTold(
        session_id=session_id,
        customer=ANN,
        plate=plate,
        zone_id=ZONE,
        state=state,
        starts_at=NOON + timedelta(minutes=from_min),
        ends_at=NOON + timedelta(minutes=until_min),
        currency="EUR",
        purchases=purchases or (bought(),),
        span=Span(1, 2),
    )


def journal(wishes: list[Wanted], stays: list[StayTold]) -> Journal:
    book = Journal()
    book.wanted += wishes
    book.stays = {one.session_id: one for one in stays}
    return book


def kinds(book: Journal) -> list[str]:
    return [violation.kind for violation in broken_charges(book)]


def test_a_stay_that_was_paid_once_breaks_nothing() -> None:
    book = journal([wanted()], [stay()])
    book.payments.append(PaymentTold("p1", ANN, 240, 0))
    assert kinds(book) == []


def test_a_stay_that_was_extended_is_two_payments() -> None:
    wishes = [wanted(), wanted("k2", agreed_minor=100, is_extension=True)]
    assert kinds(journal(wishes, [stay(bought(), bought(100, number=2))])) == []


@pytest.mark.parametrize(
    "purchases", [(bought(), bought(number=2)), (bought(), bought(1, number=2)), (bought(480),)]
)
def test_more_payments_or_more_money_than_wished_for_are_a_double_charge(
    purchases: tuple[Bought, ...],
) -> None:
    (found,) = broken_charges(journal([wanted()], [stay(*purchases)]))
    assert found.kind == "double_charge"
    assert "1 wishes of 240" in found.explanation


def test_two_stays_for_one_key_are_a_double_charge() -> None:
    book = journal([wanted("k1", "s1", "s2")], [stay()])
    assert kinds(book) == ["double_charge"]


def test_a_tap_that_is_answered_twice_with_the_same_stay_is_one() -> None:
    assert kinds(journal([wanted("k1", "s1", "s1")], [stay()])) == []


def test_two_paid_stays_of_one_plate_in_one_zone_at_a_time_are_a_double_charge() -> None:
    wishes = [wanted("k1", "s1"), wanted("k2", "s2")]
    other = stay(bought(number=2), session_id="s2", from_min=30, until_min=90)
    assert kinds(journal(wishes, [stay(), other])) == ["double_charge"]
    after = stay(bought(number=2), session_id="s2", from_min=60, until_min=90)
    assert kinds(journal(wishes, [stay(), after])) == []
    of_another_car = stay(bought(number=2), session_id="s2", from_min=30, plate="XYZ-1")
    assert kinds(journal(wishes, [stay(), of_another_car])) == []


def test_a_captured_payment_for_nothing_that_was_bought_is_a_double_charge_unless_it_went_back() -> None:
    book = journal([wanted()], [stay()])
    book.payments += [PaymentTold("p1", ANN, 240, 0), PaymentTold("p9", ANN, 240, 0)]
    assert kinds(book) == ["double_charge"]
    book.payments[1] = PaymentTold("p9", ANN, 240, 240)
    assert kinds(book) == []
    book.payments[1] = PaymentTold("p9", ANN, 0, 0)
    assert kinds(book) == []


def test_a_stay_that_runs_unpaid_is_reported() -> None:
    assert kinds(journal([wanted()], [stay(bought(is_paid=False))])) == ["unpaid_session"]


@pytest.mark.parametrize("state", ["pending", "dropped"])
def test_a_stay_that_does_not_run_may_be_unpaid(state: str) -> None:
    assert kinds(journal([wanted()], [stay(bought(is_paid=False), state=state)])) == []


def test_a_card_that_pays_nothing_begins_no_stay_whatever_the_server_says() -> None:
    assert kinds(journal([wanted(can_pay=False)], [stay()])) == ["unpaid_session"]


def test_parking_for_nothing_in_paid_hours_is_reported_and_in_free_ones_not() -> None:
    free = [stay(bought(0))]
    assert kinds(journal([wanted(agreed_minor=0)], free)) == ["unpaid_session"]
    assert kinds(journal([wanted(agreed_minor=0, must_cost=False)], free)) == []


def test_what_an_early_stop_gave_back_was_paid_all_the_same() -> None:
    assert kinds(journal([wanted()], [stay(bought(given_back_minor=100), state="ended")])) == []


# The books


def test_books_that_say_what_the_phones_were_told_are_right() -> None:
    book = journal([wanted()], [stay(bought(given_back_minor=40))])
    book.books = Books({"EUR": 0}, {"EUR": 200})
    assert list(broken_ledger(book)) == []


@pytest.mark.parametrize(
    ("books", "word"),
    [
        (Books({"EUR": 1}, {"EUR": 240}), "sum to 1"),
        (Books({"EUR": 0}, {"EUR": 480}), "took 480 EUR"),
        (Books({"EUR": 0}, {}), "took 0 EUR"),
        (Books({"EUR": 0}, {"EUR": 240, "SEK": 5}), "took 5 SEK"),
    ],
)
def test_books_that_do_not_balance_or_say_otherwise_are_reported(books: Books, word: str) -> None:
    book = journal([wanted()], [stay()])
    book.books = books
    (found,) = broken_ledger(book)
    assert found.kind == "ledger"
    assert word in found.explanation


def test_without_books_nothing_is_said_of_them() -> None:
    assert list(broken_ledger(journal([wanted()], [stay()]))) == []
