"""Servers that break one promise each, for the recount to catch. There is no such switch in production.

Granian calls these as application factories, in the worker process.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from api.app import create_app
from api.fixes import FixesRoute
from offers import eligibility
from offers.engine.leases import Leases
from offers.handing import redemption

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


def without_rules_and_a_day_early() -> Callable[..., Awaitable[None]]:
    """Neither consent nor caps nor quiet hours, and every delivery says that it is of yesterday."""
    _without(eligibility._consented)
    _without(eligibility._within_caps)
    app = _without(eligibility._not_quiet)

    async def a_day_early(scope: Any, receive: Any, send: Any) -> None:
        async def send_backdated(message: Any) -> None:
            if body := message.get("body"):
                message = {**message, "body": STAMP.sub(_the_day_before, body)}
            await send(message)

        await app(scope, receive, send_backdated)

    return a_day_early


def _the_day_before(stamp: re.Match[bytes]) -> bytes:
    return (date.fromisoformat(stamp[0].decode()) - timedelta(days=1)).isoformat().encode()


def _without(rule: Callable[..., Any]) -> FixesRoute:
    assert rule in eligibility.RULES, "the mutant would change nothing"
    eligibility.RULES = tuple(other for other in eligibility.RULES if other is not rule)  # type: ignore[misc]
    return create_app()
