"""A stay in a zone as rules: how it begins with a payment, grows, ends early or in time, what is given back.

Pure. One stay is a state (`pending` until its first payment is made, `active`, then `ended`, or `dropped`
where that payment failed) and the purchases it is made of. What one costs is `offers.parking.tariffs`',
whether money came is the payments', writing it all down is `offers.parking.sessions`'.

Nothing here is decided twice: a purchase leaves `pending` once, and a stay that has ended takes no more
money: what comes in for it late is given back.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from geo.errors import Conflict, Fault, InvalidInput
from geo.wall_clock import rfc3339

State = Literal["pending", "active", "ended", "dropped"]
Ending = Literal["stopped", "expired"]
PurchaseState = Literal["pending", "paid", "failed", "given_back"]

# A quote's price holds for so long; a stay begins when its quote says, at most that long ago.
QUOTE_HOLDS: Final = timedelta(minutes=10)
# A phone's clock is not ours.
CLOCKS_DIFFER: Final = timedelta(minutes=1)
MOST_AHEAD: Final = timedelta(days=7)
# Who is asked by the bank to prove who they are has so long to do it.
PROVE_WITHIN: Final = timedelta(minutes=15)
LOOK_AGAIN: Final = timedelta(seconds=30)


class Quoted(msgspec.Struct, frozen=True, kw_only=True):
    """What of a quote decides whether a stay may begin with it."""

    expires_at: datetime
    has_plate: bool
    used_by: UUID | None


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """One payment's part of a stay: it lasts until `until`, for `price_minor` more than before."""

    purchase_id: UUID
    until: datetime
    covered_until: datetime
    price_minor: int
    state: PurchaseState
    asked_at: datetime
    payment_id: UUID | None = None
    given_back_minor: int = 0


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """A stay and its purchases, oldest first. `ends_at` is what was bought until now.

    Until `covered_until`, `ends_at` the earliest, nothing more would have had to be paid. `remind_s` before
    its end the driver is reminded (None: never), once of each end: `reminded_of` is the last.
    """

    state: State
    starts_at: datetime
    ends_at: datetime
    covered_until: datetime
    purchases: tuple[Purchase, ...]
    ended_at: datetime | None = None
    ended_because: Ending | None = None
    remind_s: int | None = None
    reminded_of: datetime | None = None

    @property
    def pending(self) -> Purchase | None:
        """The purchase whose payment is not decided; there is one at most."""
        return next((one for one in self.purchases if one.state == "pending"), None)

    @property
    def paid(self) -> tuple[Purchase, ...]:
        """Those that the stay is made of, oldest first."""
        return tuple(one for one in self.purchases if one.state == "paid")

    @property
    def price_minor(self) -> int:
        """What was paid for the stay, before anything was given back."""
        return sum(one.price_minor for one in self.paid)

    @property
    def given_back_minor(self) -> int:
        """Of that, what was given back."""
        return sum(one.given_back_minor for one in self.paid)


class Refund(NamedTuple):
    """So much of one purchase is given back."""

    purchase: Purchase
    amount_minor: int


class Earlier(NamedTuple):
    """Another stay of the same plate in the same zone."""

    starts_at: datetime
    ended_at: datetime


def check_quote(quote: Quoted, now: datetime) -> None:
    """Raise Conflict where no stay begins with it: `quote_used`, `quote_expired`, `quote_without_plate`."""
    if quote.used_by is not None:
        raise Conflict("This quote was used already; ask for another.", code="quote_used")
    if now >= quote.expires_at:
        detail = f"This quote held until {rfc3339(quote.expires_at)}; ask for another."
        raise Conflict(detail, code="quote_expired")
    if not quote.has_plate:
        raise Conflict("This quote names no plate; ask for one that does.", code="quote_without_plate")


def check_start(starts_at: datetime, now: datetime) -> None:
    """Raise InvalidInput (`start`) for a stay that would begin in the past, or too far ahead."""
    if starts_at < now - CLOCKS_DIFFER:
        reason = "must not be in the past"
    elif starts_at > now + MOST_AHEAD:
        reason = f"must be within {MOST_AHEAD.days} days"
    else:
        return
    raise InvalidInput(f"start {reason}.", faults=(Fault("start", reason),))


def check_no_return(
    earlier: Iterable[Earlier], starts_at: datetime, may_return_at: Callable[[datetime], datetime]
) -> None:
    """Raise Conflict `no_return` where this plate left the zone so lately that it may not be back yet."""
    waits = [may_return_at(one.ended_at) for one in earlier if one.ended_at <= starts_at]
    if waits and (back_at := max(waits)) > starts_at:
        raise Conflict(f"This plate may park here again from {rfc3339(back_at)}.", code="no_return")


def begun(purchase: Purchase, starts_at: datetime, *, remind_s: int | None, now: datetime) -> Stay:
    """A stay with its first purchase; `active` at once where there is nothing to pay."""
    stay = Stay(
        state="pending",
        starts_at=starts_at,
        ends_at=purchase.until,
        covered_until=purchase.covered_until,
        purchases=(purchase,),
        remind_s=remind_s,
    )
    return paid(stay, purchase.purchase_id, now)[0] if purchase.price_minor == 0 else stay


def check_extendable(stay: Stay, until: datetime, now: datetime) -> None:
    """Raise Conflict where the stay cannot be made longer now, InvalidInput (`until`) for no later end."""
    _check_running(stay, now)
    if stay.pending is not None:
        raise Conflict("A payment of this stay is under way; wait for its outcome.", code="payment_pending")
    if until <= stay.ends_at:
        reason = f"must be after {rfc3339(stay.ends_at)}, when the stay ends"
        raise InvalidInput(f"until {reason}.", faults=(Fault("until", reason),))


