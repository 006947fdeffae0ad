"""The rules of a stay, and a property: what was paid is the price of the time that was bought or used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import AlentourError, Conflict, InvalidInput
from offers.parking import stays
from offers.parking.stays import Earlier, Purchase, Quoted, Stay

TEN = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
PER_STARTED_TEN_MINUTES = 50


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


def price_of(minutes: float) -> int:
    return PER_STARTED_TEN_MINUTES * -(-int(minutes) // 10)


def purchase(until_min: float, price_minor: int, **more: Any) -> Purchase:
    until = at(until_min)
    said = {"covered_until": until, "state": "pending", "asked_at": TEN, "payment_id": uuid4()} | more
    return Purchase(purchase_id=uuid4(), until=until, price_minor=price_minor, **said)


def begun(until_min: float = 60, price_minor: int = 300, remind_s: int | None = 600) -> Stay:
    return stays.begun(purchase(until_min, price_minor), TEN, remind_s=remind_s, now=TEN)


def running(until_min: float = 60, price_minor: int = 300, remind_s: int | None = 600) -> Stay:
    stay = begun(until_min, price_minor, remind_s)
    return stays.paid(stay, stay.purchases[0].purchase_id, TEN)[0]


def code_of(error: pytest.ExceptionInfo[AlentourError]) -> str:
    return error.value.code


def test_a_stay_waits_for_its_payment_and_runs_when_it_came() -> None:
    stay = begun()
    assert (stay.state, stay.price_minor) == ("pending", 0)
    stay, back = stays.paid(stay, stay.purchases[0].purchase_id, at(1))
    assert (stay.state, stay.price_minor, stay.ends_at, back) == ("active", 300, at(60), None)


def test_a_free_stay_runs_at_once() -> None:
    assert begun(price_minor=0).state == "active"


def test_a_decline_leaves_no_stay() -> None:
    stay = begun()
    dropped = stays.failed(stay, stay.purchases[0].purchase_id)
    assert (dropped.state, dropped.price_minor) == ("dropped", 0)
    with pytest.raises(Conflict) as error:
        stays.stopped(dropped, at(5), None)
    assert code_of(error) == "stay_ended"


def test_money_for_a_stay_that_is_over_before_it_was_paid_goes_back() -> None:
    stay = begun()
    late, back = stays.paid(stay, stay.purchases[0].purchase_id, at(61))
    assert late.state == "dropped"
    assert back == stay.purchases[0]
    assert late.purchases[0].given_back_minor == 300


def test_a_second_word_about_a_payment_changes_nothing() -> None:
    stay = running()
    assert stays.paid(stay, stay.purchases[0].purchase_id, at(2)) == (stay, None)
    assert stays.failed(stay, stay.purchases[0].purchase_id) == stay
    assert stays.paid(begun(), UUID(int=0), at(2))[1] is None


def test_a_quote_is_used_once_in_time_and_with_a_plate() -> None:
    good = Quoted(expires_at=at(10), has_plate=True, used_by=None)
    stays.check_quote(good, at(9.9))
    for bad, now, code in (
        (Quoted(expires_at=at(10), has_plate=True, used_by=uuid4()), at(1), "quote_used"),
        (good, at(10), "quote_expired"),
        (Quoted(expires_at=at(10), has_plate=False, used_by=None), at(1), "quote_without_plate"),
    ):
        with pytest.raises(Conflict) as error:
            stays.check_quote(bad, now)
        assert code_of(error) == code


@pytest.mark.parametrize("start_min", [-1.1, 7 * 24 * 60 + 1])
def test_a_stay_begins_neither_in_the_past_nor_far_ahead(start_min: float) -> None:
    stays.check_start(at(-1), TEN)
    stays.check_start(at(7 * 24 * 60), TEN)
    with pytest.raises(InvalidInput) as error:
        stays.check_start(at(start_min), TEN)
    assert error.value.faults[0].field == "start"


def test_a_plate_that_left_lately_may_not_be_back_yet() -> None:
    def after_an_hour(ended_at: datetime) -> datetime:
        return ended_at + timedelta(hours=1)

    left = [Earlier(at(-300), at(-200)), Earlier(at(-90), at(-30))]
    stays.check_no_return(left, at(30), after_an_hour)
    stays.check_no_return([Earlier(at(50), at(60))], TEN, after_an_hour)  # booked for later
    stays.check_no_return([], TEN, after_an_hour)
    with pytest.raises(Conflict, match="2026-07-01T10:30:00Z") as error:
        stays.check_no_return(left, at(29), after_an_hour)
    assert code_of(error) == "no_return"


def test_an_extension_is_a_second_purchase_and_counts_when_it_is_paid() -> None:
    stay = running()
    stays.check_extendable(stay, at(90), at(30))
    asked = stays.extended(stay, purchase(90, 150), at(30))
    assert (asked.ends_at, asked.price_minor) == (at(60), 300)
    longer, back = stays.paid(asked, asked.purchases[1].purchase_id, at(31))
    assert (longer.ends_at, longer.price_minor, back) == (at(90), 450, None)
    assert stays.failed(asked, asked.purchases[1].purchase_id).ends_at == at(60)
    assert stays.extended(stay, purchase(90, 0), at(30)).ends_at == at(90)


def test_what_cannot_be_made_longer_says_why() -> None:
    stay = running()
    under_way = stays.extended(stay, purchase(90, 150), at(30))
    ended = stays.expired(stay, at(60))
    for one, until, now, code in (
        (begun(), at(90), at(1), "payment_pending"),
        (under_way, at(95), at(31), "payment_pending"),
        (ended, at(90), at(61), "stay_ended"),
        (stay, at(90), at(60), "stay_ended"),
        (stay, at(60), at(30), "invalid_input"),
    ):
        with pytest.raises(AlentourError) as error:
            stays.check_extendable(one, until, now)
        assert code_of(error) == code


def test_a_stop_gives_back_the_newest_payment_first() -> None:
    stay = stays.extended(running(), purchase(90, 150), at(30))
    stay, _ = stays.paid(stay, stay.purchases[1].purchase_id, at(30))
    ended, refunds = stays.stopped(stay, at(35), 200)
    assert [(one.purchase.price_minor, one.amount_minor) for one in refunds] == [(150, 150), (300, 100)]
    assert (ended.state, ended.ended_because, ended.ended_at) == ("ended", "stopped", at(35))
    assert (ended.price_minor, ended.given_back_minor, ended.covered_until) == (450, 250, at(35))


def test_what_the_operator_gave_back_is_not_given_back_again() -> None:
    stay = running()
    first = stay.purchases[0].purchase_id
    stay = stays.given_back(stays.given_back(stay, first, 250), first, 100)
    assert stay.given_back_minor == 250
    ended, refunds = stays.stopped(stay, at(5), 20)
    assert [one.amount_minor for one in refunds] == [30]
    assert ended.given_back_minor == 280
    assert stays.given_back(stay, UUID(int=0), 100) == stay
    assert stays.given_back(stay, first, 999).given_back_minor == 300


def test_a_stop_gives_nothing_back_where_the_zone_does_not() -> None:
    ended, refunds = stays.stopped(running(), at(5), None)
    assert (refunds, ended.given_back_minor, ended.covered_until) == ([], 0, at(60))
    assert stays.stopped(running(), at(59), 999)[1] == []


def test_a_stay_is_stopped_once() -> None:
    ended, _ = stays.stopped(running(), at(5), None)
    with pytest.raises(Conflict, match="10:05") as error:
        stays.stopped(ended, at(6), None)
    assert code_of(error) == "stay_ended"
    assert stays.expired(ended, at(61)) == ended


def test_an_extension_paid_after_the_stop_goes_back_in_full() -> None:
    asked = stays.extended(running(), purchase(90, 150), at(30))
    ended, _ = stays.stopped(asked, at(31), 200)
    late, back = stays.paid(ended, asked.purchases[1].purchase_id, at(32))
    assert back == asked.purchases[1]
    assert (late.state, late.price_minor, late.ends_at) == ("ended", 300, at(60))
    assert stays.failed(ended, asked.purchases[1].purchase_id).state == "ended"


def test_a_stay_waits_at_its_end_for_an_extension_under_way() -> None:
    asked = stays.extended(running(), purchase(90, 150), at(59))
    assert stays.expired(asked, at(61)) == asked
    assert stays.next_due(asked, at(61)) == at(61) + stays.LOOK_AGAIN
    longer, _ = stays.paid(asked, asked.purchases[1].purchase_id, at(61))
    assert (longer.state, longer.ends_at) == ("active", at(90))
    stopped, _ = stays.stopped(asked, at(62), None)
    assert stopped.ended_at == at(60)
    stay = running()
    assert stays.expired(stay, at(59)) == stay


def test_a_driver_is_reminded_once_of_each_end() -> None:
    stay = running()
    assert stays.next_due(stay, at(1)) == at(50)
    assert not stays.reminder_due(stay, at(49.9))
    assert stays.reminder_due(stay, at(50))
    assert not stays.reminder_due(stay, at(60))
    told = stays.reminded(stay)
    assert not stays.reminder_due(told, at(51))
    assert stays.next_due(told, at(51)) == at(60)
    longer = stays.extended(told, purchase(90, 0), at(52))
    assert stays.next_due(longer, at(52)) == at(80)
    assert stays.next_due(running(remind_s=None), at(1)) == at(60)
    assert stays.next_due(running(until_min=10), at(1)) == at(10)  # it would come before the stay
    assert stays.next_due(stays.expired(told, at(60)), at(61)) is None


# The property: random lives against a slow model -------------------------------------------------------


class SlowModel:
    """Pays minute by minute: every minute that was bought is a coin in a box, its price found afterwards."""

    def __init__(self) -> None:
        self.minutes: set[int] = set()
        self.waiting: set[int] | None = None
        self.is_over = False
        self.began = False

    def asks(self, until_min: int) -> None:
        self.waiting = {minute for minute in range(until_min) if minute not in self.minutes}

    def pays(self, now_min: int) -> None:
        assert self.waiting is not None
        if not self.is_over:
            if not self.began and now_min >= max(self.waiting) + 1:
                self.is_over = True
            else:
                self.minutes |= self.waiting
                self.began = True
        self.waiting = None

    def fails(self) -> None:
        self.waiting = None
        self.is_over = self.is_over or not self.began

    def stops(self, now_min: int, *, gives_back: bool) -> None:
        if gives_back:
            self.minutes = {minute for minute in self.minutes if minute < now_min}
        self.is_over = True

    def expires(self, now_min: int) -> None:
        if self.began and self.waiting is None and now_min >= len(self.minutes):
            self.is_over = True

    @property
    def owes(self) -> int:
        return price_of(len(self.minutes))


MOVES = st.lists(
    st.tuples(st.sampled_from(["extend", "pay", "fail", "stop", "expire"]), st.integers(1, 40)), max_size=14
)


@given(first=st.integers(1, 60), moves=MOVES, gives_back=st.booleans())
def test_what_is_kept_is_the_price_of_the_stay_whatever_happens(
    first: int, moves: list[tuple[str, int]], gives_back: bool
) -> None:
    model, now = SlowModel(), 0
    stay = begun(first, price_of(first))
    model.asks(first)
    for move, minutes in moves:
        now += minutes
        before = stay
        try:
            stay = _moved(stay, model, move, now, gives_back)
        except AlentourError:
            assert stay == before
        assert stay.price_minor - stay.given_back_minor == model.owes
        assert (stay.state in {"ended", "dropped"}) == model.is_over
        assert all(0 <= one.given_back_minor <= one.price_minor for one in stay.purchases)
        assert len([one for one in stay.purchases if one.state == "pending"]) == (model.waiting is not None)


def _moved(stay: Stay, model: SlowModel, move: str, now: int, gives_back: bool) -> Stay:
    waiting = stay.pending
    match move:
        case "extend":
            until = int((stay.ends_at - TEN).total_seconds()) // 60 + 15
            stays.check_extendable(stay, at(until), at(now))
            more = price_of(until) - stay.price_minor
            model.asks(until)
            extended = stays.extended(stay, purchase(until, more), at(now))
            if more == 0:
                model.pays(now)
            return extended
        case "pay" if waiting is not None:
            paid, back = stays.paid(stay, waiting.purchase_id, at(now))
            model.pays(now)
            assert (back is not None) == (stay.state == "ended" or paid.state == "dropped")
            return paid
        case "fail" if waiting is not None:
            model.fails()
            return stays.failed(stay, waiting.purchase_id)
        case "stop":
            used = min(now, int((stay.ends_at - TEN).total_seconds()) // 60)
            stopped, refunds = stays.stopped(stay, at(now), price_of(used) if gives_back else None)
            model.stops(now, gives_back=gives_back)
            assert sum(one.amount_minor for one in refunds) == stopped.given_back_minor
            return stopped
        case "expire":
            model.expires(now)
            return stays.expired(stay, at(now))
    return stay
