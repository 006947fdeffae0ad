"""Who is held out: the same people every time, as many as said, and one draw tells nothing of another."""

from uuid import UUID

import pytest

from offers.holdouts import held_out_of, lot
from offers.terms import Defaults
from tests.offers.invented import CUSTOMER, offer

PEOPLE = [UUID(int=n * 7919) for n in range(20_000)]


def out_of(percent: int, *, everything: int = 0, offer_id: int = 1, salt: str = "salt") -> list[bool]:
    defaults = Defaults(holdout_percent=everything, holdout_salt=salt)
    one = offer(offer_id=offer_id, holdout_percent=percent)
    return [held_out_of(one, customer, defaults)[0] is not None for customer in PEOPLE]


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_as_many_are_held_out_as_the_offer_says(percent: int) -> None:
    share = sum(out_of(percent)) / len(PEOPLE)
    assert abs(share - percent / 100) < 0.012


def test_the_same_people_are_drawn_every_time_and_more_percent_only_adds_some() -> None:
    few, more = out_of(10), out_of(20)
    assert few == out_of(10)
    assert all(more[n] for n, is_out in enumerate(few) if is_out)


def test_two_offers_and_two_salts_draw_apart() -> None:
    first = out_of(50)
    for other in (out_of(50, offer_id=2), out_of(50, salt="pepper")):
        both = sum(a and b for a, b in zip(first, other, strict=True)) / len(PEOPLE)
        assert abs(both - 0.25) < 0.015


def test_the_draw_for_everything_is_apart_from_each_offers() -> None:
    everything = out_of(0, everything=50)
    both = sum(a and b for a, b in zip(everything, out_of(50), strict=True)) / len(PEOPLE)
    assert abs(both - 0.25) < 0.015


def test_who_is_held_out_of_everything_is_told_so_before_the_offers_own_draw() -> None:
    defaults = Defaults(holdout_percent=50, holdout_salt="salt")
    who = next(customer for customer in PEOPLE if lot("salt", customer, None) < 5_000)
    drawn_for, rules = held_out_of(offer(holdout_percent=50), who, defaults)
    assert drawn_for == "everything"
    assert [(rule.passed, rule.numbers) for rule in rules] == [
        (False, {"drawn_for": "everything", "percent": 50})
    ]


def test_without_a_percentage_nobody_is_drawn() -> None:
    assert held_out_of(offer(), CUSTOMER, Defaults()) == (None, ())


def test_the_draws_that_were_survived_are_told() -> None:
    who = next(c for c in PEOPLE if lot("salt", c, None) >= 5_000 and lot("salt", c, 1) >= 5_000)
    defaults = Defaults(holdout_percent=50, holdout_salt="salt")
    drawn_for, rules = held_out_of(offer(holdout_percent=50), who, defaults)
    assert drawn_for is None
    assert [rule.passed for rule in rules] == [True, True]
