"""Invented people, offers and places: each plain by default, so that a test names only what matters."""

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from offers.eligibility import Decision, Question
from offers.ranking import Candidate
from offers.terms import Cap, Defaults, Offer, PastDelivery, Person, Place, Reason, marketing_grant

PARIS = "Europe/Paris"
NOON = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)  # a Wednesday, 12:00 in Paris
CUSTOMER = UUID("5d1c5f0e-7c52-4a6f-9f0e-0a8b1f3f9a11")
NO_QUIET = Defaults(quiet_start=time(0, 0), quiet_end=time(0, 0))


def utc(text: str) -> datetime:
    """`2026-03-29 01:30` as a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    """`2026-03-29 02:30` as a clock on the wall shows it: without a zone."""
    return datetime.fromisoformat(text)


def offer(**changes: Any) -> Offer:
    plain: dict[str, Any] = {
        "offer_id": 1,
        "retailer_id": 1,
        "status": "active",
        "content": {"en": {"title": "Coffee", "text": "One free"}},
        "triggers": ("enter",),
        "channel": "push",
        "fence_ids": frozenset({1}),
    }
    return Offer(**plain | changes)


def person(**changes: Any) -> Person:
    grants = frozenset(
        {"location_offers", *(marketing_grant(r, c) for r in range(1, 6) for c in ("push", "inbox"))}
    )
    plain: dict[str, Any] = {
        "customer_id": CUSTOMER,
        "time_zone": PARIS,
        "language": "en",
        "grants": grants,
        "age_band": "adult",
    }
    return Person(**plain | changes)


def past(**changes: Any) -> PastDelivery:
    plain: dict[str, Any] = {
        "offer_id": 1,
        "retailer_id": 1,
        "channel": "push",
        "tags": (),
        "decided_at": NOON,
    }
    return PastDelivery(**plain | changes)


def place(**changes: Any) -> Place:
    plain: dict[str, Any] = {
        "fence_id": 1,
        "retailer_id": 1,
        "site_id": 1,
        "time_zone": PARIS,
        "opening_hours": None,
    }
    return Place(**plain | changes)


def per_day(at_most: int, **changes: Any) -> Cap:
    plain: dict[str, Any] = {"cap_id": 1, "scope": "system", "window": "calendar", "calendar_unit": "day"}
    return Cap(**plain | {"at_most": at_most} | changes)


def rolling(at_most: int, seconds: int, **changes: Any) -> Cap:
    plain: dict[str, Any] = {"cap_id": 1, "scope": "system", "window": "rolling", "rolling_s": seconds}
    return Cap(**plain | {"at_most": at_most} | changes)


def question(**changes: Any) -> Question:
    plain: dict[str, Any] = {
        "offer": offer(),
        "trigger": "enter",
        "crossed_at": changes.get("now", NOON),
        "place": place(),
        "person": person(),
        "history": (),
        "caps": (),
        "defaults": Defaults(),
        "budget": "free",
        "now": NOON,
    }
    return Question(**plain | changes)


def candidate(distance_m: float = 10.0, fence_id: int = 1, **changes: Any) -> Candidate:
    chosen = offer(**changes)
    decision = Decision(offer=chosen, reason=Reason.DELIVERED, rules=())
    where = place(fence_id=fence_id, retailer_id=chosen.retailer_id)
    return Candidate(decision=decision, place=where, distance_m=distance_m)
