"""Deliveries that go, as numbers that stay: reports never fall, and what was given stays given.

Owns `delivery_totals`, and the one thing a lease must know of deliveries that are no longer there. Which
deliveries go, and when, is decided elsewhere; who calls this has locked their customers.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

# In the order of the key, so that two who count at once never wait for each other in a circle.
_COUNT: Final = """
    INSERT INTO delivery_totals AS t (offer_id, site_id, hour, decided, handed, shown, opened, dismissed,
                                      less_like_this, redeemed, cancelled)
    SELECT offer_id, coalesce(site_id, 0), date_trunc('hour', decided_at, 'UTC'), count(*),
           count(handed_at), count(shown_at), count(opened_at), count(dismissed_at),
           count(less_like_this_at), count(redeemed_at), count(cancelled_at)
    FROM deliveries
    WHERE bucket = $1 AND customer_id = ANY($2::uuid[]) AND ($3::uuid[] IS NULL OR delivery_id = ANY($3))
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (offer_id, site_id, hour) DO UPDATE SET
        decided = t.decided + excluded.decided, handed = t.handed + excluded.handed,
        shown = t.shown + excluded.shown, opened = t.opened + excluded.opened,
        dismissed = t.dismissed + excluded.dismissed,
        less_like_this = t.less_like_this + excluded.less_like_this,
        redeemed = t.redeemed + excluded.redeemed, cancelled = t.cancelled + excluded.cancelled
"""
# Whoever returns a lease gives back what it granted less the deliveries that carry it: those that go
# are taken off both. FOR NO KEY UPDATE lets flushes that spend from the lease pass.
_HOLD_LEASES: Final = """
    SELECT lease_id FROM budget_leases WHERE lease_id IN (
        SELECT lease_id FROM deliveries
        WHERE bucket = $1 AND customer_id = ANY($2::uuid[]) AND lease_id IS NOT NULL
          AND ($3::uuid[] IS NULL OR delivery_id = ANY($3)))
    ORDER BY lease_id FOR NO KEY UPDATE
"""
_TAKE_OFF: Final = """
    UPDATE budget_leases AS l SET granted = l.granted - g.n
    FROM (SELECT lease_id, count(*)::integer AS n FROM deliveries
          WHERE bucket = $1 AND customer_id = ANY($2::uuid[]) AND lease_id IS NOT NULL
            AND ($3::uuid[] IS NULL OR delivery_id = ANY($3))
          GROUP BY lease_id) AS g
    WHERE l.lease_id = g.lease_id
"""


async def keep_counts(
    connection: asyncpg.Connection,
    bucket: int,
    customer_ids: Sequence[UUID],
    delivery_ids: Sequence[UUID] | None = None,
) -> None:
    """Count the deliveries of these locked customers (only these, if named) before they are deleted."""
    which = (bucket, list(customer_ids), None if delivery_ids is None else list(delivery_ids))
    if await connection.fetch(_HOLD_LEASES, *which):
        await connection.execute(_TAKE_OFF, *which)
    await connection.execute(_COUNT, *which)
