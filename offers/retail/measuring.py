"""Reading what lift is worked out from: who was first given an offer, who was first held out, who came back.

A person counts once, in the group of their first exposure, whether the offer was seen or not (intention to
treat), if they consent to measurement now. A return is a stay (dwell) at a fence of the same site, or at
the same fence where it has no site, one hour to seven days later; the same seven days before are for
comparing the groups. Crossings are kept for a limited time, and an exposure counts once its seven days are
over, so both ends of what is measured are told. Owns the reading and the window; the statistics are
`offers.lift`'s, and what this cannot see is written in docs/guides/measuring.md.
"""

from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.buckets import BUCKETS
from offers.lift import (
    FEWEST_PER_ARM,
    Arm,
    Lift,
    SizeBalance,
    VisitBalance,
    lift_of,
    size_balance,
    visit_balance,
)
from offers.periods import CROSSINGS_KEPT

FEWEST_TOLD: Final = 10
RETURNS_FROM: Final = timedelta(hours=1)
RETURNS_WITHIN: Final = timedelta(days=7)
# A shorter dwell at a fence is no visit.
SHORTEST_STAY_S: Final = 180

_OFFER: Final = """
SELECT o.holdout_percent AS percent, min(h.decided_at) AS first_at, max(h.decided_at) AS last_at
FROM offers o
LEFT JOIN holdouts h ON h.bucket BETWEEN 0 AND 63 AND h.offer_id = o.offer_id AND h.drawn_for = 'offer'
WHERE o.retailer_id = $1 AND o.offer_id = $2
GROUP BY o.offer_id
"""
_EVERYTHING: Final = """
SELECT d.holdout_percent AS percent, min(h.decided_at) AS first_at, max(h.decided_at) AS last_at
FROM defaults d
LEFT JOIN holdouts h ON h.bucket BETWEEN 0 AND 63 AND h.drawn_for = 'everything'
GROUP BY d.holdout_percent
"""
# A spot is what somebody returns to: a site, or a fence without one.
_SPOT: Final = "coalesce({0}.site_id, -{0}.fence_id)"

_FIRST_OF_OFFER: Final = f"""
SELECT e.bucket, e.customer_id, e.is_treated, e.spot, e.at FROM (
    SELECT DISTINCT ON (bucket, customer_id) bucket, customer_id, is_treated, spot, at FROM (
        SELECT d.bucket, d.customer_id, true AS is_treated, {_SPOT.format("d")} AS spot, d.decided_at AS at
        FROM deliveries d
        WHERE d.bucket BETWEEN 0 AND 63 AND d.offer_id = $5 AND d.decided_at <= $2
        UNION ALL
        SELECT h.bucket, h.customer_id, false, {_SPOT.format("h")}, h.decided_at
        FROM holdouts h
        WHERE h.bucket BETWEEN 0 AND 63 AND h.offer_id = $5 AND h.drawn_for = 'offer' AND h.decided_at <= $2
    ) any_time ORDER BY bucket, customer_id, at
) e
JOIN customers c ON c.bucket = e.bucket AND c.customer_id = e.customer_id AND 'measurement' = ANY (c.grants)
WHERE e.at >= $1
"""  # noqa: S608 - joined from constants of this module

# Who is held out of one offer only is treated as far as everything goes. One bucket at a time.
_FIRST_OF_ALL: Final = f"""
SELECT c.bucket, c.customer_id, e.is_treated, e.spot, e.at FROM customers c
CROSS JOIN LATERAL (
    SELECT is_treated, spot, at FROM (
        (SELECT true AS is_treated, {_SPOT.format("d")} AS spot, d.decided_at AS at FROM deliveries d
         WHERE d.bucket = c.bucket AND d.customer_id = c.customer_id AND d.decided_at <= $2
         ORDER BY d.decided_at LIMIT 1)
        UNION ALL
        (SELECT h.drawn_for = 'offer', {_SPOT.format("h")}, h.decided_at FROM holdouts h
         WHERE h.bucket = c.bucket AND h.customer_id = c.customer_id AND h.decided_at <= $2
         ORDER BY h.decided_at LIMIT 1)
    ) any_time ORDER BY at LIMIT 1
) e
WHERE c.bucket = $5 AND 'measurement' = ANY (c.grants) AND e.at >= $1
"""  # noqa: S608 - the same

_COUNT: Final = f"""
WITH place AS MATERIALIZED (
    SELECT f.fence_id, {_SPOT.format("f")} AS spot FROM fences f WHERE f.dwell_s >= {SHORTEST_STAY_S}
), exposed AS MATERIALIZED (
    SELECT * FROM ({{first}}) one WHERE one.spot IN (SELECT spot FROM place)
), stayed AS (
    SELECT e.bucket, e.customer_id, bool_or(c.occurred_at >= e.at + $3::interval) AS has_returned,
           count(*) FILTER (WHERE c.occurred_at <= e.at - $3::interval) AS stays_before
    FROM exposed e
    JOIN place p ON p.spot = e.spot
    JOIN crossings c ON c.bucket = e.bucket AND c.customer_id = e.customer_id AND c.fence_id = p.fence_id
    WHERE c.kind = 'dwell' AND c.occurred_at BETWEEN e.at - $4::interval AND e.at + $4::interval
      AND c.occurred_at BETWEEN $1::timestamptz - $4::interval AND $2::timestamptz + $4::interval
    GROUP BY e.bucket, e.customer_id
)
SELECT e.is_treated, count(*) AS people, count(*) FILTER (WHERE s.has_returned) AS returned,
       coalesce(sum(s.stays_before), 0)::bigint AS visits_before,
       coalesce(sum(s.stays_before ^ 2), 0)::bigint AS visits_before_squared
FROM exposed e LEFT JOIN stayed s ON s.bucket = e.bucket AND s.customer_id = e.customer_id
GROUP BY e.is_treated
"""  # noqa: S608 - the same
_COUNT_OFFER: Final = _COUNT.format(first=_FIRST_OF_OFFER)
_COUNT_ALL: Final = _COUNT.format(first=_FIRST_OF_ALL)


