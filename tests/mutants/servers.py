"""Servers that break one promise each, for the recount to catch. There is no such switch in production.

Granian calls these as application factories, in the worker process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from api.app import create_app
from api.fixes import FixesRoute
from offers import eligibility
from offers.engine.leases import BudgetState, Leases


def unbroken() -> FixesRoute:
    return create_app()


def without_consent() -> FixesRoute:
    return _without(eligibility._consented)


def without_caps() -> FixesRoute:
    return _without(eligibility._within_caps)


def without_quiet_hours() -> FixesRoute:
    return _without(eligibility._not_quiet)


def without_budget() -> FixesRoute:
    def always_free(_leases: Leases, _offer_id: int) -> BudgetState:
        return "free"

    def another_unit(_leases: Leases, _offer_id: int) -> UUID:
        return uuid4()

    Leases.state = always_free  # type: ignore[method-assign]  # that is the mutation
    Leases.take = another_unit  # type: ignore[method-assign]  # the same
    return create_app()


def _without(rule: Callable[..., Any]) -> FixesRoute:
    assert rule in eligibility.RULES, "the mutant would change nothing"
    eligibility.RULES = tuple(other for other in eligibility.RULES if other is not rule)  # type: ignore[misc]
    return create_app()
