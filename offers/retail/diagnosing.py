"""Reading what a diagnosis looks at, and telling what it found. The rules are `offers.diagnosis`'."""

import asyncio
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec
import numpy as np

from geo.errors import NotFound
from offers.diagnosis import (
    LASTING,
    NEW,
    Finding,
    Numbers,
    Severity,
    Situation,
    Stock,
    diagnose,
    next_possible,
)
from offers.disclosure import FEWEST, hide
from offers.eligibility import concerns
from offers.handing.plain_words import SpokenLanguage
from offers.retail.diagnosis_words import say_finding
from offers.terms import Cap, Defaults, Offer, Place, Reason, marketing_grant

_OFFER: Final = """
SELECT o.*, b.redemptions_total - b.redeemed AS redemptions_left, o.stopped_at IS NOT NULL AS is_stopped,
       r.stopped_by AS retailer_stopped_by, r.stopped_at IS NOT NULL AS is_retailer_stopped
FROM offers o JOIN retailers r USING (retailer_id) LEFT JOIN offer_budgets b USING (offer_id)
WHERE o.retailer_id = $1 AND o.offer_id = $2
"""
_STOCK: Final = """
SELECT b.deliveries_total AS total, b.deliveries_available AS left, b.redemptions_total AS redemptions,
       b.per_day, CASE WHEN b.day_start = period_start('day', b.time_zone, $2) THEN b.day_available
                  ELSE b.per_day END AS day_left, period_end('day', b.time_zone, $2) AS day_ends_at,
       b.per_week, CASE WHEN b.week_start = period_start('week', b.time_zone, $2) THEN b.week_available
                   ELSE b.per_week END AS week_left, period_end('week', b.time_zone, $2) AS week_ends_at,
       (SELECT coalesce(sum(l.granted), 0) FROM budget_leases l
        WHERE l.offer_id = b.offer_id AND l.expires_at > clock_timestamp())
       - (SELECT count(*) FROM deliveries d JOIN budget_leases l ON l.lease_id = d.lease_id
          WHERE d.bucket BETWEEN 0 AND 63 AND l.offer_id = b.offer_id
            AND l.expires_at > clock_timestamp()) AS leased
FROM offer_budgets b WHERE b.offer_id = $1
"""
_FENCES: Final = """
SELECT f.fence_id, f.retailer_id, f.site_id, f.tags AS fence_tags, f.active_hours AS fence_active_hours,
       f.starts_at AS fence_starts_at, f.disabled_at AS fence_disabled_at,
       coalesce(s.time_zone, $2) AS time_zone, s.opening_hours
FROM fences f LEFT JOIN sites s ON s.site_id = f.site_id
WHERE f.retailer_id = $1 ORDER BY f.fence_id
"""
_CAPS: Final = """
SELECT *, time_window AS "window" FROM caps WHERE retailer_id IS NULL OR retailer_id = $1 ORDER BY cap_id
"""
_DEFAULTS: Final = "SELECT quiet_start, quiet_end FROM defaults"
# Everybody is read through: nothing leads from a grant to who gave it.
_PEOPLE: Final = """
SELECT count(*) AS reachable, count(*) FILTER (WHERE 'personalisation' = ANY (grants)) AS personalised
FROM customers WHERE bucket BETWEEN 0 AND 63 AND grants @> ARRAY['location_offers', $1]
"""
_CONSIDERED: Final = """
SELECT outcome, coalesce(sum(n) FILTER (WHERE hour >= $3), 0)::bigint AS new, sum(n)::bigint AS n FROM (
    SELECT outcome, hour, n FROM decision_totals WHERE offer_id = $1 AND hour >= $2 AND moment = 'crossing'
    UNION ALL
    SELECT outcome, hour, n FROM decision_counts
    WHERE bucket BETWEEN 0 AND 63 AND offer_id = $1 AND hour >= $2 AND moment = 'crossing'
) counted GROUP BY outcome ORDER BY outcome
"""
_WAITING: Final = "SELECT count(*) FROM held_offers WHERE bucket BETWEEN 0 AND 63 AND offer_id = $1"


