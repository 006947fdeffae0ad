"""How many people an offer may hope to reach: who crossed its fences lately, and who could be given it.

Counted are distinct people who have consented to measurement, by crossings since they did; without that
consent nobody counts. "Could be given it" is by consent alone: location for offers, and marketing of this
retailer on the channel, as they stand now. Caps, hours, audience and budget come on top.

The windows end at the last midnight (UTC), so that nobody's coming shows in a number that changes while it
is watched. How numbers are told is `offers.crowds`'. Raw positions are not kept: for a shape that is not
saved, the retailer's own fences that overlap it stand in.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.fence_lint import Overlap
from geo.fixes import CrossingKind
from geo.tables import Fence
from offers.crowds import SMALLEST_CROWD, STEP, at_most, tell_crowd
from offers.tables import DefaultsRow, OfferRow
from offers.terms import LOCATION_OFFERS, MEASUREMENT, Channel, marketing_grant

WINDOWS_DAYS: Final = (28, 7)  # the longer first: the shorter is never told as more
CHANNELS: Final[tuple[Channel, ...]] = ("push", "inbox")
KINDS: Final[tuple[CrossingKind, ...]] = ("enter", "dwell", "exit")
# A fence stands in for a shape where at least this part of one of the two lies in the other.
STANDS_IN_FROM: Final = 0.1

_COUNT: Final = text("""
WITH seen AS MATERIALIZED (
    SELECT bucket, customer_id, kind, occurred_at FROM crossings
    WHERE bucket BETWEEN 0 AND 63 AND fence_id = ANY(CAST(:fence_ids AS bigint[]))
      AND occurred_at >= :since AND occurred_at < :until
),
measured AS MATERIALIZED (
    SELECT p.bucket, p.customer_id, p.grants, min(y.recorded_at) AS since
    FROM (SELECT DISTINCT bucket, customer_id FROM seen) s
    JOIN customers p ON p.bucket = s.bucket AND p.customer_id = s.customer_id
    JOIN consents y ON y.bucket = p.bucket AND y.customer_id = p.customer_id
                   AND y.purpose = :measurement AND y.is_granted
    WHERE :measurement = ANY(p.grants) AND NOT EXISTS (
        SELECT FROM consents n
        WHERE n.bucket = p.bucket AND n.customer_id = p.customer_id AND n.purpose = :measurement
          AND NOT n.is_granted AND n.recorded_at >= y.recorded_at)
    GROUP BY p.bucket, p.customer_id, p.grants
)
SELECT s.kind, w.days, count(DISTINCT s.customer_id) AS people,
       count(DISTINCT s.customer_id) FILTER (WHERE m.grants @> CAST(:push AS text[])) AS push,
       count(DISTINCT s.customer_id) FILTER (WHERE m.grants @> CAST(:inbox AS text[])) AS inbox
FROM seen s
JOIN measured m ON m.bucket = s.bucket AND m.customer_id = s.customer_id
CROSS JOIN unnest(CAST(:windows AS integer[])) AS w(days)
WHERE s.occurred_at >= m.since
  AND s.occurred_at >= CAST(:until AS timestamptz) - make_interval(days => w.days)
GROUP BY s.kind, w.days
""")


class BasisFence(msgspec.Struct, frozen=True, kw_only=True):
    """A fence whose crossings were counted. `share_inside`: which part of it lies in the shape."""

    fence_id: int
    share_inside: float


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """Whose crossings these are: the offer's own fences, or those that stand in for a shape."""

    kind: Literal["fences_of_offer", "overlapping_fences"]
    fences: list[BasisFence]


class ReachCount(msgspec.Struct, frozen=True, kw_only=True):
    """People who did it in the last `days` days, and by channel those who could be given an offer.

    Null: fewer than ten, or hardly more.
    """

    trigger: CrossingKind
    days: int
    people: int | None
    reachable: dict[Channel, int | None]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """`until`: the midnight at which the windows end. Only people who consented to measurement count.

    Numbers are multiples of `rounded_to`, rounded up or down by chance, the same for the same question
    all day; two of them do not differ by exactly what they seem to.
    """

    until: datetime
    basis: Basis
    counts: list[ReachCount]
    hidden_below: int = SMALLEST_CROWD
    rounded_to: int = STEP