def extended(stay: Stay, purchase: Purchase, now: datetime) -> Stay:
    """With another purchase; longer at once where there is nothing to pay."""
    longer = msgspec.structs.replace(stay, purchases=(*stay.purchases, purchase))
    return paid(longer, purchase.purchase_id, now)[0] if purchase.price_minor == 0 else longer


def stopped(stay: Stay, now: datetime, worth_minor: int | None) -> tuple[Stay, list[Refund]]:
    """Ended now. `worth_minor`: what the time until now costs, where only that is to be paid.

    A payment still under way is given back when it comes in. Raises Conflict where the stay is not running.
    """
    _check_running(stay, now)
    kept_minor = stay.price_minor - stay.given_back_minor
    unused_minor = 0 if worth_minor is None else max(0, kept_minor - worth_minor)
    refunds = _refunds(stay.paid, unused_minor)
    back = {refund.purchase.purchase_id: refund.amount_minor for refund in refunds}
    purchases = tuple(
        msgspec.structs.replace(one, given_back_minor=one.given_back_minor + back.get(one.purchase_id, 0))
        for one in stay.purchases
    )
    ended_at = min(max(now, stay.starts_at), stay.ends_at)
    ended = msgspec.structs.replace(
        stay,
        state="ended",
        ended_at=ended_at,
        ended_because="stopped",
        covered_until=ended_at if refunds else stay.covered_until,
        purchases=purchases,
    )
    return ended, refunds


def expired(stay: Stay, now: datetime) -> Stay:
    """Ended in time; unchanged while it runs, has ended, or a payment for more is under way."""
    if stay.state != "active" or now < stay.ends_at or stay.pending is not None:
        return stay
    return msgspec.structs.replace(stay, state="ended", ended_at=stay.ends_at, ended_because="expired")


def paid(stay: Stay, purchase_id: UUID, now: datetime) -> tuple[Stay, Purchase | None]:
    """The purchase's money is here. The second is the purchase to be given back: its stay has ended.

    `now` is when it came. A purchase that was decided before changes nothing.
    """
    purchase = stay.pending
    if purchase is None or purchase.purchase_id != purchase_id:
        return stay, None
    if stay.state in {"ended", "dropped"}:
        return _decided(stay, purchase, "given_back"), purchase
    if stay.state == "pending" and now >= purchase.until:  # over before it was paid
        given_back = _decided(stay, purchase, "given_back")
        return msgspec.structs.replace(given_back, state="dropped"), purchase
    longer = _decided(stay, purchase, "paid")
    return (
        msgspec.structs.replace(
            longer, state="active", ends_at=purchase.until, covered_until=purchase.covered_until
        ),
        None,
    )


def failed(stay: Stay, purchase_id: UUID) -> Stay:
    """No money: an extension is forgotten, a stay that would have begun is dropped."""
    purchase = stay.pending
    if purchase is None or purchase.purchase_id != purchase_id:
        return stay
    state: State = "dropped" if stay.state == "pending" else stay.state
    return msgspec.structs.replace(_decided(stay, purchase, "failed"), state=state)


def given_back(stay: Stay, purchase_id: UUID, amount_minor: int) -> Stay:
    """So much of a purchase has gone back in all, by whomever it was given: never less than before."""
    purchases = tuple(
        msgspec.structs.replace(
            one, given_back_minor=max(one.given_back_minor, min(amount_minor, one.price_minor))
        )
        if one.purchase_id == purchase_id and one.state == "paid"
        else one
        for one in stay.purchases
    )
    return msgspec.structs.replace(stay, purchases=purchases)


def reminder_due(stay: Stay, now: datetime) -> bool:
    """Whether its driver is to be reminded now that it ends."""
    at = _reminder_at(stay)
    return at is not None and at <= now < stay.ends_at


def reminded(stay: Stay) -> Stay:
    return msgspec.structs.replace(stay, reminded_of=stay.ends_at)


def next_due(stay: Stay, now: datetime) -> datetime | None:
    """When to look at this stay again by itself; None: never."""
    if stay.state == "active":
        if now >= stay.ends_at:  # waits for a payment
            return now + LOOK_AGAIN
        at = _reminder_at(stay)
        return stay.ends_at if at is None else at
    return None


def _reminder_at(stay: Stay) -> datetime | None:
    """None where it was given, is not wanted, or would come before the stay has begun."""
    if stay.state != "active" or stay.remind_s is None or stay.reminded_of == stay.ends_at:
        return None
    at = stay.ends_at - timedelta(seconds=stay.remind_s)
    return at if at > stay.starts_at else None


def _check_running(stay: Stay, now: datetime) -> None:
    if stay.state == "pending":
        raise Conflict("This stay is not paid yet.", code="payment_pending")
    if stay.state == "dropped":
        raise Conflict("This stay never began: its payment failed.", code="stay_ended")
    if stay.state == "ended" or (now >= stay.ends_at and stay.pending is None):
        ended_at = stay.ended_at or stay.ends_at
        raise Conflict(f"This stay ended at {rfc3339(ended_at)}.", code="stay_ended")


def _refunds(purchases: Sequence[Purchase], amount_minor: int) -> list[Refund]:
    """The amount spread over what was paid, the newest first."""
    refunds = []
    for purchase in reversed(purchases):
        if part := min(amount_minor, purchase.price_minor - purchase.given_back_minor):
            refunds.append(Refund(purchase, part))
            amount_minor -= part
    return refunds


def _decided(stay: Stay, purchase: Purchase, state: PurchaseState) -> Stay:
    back = purchase.price_minor if state == "given_back" else 0
    decided = msgspec.structs.replace(purchase, state=state, given_back_minor=back)
    purchases = tuple(decided if one is purchase else one for one in stay.purchases)
    return msgspec.structs.replace(stay, purchases=purchases)