class FindingInWords(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is stable. `blocks`: nothing is delivered as it is; `limits`: less, or later; `hint`: a look."""

    code: str
    severity: Severity
    text: str
    numbers: dict[str, str | int | float]


class OutcomeShare(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome of crossings: `delivered`, `held`, or why not. null where too few people are behind it."""

    outcome: str
    n: int | None
    share: float | None


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """How crossings ended for the offer, the most frequent first."""

    days: int
    considered: int | None
    outcomes: list[OutcomeShare]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """`runs`: nothing that blocks was found. `next_possible_at`: the next moment that all times allow.

    `people` consent to location and to your offers on this channel; `waiting` are held over quiet hours.
    Both are null from 1 to 9.
    """

    offer_id: int
    language: SpokenLanguage
    runs: bool
    next_possible_at: datetime | None
    findings: list[FindingInWords]
    recently: list[Considered]
    people: int | None
    waiting: int | None


async def diagnose_offer(
    connection: asyncpg.Connection,
    retailer_id: int,
    offer_id: int,
    now: datetime,
    language: SpokenLanguage,
    default_time_zone: str,
) -> Diagnosis:
    """NotFound for an offer that is not this retailer's."""
    row = await connection.fetchrow(_OFFER, retailer_id, offer_id)
    if row is None:
        raise NotFound(f"There is no offer {offer_id}.")
    counted = await connection.fetch(_CONSIDERED, offer_id, now - LASTING, now - NEW)
    situation = await _situation(connection, row, counted, now, default_time_zone)
    # A year of opening hours takes its time: phones are answered in the meantime.
    findings, next_at = await asyncio.to_thread(lambda: (diagnose(situation), next_possible(situation)))
    return Diagnosis(
        offer_id=offer_id,
        language=language,
        runs=not any(finding.severity == "blocks" for finding in findings),
        next_possible_at=next_at,
        findings=[_in_words(finding, language) for finding in findings],
        recently=_recently(counted),
        people=_told(situation.reachable),
        waiting=_told(situation.waiting),
    )


async def _situation(
    connection: asyncpg.Connection,
    row: asyncpg.Record,
    counted: list[asyncpg.Record],
    now: datetime,
    default_time_zone: str,
) -> Situation:
    decoded = {name: msgspec.json.decode(row[name]) for name in ("content", "audience")}
    offer = msgspec.convert({**row, **decoded}, Offer)
    fences = await connection.fetch(_FENCES, offer.retailer_id, default_time_zone)
    stock = await connection.fetchrow(_STOCK, offer.offer_id, now)
    people = await connection.fetchrow(_PEOPLE, marketing_grant(offer.retailer_id, offer.channel))
    return Situation(
        offer=offer,
        places=[place for fence in fences if concerns(offer, place := _converted(fence, Place))],
        caps=[_converted(cap, Cap) for cap in await connection.fetch(_CAPS, offer.retailer_id)],
        defaults=_converted(await connection.fetchrow(_DEFAULTS), Defaults),
        now=now,
        stock=msgspec.convert({**(stock or {}), "has_own_codes": row["code_format"] is not None}, Stock),
        stopped_by=_stopper(row["is_stopped"], row["stopped_by"]),
        retailer_stopped_by=_stopper(row["is_retailer_stopped"], row["retailer_stopped_by"]),
        reachable=people["reachable"],
        personalised=people["personalised"],
        considered={one["outcome"]: one["n"] for one in counted},
        waiting=await connection.fetchval(_WAITING, offer.offer_id),
    )


def _converted(row: asyncpg.Record, into: type[Any]) -> Any:
    return msgspec.convert(dict(row), into)


def _stopper(is_stopped: bool, by: str | None) -> str | None:
    return (by or "retailer") if is_stopped else None


def _in_words(finding: Finding, language: SpokenLanguage) -> FindingInWords:
    numbers: Numbers = finding.numbers
    return FindingInWords(
        code=finding.code,
        severity=finding.severity,
        text=say_finding(finding, language),
        numbers=dict(numbers),
    )


def _recently(counted: list[asyncpg.Record]) -> list[Considered]:
    """The last week, and the four weeks that it is part of: no difference of the two is told either."""
    outcomes = [row["outcome"] for row in counted]
    new = np.array([row["new"] for row in counted], np.int64)
    whole = np.array([row["n"] for row in counted], np.int64)
    parts = np.stack([new, whole - new, whole])
    numbers = np.concatenate([parts.sum(axis=1, keepdims=True), parts], axis=1)[None]
    precious = [number for number, outcome in enumerate(outcomes, 1) if outcome == Reason.DELIVERED]
    hidden = hide(numbers, sums=[range(len(outcomes) + 1)], precious=precious)[0]
    return [
        _considered(span.days, outcomes, numbers[0, at].tolist(), hidden[at].tolist())
        for span, at in ((NEW, 0), (LASTING, 2))
    ]


def _considered(days: int, outcomes: list[str], numbers: list[int], hidden: list[bool]) -> Considered:
    total = None if hidden[0] else numbers[0]
    shares = []
    for outcome, n, is_hidden in zip(outcomes, numbers[1:], hidden[1:], strict=True):
        if n and total is not None:
            told = None if is_hidden else n
            share = None if told is None else round(told / total, 3)
            shares.append(OutcomeShare(outcome=outcome, n=told, share=share))
    shares.sort(key=lambda one: -(one.n or 0))
    return Considered(days=days, considered=total, outcomes=shares)


def _told(people: int) -> int | None:
    return people if people == 0 or people >= FEWEST else None
