"""The inbox: what was delivered to a customer and still holds, newest first.

Reading it hands a delivery over: from then on its slot is taken for good, even if a withdrawal
cancels it before it is shown. So the hand-over happens under the customer's lock, where a withdrawal has
either already cancelled the delivery or has not yet begun. What belongs to a stopped offer or
retailer is not handed over while the stop lasts.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from offers.engine.answers import Delivered
from offers.people.customers import CustomerKey, lock_customers

MOST_AT_ONCE: Final = 100

DELIVERY_COLUMNS: Final = """
    d.delivery_id, d.seq, d.offer_id, d.retailer_id, d.site_id, d.fence_id, d.crossing_id, d.trigger,
    d.channel, d.content, d.code, d.tags, d.decided_at, d.expires_at, d.handed_at,
    (SELECT o.menu_id FROM offers AS o WHERE o.offer_id = d.offer_id) AS menu_id
"""
# $1 is a moment. What was handed over stays readable; the rest only while nobody stopped it.
STILL_HOLDS: Final = """
    d.cancelled_at IS NULL AND d.expires_at > $1 AND (d.handed_at IS NOT NULL OR EXISTS (
        SELECT 1 FROM offers AS o JOIN retailers AS r ON r.retailer_id = o.retailer_id
        WHERE o.offer_id = d.offer_id AND o.stopped_at IS NULL AND r.stopped_at IS NULL))
"""
_NOW: Final = "SELECT alentour_now()"
_PAGE: Final = f"""
    SELECT {DELIVERY_COLUMNS}, d.shown_at, d.opened_at, d.dismissed_at, d.redeemed_at
    FROM deliveries AS d
    WHERE d.bucket = $2 AND d.customer_id = $3 AND {STILL_HOLDS}
      AND d.seq > $4 AND ($5::bigint IS NULL OR d.seq < $5)
    ORDER BY d.seq DESC LIMIT $6
"""  # noqa: S608 - joined from constants of this module
_HAND_OVER: Final = """
    UPDATE deliveries SET handed_at = $1
    WHERE bucket = ANY($2::smallint[]) AND customer_id = ANY($3::uuid[])
      AND delivery_id = ANY($4::uuid[])
      AND handed_at IS NULL AND cancelled_at IS NULL AND expires_at > $1
"""

_CONTENT: Final = msgspec.json.Decoder(dict[str, str])


class InboxDelivery(Delivered, kw_only=True):
    """A delivery with what has become of it."""

    shown_at: datetime | None
    opened_at: datetime | None
    dismissed_at: datetime | None
    redeemed_at: datetime | None


class InboxPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next_before_seq` is where an older page begins; None on the last one."""

    deliveries: tuple[InboxDelivery, ...]
    next_before_seq: int | None


async def read_inbox(
    connection: asyncpg.Connection,
    key: CustomerKey,
    *,
    after_seq: int = 0,
    before_seq: int | None = None,
    limit: int = 50,
) -> InboxPage:
    """A page of what still holds, newest first; what was not handed over is so now."""
    bounds = (*key, after_seq, before_seq, limit + 1)
    rows = await connection.fetch(_PAGE, await connection.fetchval(_NOW), *bounds)
    if any(row["handed_at"] is None for row in rows[:limit]):
        now = await lock_customers(connection, key)
        rows = await connection.fetch(_PAGE, now, *bounds)
        fresh = [row["delivery_id"] for row in rows[:limit] if row["handed_at"] is None]
        await hand_over(connection, [key], fresh, now)
    page = rows[:limit]
    return InboxPage(
        deliveries=tuple(_item(row) for row in page),
        next_before_seq=page[-1]["seq"] if len(rows) > limit else None,
    )


async def hand_over(
    connection: asyncpg.Connection, keys: Sequence[CustomerKey], delivery_ids: Sequence[UUID], now: datetime
) -> None:
    """Mark deliveries of these locked customers as handed over, `now` being read under the locks.

    What was cancelled meanwhile, or expired and so gave its slot back, is left as it is.
    """
    buckets = sorted({key.bucket for key in keys})
    customers = [key.customer_id for key in keys]
    await connection.execute(_HAND_OVER, now, buckets, customers, list(delivery_ids))


def delivered(row: asyncpg.Record) -> Delivered:
    """A row of `DELIVERY_COLUMNS` as a phone is told it."""
    return Delivered(**_members(row))


def _item(row: asyncpg.Record) -> InboxDelivery:
    return InboxDelivery(
        **_members(row),
        shown_at=row["shown_at"],
        opened_at=row["opened_at"],
        dismissed_at=row["dismissed_at"],
        redeemed_at=row["redeemed_at"],
    )


def _members(row: asyncpg.Record) -> dict[str, Any]:
    content = _CONTENT.decode(row["content"])
    plain = {name: row[name] for name in Delivered.__struct_fields__ if name not in content}
    return plain | {name: content[name] for name in ("title", "text", "language")}
