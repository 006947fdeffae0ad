"""What became of an offer, in numbers without people: its deliveries by stage, its suppressions by reason."""

from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from offers.terms import Reason

# What is kept, and what was counted before it went (`offers.retail.outlived`).
_DELIVERIES: Final = text("""
SELECT CAST(sum(decided) AS bigint) AS decided, CAST(sum(handed) AS bigint) AS handed,
       CAST(sum(shown) AS bigint) AS shown, CAST(sum(opened) AS bigint) AS opened,
       CAST(sum(dismissed) AS bigint) AS dismissed, CAST(sum(less_like_this) AS bigint) AS less_like_this,
       CAST(sum(redeemed) AS bigint) AS redeemed, CAST(sum(cancelled) AS bigint) AS cancelled
FROM (
    SELECT count(*) AS decided, count(handed_at) AS handed, count(shown_at) AS shown,
           count(opened_at) AS opened, count(dismissed_at) AS dismissed,
           count(less_like_this_at) AS less_like_this, count(redeemed_at) AS redeemed,
           count(cancelled_at) AS cancelled
    FROM deliveries WHERE bucket BETWEEN 0 AND 63 AND offer_id = :offer_id
    UNION ALL
    SELECT decided, handed, shown, opened, dismissed, less_like_this, redeemed, cancelled
    FROM delivery_totals WHERE offer_id = :offer_id
) counted
""")
# Counts wait in decision_counts until the sweeper folds them; one statement sees each once.
_OUTCOMES: Final = text("""
SELECT outcome, CAST(sum(n) AS bigint) AS n FROM (
    SELECT outcome, n FROM decision_totals WHERE offer_id = :offer_id
    UNION ALL
    SELECT outcome, n FROM decision_counts WHERE bucket BETWEEN 0 AND 63 AND offer_id = :offer_id
) counted GROUP BY outcome ORDER BY outcome
""")
_WAITING: Final = text("""
SELECT count(*) FROM held_offers WHERE bucket BETWEEN 0 AND 63 AND offer_id = :offer_id
""")
_NOT_SUPPRESSED: Final = frozenset({Reason.DELIVERED, Reason.HELD})


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Since the offer began. `handed`: given to a phone; `suppressed` by the reason of the decision.

    `less_like_this`: how many asked for less of the kind. `waiting`: held over somebody's quiet hours now.
    """

    decided: int
    handed: int
    shown: int
    opened: int
    dismissed: int
    less_like_this: int
    redeemed: int
    cancelled: int
    waiting: int
    suppressed: dict[str, int]


async def count_offer(session: AsyncSession, offer_id: int) -> Counts:
    stages = (await session.execute(_DELIVERIES, {"offer_id": offer_id})).mappings().one()
    waiting = (await session.execute(_WAITING, {"offer_id": offer_id})).scalar_one()
    outcomes = await session.execute(_OUTCOMES, {"offer_id": offer_id})
    suppressed = {row.outcome: row.n for row in outcomes if row.outcome not in _NOT_SUPPRESSED}
    return Counts(**stages, waiting=waiting, suppressed=suppressed)
