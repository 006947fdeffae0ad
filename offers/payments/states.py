"""The states of a payment and of a refund, and which may follow which. Pure.

    requested ──▶ authorised ──▶ captured ──▶ partially_refunded ──▶ refunded
       │  ▲           ▲              └───────────────────────────────▶ ▲
       │  └ (asked)   │
       ├──▶ requires_action ──▶ declined, cancelled
       └──▶ declined, cancelled             authorised ──▶ cancelled

Owns no rows: `offers.payments.cashier` writes them, guarded by `before`. The names are those of the API.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from geo.errors import Conflict

State: TypeAlias = Literal[
    "requested",
    "requires_action",
    "authorised",
    "captured",
    "partially_refunded",
    "refunded",
    "declined",
    "cancelled",
]
RefundState: TypeAlias = Literal["requested", "refunded", "failed"]

MOVES: Final[Mapping[State, frozenset[State]]] = {
    "requested": frozenset({"requires_action", "authorised", "declined", "cancelled"}),
    "requires_action": frozenset({"authorised", "declined", "cancelled"}),
    # An authorisation may lapse, or the card be closed, before it is captured.
    "authorised": frozenset({"captured", "declined", "cancelled"}),
    "captured": frozenset({"partially_refunded", "refunded"}),
    "partially_refunded": frozenset({"partially_refunded", "refunded"}),
    "refunded": frozenset(),
    "declined": frozenset(),
    "cancelled": frozenset(),
}
UNSETTLED: Final[frozenset[State]] = frozenset({"requested", "requires_action", "authorised"})
PAID: Final[frozenset[State]] = frozenset({"captured", "partially_refunded"})


class IllegalMove(Conflict):
    """The payment is in a state from which it cannot go there."""

    code = "payment_state"


def move(state: State, to: State) -> State:
    """`to`. Raises IllegalMove where it does not follow `state`."""
    if to not in MOVES[state]:
        raise IllegalMove(f"A payment that is {state} cannot become {to}.")
    return to


def before(to: State) -> list[State]:
    """From which states `to` may be reached: the guard of the UPDATE that writes it."""
    return [state for state, nexts in MOVES.items() if to in nexts]


def path(state: State, to: State) -> list[State]:
    """The states to go through, `to` the last. What was captured was authorised, though nobody saw it."""
    if to == "captured" and state in {"requested", "requires_action"}:
        return ["authorised", move("authorised", to)]
    return [move(state, to)]


def is_settled(state: State) -> bool:
    """Whether nothing more happens to it by itself."""
    return state not in UNSETTLED


def after_refund(captured_minor: int, refunded_minor: int) -> State:
    """The state once so much in all has gone back. Raises IllegalMove for nothing, or too much."""
    if not 0 < refunded_minor <= captured_minor:
        raise IllegalMove(f"{refunded_minor} of {captured_minor} cannot have been refunded.")
    return "refunded" if refunded_minor == captured_minor else "partially_refunded"