class MeasuredArm(msgspec.Struct, frozen=True, kw_only=True):
    """`people` is null below 10, what they did below 100 in either group."""

    people: int | None
    returned: int | None
    rate: float | None


class MeasuredLift(msgspec.Struct, frozen=True, kw_only=True):
    """Return visits of those who were given it and of those who were held out, first exposures only.

    Exposures from `measured_from` to `measured_until` are counted: no longer than crossings are kept, not
    before anybody was held out, and none whose seven days are not over. `lift` is null below 100 people in
    either group. `sizes` is null where the percentage is 0 now: what it was before is not known.
    """

    offer_id: int | None
    holdout_percent: int
    measured_from: datetime
    measured_until: datetime
    treated: MeasuredArm
    held_out: MeasuredArm
    lift: Lift | None
    sizes: SizeBalance | None
    visits_before: VisitBalance | None


class _Window(msgspec.Struct, frozen=True):
    percent: int
    since: datetime
    until: datetime


async def lift_of_offer(
    connection: asyncpg.Connection, retailer_id: int, offer_id: int, now: datetime, since: datetime | None
) -> MeasuredLift:
    """Of this offer; NotFound where it is not this retailer's."""
    row = await connection.fetchrow(_OFFER, retailer_id, offer_id)
    if row is None:
        raise NotFound(f"There is no offer {offer_id}.")
    window = _window(row, now, since)
    counted = await _count(connection, _COUNT_OFFER, window, offer_id)
    return _measured(window, *counted, offer_id=offer_id)


async def lift_of_everything(
    connection: asyncpg.Connection, now: datetime, since: datetime | None
) -> MeasuredLift:
    """Of all offers together, against who is held out of everything."""
    window = _window(await connection.fetchrow(_EVERYTHING), now, since)
    treated, held_out = Arm(people=0, returned=0), Arm(people=0, returned=0)
    for bucket in range(BUCKETS):
        more = await _count(connection, _COUNT_ALL, window, bucket)
        treated, held_out = _together(treated, more[0]), _together(held_out, more[1])
    return _measured(window, treated, held_out, offer_id=None)


def _window(row: asyncpg.Record, now: datetime, since: datetime | None) -> _Window:
    """What can be measured: the week before and the week after an exposure must both be on record."""
    until = now - RETURNS_WITHIN
    earliest = now - CROSSINGS_KEPT + RETURNS_WITHIN
    if row["last_at"] is not None and row["percent"] == 0:
        until = min(until, row["last_at"])
    starts = [earliest, row["first_at"] or earliest, since or earliest]
    return _Window(row["percent"], max(starts), max(until, earliest))


async def _count(
    connection: asyncpg.Connection, statement: str, window: _Window, about: int
) -> tuple[Arm, Arm]:
    rows = await connection.fetch(statement, window.since, window.until, RETURNS_FROM, RETURNS_WITHIN, about)
    arms = {row["is_treated"]: row for row in rows}
    return _arm(arms.get(True)), _arm(arms.get(False))


def _arm(row: asyncpg.Record | None) -> Arm:
    if row is None:
        return Arm(people=0, returned=0)
    return Arm(**{name: row[name] for name in Arm.__struct_fields__})


def _together(one: Arm, other: Arm) -> Arm:
    return Arm(**{name: getattr(one, name) + getattr(other, name) for name in Arm.__struct_fields__})


def _measured(window: _Window, treated: Arm, held_out: Arm, *, offer_id: int | None) -> MeasuredLift:
    lift = lift_of(treated, held_out)
    return MeasuredLift(
        offer_id=offer_id,
        holdout_percent=window.percent,
        measured_from=window.since,
        measured_until=window.until,
        treated=_told(treated, lift),
        held_out=_told(held_out, lift),
        lift=lift,
        sizes=_sizes(treated, held_out, window.percent),
        visits_before=visit_balance(treated, held_out) if lift else None,
    )


def _sizes(treated: Arm, held_out: Arm, percent: int) -> SizeBalance | None:
    if percent == 0 or treated.people + held_out.people < FEWEST_PER_ARM:
        return None
    sizes = size_balance(treated, held_out, percent)
    if min(treated.people, held_out.people) >= FEWEST_TOLD:
        return sizes
    return msgspec.structs.replace(sizes, held_out_share=None, p_value=None)


def _told(arm: Arm, lift: Lift | None) -> MeasuredArm:
    people = arm.people if arm.people == 0 or arm.people >= FEWEST_TOLD else None
    if lift is None:
        return MeasuredArm(people=people, returned=None, rate=None)
    return MeasuredArm(people=people, returned=arm.returned, rate=arm.rate)
