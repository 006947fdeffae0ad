"""Servers that break one promise each, for the recount to catch. There is no such switch in production.

Granian calls these as application factories, in the worker process.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from api import app
from api.app import create_app
from api.fixes import FixesRoute
from geo.vehicles import CarEvent
from offers import eligibility
from offers.engine import deciding, following, loading, snapshot
from offers.engine.leases import Leases
from offers.handing import redemption
from offers.parking import stays
from offers.parking.cashing import CashierMoney
from offers.payments import cashier
from offers.people import decisions, erasure
from offers.terms import Reason

STAMP = re.compile(rb'(?<="decided_at":")\d{4}-\d\d-\d\d')


def unbroken() -> FixesRoute:
    return create_app()


def without_consent() -> FixesRoute:
    return _without(eligibility._consented)


def without_caps() -> FixesRoute:
    return _without(eligibility._within_caps)


def without_quiet_hours() -> FixesRoute:
    return _without(eligibility._not_quiet)


def without_budget() -> FixesRoute:
    """A lease, once taken, is never used up. (One that does not exist would be refused by the database.)"""

    def another_unit(leases: Leases, offer_id: int, now: datetime) -> UUID | None:
        lease = leases._usable(offer_id, now)
        return None if lease is None else lease.lease_id

    Leases.take = another_unit  # type: ignore[method-assign]  # that is the mutation
    return create_app()


def without_stock() -> FixesRoute:
    async def always_left(_connection: asyncpg.Connection, _offer_id: int) -> None: ...

    assert redemption._take_stock, "the mutant would change nothing"
    redemption._take_stock = always_left
    return create_app()


def without_re_eligibility() -> FixesRoute:
    """Nor the limits that would hide it."""
    _without(eligibility._within_caps)
    _without(eligibility._within_customer_limit)
    return _without(eligibility._eligible_again)


def without_waiting_for_the_end() -> FixesRoute:
    """Every offer is held in quiet hours, whatever it says, and let go a minute later, quiet or not."""

    def put_off(q: Any, failed: Any, rules: Any) -> Any:
        decision = judged(q, failed, rules)
        if failed.name is not Reason.QUIET_HOURS:
            return decision
        until = q.now + timedelta(minutes=1)
        return msgspec.structs.replace(decision, reason=Reason.HELD, hold_until=until)

    def once_only(q: Any) -> Any:
        return () if q.was_held else asked(q)

    judged, asked = eligibility._failed, eligibility._not_quiet
    eligibility._failed = put_off
    eligibility.RULES = tuple(once_only if rule is asked else rule for rule in eligibility.RULES)  # type: ignore[misc]
    return create_app()


def without_staying_held_out() -> FixesRoute:
    """Whoever is held out is noted, and given the offer all the same."""
    hold_out = deciding.Decider._hold_out

    def and_give(decider: Any, occasion: Any, decision: Any, drawn_for: Any, rules: Any) -> None:
        hold_out(decider, occasion, decision, drawn_for, rules)
        if not decision.offer.is_limited:
            decider._deliver(occasion, decision.offer, rules)

    deciding.Decider._hold_out = and_give  # type: ignore[method-assign]  # that is the mutation
    return create_app()


def without_retrigger_times() -> FixesRoute:
    rules_of = snapshot.FenceRules

    def at_once(**said: Any) -> Any:
        return rules_of(**{**said, "retrigger_s": 0.0})

    snapshot.FenceRules = at_once  # type: ignore[misc,assignment]  # that is the mutation
    return create_app()


def without_minors() -> FixesRoute:
    """Everybody is taken for an adult; the database's own floor is taken away, too."""

    def always(*_: Any) -> bool:
        return True

    async def without_floor(connection: asyncpg.Connection, mode: Any) -> None:
        for name in ("minors_consent_to_nothing", "marketing_is_for_adults"):
            await connection.execute(f"ALTER TABLE customers DROP CONSTRAINT IF EXISTS {name}")
        await settled(connection, mode)

    decisions.may_grant = always
    settled, app.settle_mode = app.settle_mode, without_floor
    return _without(eligibility._of_age)


def without_erasure() -> FixesRoute:
    """Says that everything is erased, and erases nothing."""

    async def later(_connection: Any, _reach: Any, _key: Any, now: Any) -> Any:
        return erasure.Erased(erased_at=now, consents_proven=0, redemptions_proven=0)

    assert erasure.erase_held, "the mutant would change nothing"
    erasure.erase_held = later
    return create_app()


def charging_twice() -> FixesRoute:
    """Every purchase asks for its money two times, under two operations; the second is kept as well."""
    begin, settle = CashierMoney.begin, CashierMoney.settle
    seconds: dict[UUID, UUID] = {}

    async def twice(money: Any, connection: Any, key: Any, due: Any, now: Any) -> UUID:
        first = await begin(money, connection, key, due, now)
        again = msgspec.structs.replace(due, operation_id=uuid4())
        seconds[first] = await begin(money, connection, key, again, now)
        return first

    async def both(money: Any, key: Any, payment_id: UUID) -> None:
        await settle(money, key, payment_id)
        if payment_id in seconds:
            await settle(money, key, seconds[payment_id])

    CashierMoney.begin, CashierMoney.settle = twice, both  # type: ignore[method-assign]  # the mutation
    return create_app()


def parking_for_nothing() -> FixesRoute:
    """A declined payment is taken for one that was made."""

    def all_the_same(stay: Any, purchase_id: Any) -> Any:
        return stays.paid(stay, purchase_id, stay.starts_at)[0]

    assert stays.failed, "the mutant would change nothing"
    stays.failed = all_the_same
    return create_app()


def without_books() -> FixesRoute:
    """Money that comes in is not written down."""

    async def nowhere(*_: Any) -> None: ...

    assert cashier.post_capture, "the mutant would change nothing"
    cashier.post_capture = nowhere  # type: ignore[assignment]  # that is the mutation
    return create_app()


def asking_everybody() -> FixesRoute:
    """Whoever may be followed for offers is taken for a driver who stops at every fix."""

    def stopped(_vehicle: Any, _before: Any, fix: Any) -> Any:
        return None, CarEvent("stopped", fix.at, fix.lat, fix.lon, fix.accuracy_m)

    assert following.drive, "the mutant would change nothing"
    following.drive = stopped
    loading._FOR_PARKING |= loading._FOR_OFFERS  # type: ignore[misc]  # that is the mutation
    return create_app()


def without_rules_and_a_day_early() -> Callable[..., Awaitable[None]]:
    """Neither consent nor caps nor quiet hours, and every delivery says that it is of yesterday."""
    _without(eligibility._consented)
    _without(eligibility._within_caps)
    honest = _without(eligibility._not_quiet)

    async def a_day_early(scope: Any, receive: Any, send: Any) -> None:
        async def send_backdated(message: Any) -> None:
            if body := message.get("body"):
                message = {**message, "body": STAMP.sub(_the_day_before, body)}
            await send(message)

        await honest(scope, receive, send_backdated)

    return a_day_early


def _the_day_before(stamp: re.Match[bytes]) -> bytes:
    return (date.fromisoformat(stamp[0].decode()) - timedelta(days=1)).isoformat().encode()


def _without(rule: Callable[..., Any]) -> FixesRoute:
    assert rule in eligibility.RULES, "the mutant would change nothing"
    eligibility.RULES = tuple(other for other in eligibility.RULES if other is not rule)  # type: ignore[misc]
    return create_app()