async def reach_of_offer(session: AsyncSession, offer: OfferRow, now: datetime) -> Reach:
    """By the crossings that trigger it; an offer that is only listed nearby has none."""
    query = select(Fence.fence_id).where(
        Fence.retailer_id == offer.retailer_id,
        or_(
            Fence.fence_id.in_(offer.fence_ids),
            Fence.site_id.in_(offer.site_ids),
            Fence.tags.overlap(offer.fence_tags),
        ),
    )
    fences = [BasisFence(fence_id=one, share_inside=1.0) for one in (await session.scalars(query)).all()]
    basis = Basis(kind="fences_of_offer", fences=sorted(fences, key=lambda fence: fence.fence_id))
    kinds = [kind for kind in KINDS if kind in offer.triggers]
    channels = [channel for channel in CHANNELS if channel == offer.channel]
    return await _reach(session, offer.retailer_id, basis, kinds, channels, now)


async def reach_of_shape(
    session: AsyncSession, retailer_id: int, overlaps: Sequence[Overlap], now: datetime
) -> Reach:
    """By all crossings of the fences that stand in for it."""
    fences = [
        BasisFence(fence_id=one.fence_id, share_inside=one.share_of_other)
        for one in overlaps
        if max(one.share_of_this, one.share_of_other) >= STANDS_IN_FROM
    ]
    return await _reach(
        session, retailer_id, Basis(kind="overlapping_fences", fences=fences), KINDS, CHANNELS, now
    )


async def _reach(
    session: AsyncSession,
    retailer_id: int,
    basis: Basis,
    kinds: Sequence[CrossingKind],
    channels: Sequence[Channel],
    now: datetime,
) -> Reach:
    until = now.replace(hour=0, minute=0, second=0, microsecond=0)
    fence_ids = sorted(fence.fence_id for fence in basis.fences)
    rows = await session.execute(
        _COUNT,
        {
            "fence_ids": fence_ids,
            "since": until - timedelta(days=max(WINDOWS_DAYS)),
            "until": until,
            "windows": list(WINDOWS_DAYS),
            "measurement": MEASUREMENT,
            **{str(one): [LOCATION_OFFERS, marketing_grant(retailer_id, one)] for one in CHANNELS},
        },
    )
    counted = {(row["kind"], row["days"]): dict(row) for row in rows.mappings()}
    salt = (await session.scalars(select(DefaultsRow.holdout_salt))).one()
    counts = [
        count
        for kind in kinds
        for count in _told(kind, counted, channels, salt, (retailer_id, fence_ids, until.date().isoformat()))
    ]
    return Reach(until=until, basis=basis, counts=counts)


def _told(
    kind: CrossingKind,
    counted: Mapping[tuple[str, int], Mapping[Any, Any]],
    channels: Sequence[Channel],
    salt: str,
    asked: tuple[object, ...],
) -> list[ReachCount]:
    """Window after window, the longer first; a part is never told as more than its whole."""
    told: list[ReachCount] = []
    for days in WINDOWS_DAYS:
        row = counted.get((kind, days), {})

        def tell(what: str, row: Mapping[Any, Any] = row, days: int = days) -> int | None:
            return tell_crowd(row.get(what, 0), f"reach:{salt}", *asked, kind, days, what)

        people = tell("people") if not told else at_most(tell("people"), told[-1].people)
        reachable = {channel: at_most(tell(channel), people) for channel in channels}
        if told:
            reachable = {one: at_most(number, told[-1].reachable[one]) for one, number in reachable.items()}
        told.append(ReachCount(trigger=kind, days=days, people=people, reachable=reachable))
    return told
