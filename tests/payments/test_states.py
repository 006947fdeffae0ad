"""The states of a payment: what may follow what, and nothing else."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from geo.errors import Conflict
from offers.payments.states import (
    MOVES,
    UNSETTLED,
    IllegalMove,
    State,
    after_refund,
    before,
    is_settled,
    move,
    path,
)

STATES: tuple[State, ...] = get_args(State)
LEGAL = {
    ("requested", "requires_action"),
    ("requested", "authorised"),
    ("requested", "declined"),
    ("requested", "cancelled"),
    ("requires_action", "authorised"),
    ("requires_action", "declined"),
    ("requires_action", "cancelled"),
    ("authorised", "captured"),
    ("authorised", "declined"),
    ("authorised", "cancelled"),
    ("captured", "partially_refunded"),
    ("captured", "refunded"),
    ("partially_refunded", "partially_refunded"),
    ("partially_refunded", "refunded"),
}


@pytest.mark.parametrize(("state", "to"), list(itertools.product(STATES, STATES)))
def test_every_move_is_legal_or_refused(state: State, to: State) -> None:
    if (state, to) in LEGAL:
        assert move(state, to) == to
        assert state in before(to)
    else:
        with pytest.raises(IllegalMove) as refused:
            move(state, to)
        assert isinstance(refused.value, Conflict)
        assert refused.value.code == "payment_state"
        assert state not in before(to)


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(STATES)


def test_money_that_was_taken_never_looks_as_if_it_was_not() -> None:
    """From captured on, no way leads back to a state without money."""
    seen, open_ = set(), ["captured"]
    while open_:
        state = open_.pop()
        seen.add(state)
        open_ += [to for to in MOVES[state] if to not in seen]
    assert seen == {"captured", "partially_refunded", "refunded"}


def test_what_is_not_on_its_way_is_settled() -> None:
    assert {state for state in STATES if not is_settled(state)} == UNSETTLED


@pytest.mark.parametrize("state", ["requested", "requires_action"])
def test_what_was_captured_unseen_was_authorised_first(state: State) -> None:
    assert path(state, "captured") == ["authorised", "captured"]


def test_other_ways_have_one_step() -> None:
    assert path("authorised", "captured") == ["captured"]
    assert path("requested", "declined") == ["declined"]
    with pytest.raises(IllegalMove):
        path("declined", "captured")


@pytest.mark.parametrize(
    ("refunded_minor", "state"), [(1, "partially_refunded"), (239, "partially_refunded"), (240, "refunded")]
)
def test_a_refund_is_partial_until_nothing_is_left(refunded_minor: int, state: State) -> None:
    assert after_refund(240, refunded_minor) == state


@pytest.mark.parametrize("refunded_minor", [0, -1, 241])
def test_nothing_and_too_much_are_no_refund(refunded_minor: int) -> None:
    with pytest.raises(IllegalMove):
        after_refund(240, refunded_minor)
