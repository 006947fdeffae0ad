"""What a flush writes, in one round trip: states always, everything else only when there is any."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from offers.engine.answers import utc
from offers.engine.deciding import Decided, Delivery, Held, Hold, Holdout, Occasion, Outcome
from offers.engine.following import Seen, Timer
from offers.engine.loading import Visitor

_WRITE: Final = "SELECT write_flush($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"

_encode: Final = msgspec.json.Encoder().encode


async def write(
    connection: asyncpg.Connection,
    *,
    now: datetime,
    visitors: Iterable[Visitor],
    seen: Sequence[Seen],
    timers: Sequence[Timer],
    decided: Decided,
) -> None:
    """Write the whole flush. Raises what the database raises; the caller rolls back."""
    touched = [visitor for visitor in visitors if visitor.was_touched]
    cleared, due = _last_word(timers)
    await connection.execute(
        _WRITE,
        now,
        [visitor.bucket for visitor in touched],
        [visitor.device_id for visitor in touched],
        [_encode(visitor.state).decode() for visitor in touched],
        _rows(_crossing(one) for one in seen),
        _rows(_delivery(one) for one in decided.deliveries),
        _rows(_timer(one) for one in due),
        _rows(_timer(one) for one in cleared),
        _rows(_hold(one) for one in decided.holds),
        _rows(_no_longer_held(one) for one in decided.no_longer_held),
        _rows(_holdout(one) for one in decided.holdouts),
        _rows(_counts(decided.outcomes)),
    )


def _rows(rows: Iterable[Mapping[str, object]]) -> str | None:
    listed = list(rows)
    return _encode(listed).decode() if listed else None


def _crossing(one: Seen) -> dict[str, object]:
    visitor, crossing, place = one.visitor, one.crossing, one.fence.place
    return {
        "bucket": visitor.bucket,
        "customer_id": visitor.customer_id,
        "crossing_id": one.crossing_id,
        "device_id": visitor.device_id,
        "fence_id": crossing.fence_id,
        "site_id": place.site_id,
        "retailer_id": place.retailer_id,
        "kind": crossing.kind,
        "confidence": crossing.confidence,
        "occurred_at": utc(crossing.at),
    }


def _delivery(one: Delivery) -> dict[str, object]:
    told = one.told
    return {
        "bucket": one.bucket,
        "customer_id": one.customer_id,
        "delivery_id": told.delivery_id,
        "seq": told.seq,
        "device_id": one.device_id,
        "offer_id": told.offer_id,
        "retailer_id": told.retailer_id,
        "site_id": told.site_id,
        "fence_id": told.fence_id,
        "crossing_id": told.crossing_id,
        "trigger": told.trigger,
        "channel": told.channel,
        "tags": told.tags,
        "counts_toward_caps": one.offer.counts_toward_caps,
        "content": {"title": told.title, "text": told.text, "language": told.language},
        "code": told.code,
        "trace": one.trace,
        "lease_id": one.lease_id,
        "expires_at": told.expires_at,
        "handed_at": one.handed_at,
    }


def _last_word(timers: Sequence[Timer]) -> tuple[list[Timer], list[Timer]]:
    """The last timer said for each (device, fence): to clear, and to set."""
    last = {(timer.visitor.device_id, timer.fence_id): timer for timer in timers}
    cleared = [timer for timer in last.values() if timer.due_at is None]
    return cleared, [timer for timer in last.values() if timer.due_at is not None]


def _timer(one: Timer) -> dict[str, object]:
    visitor = one.visitor
    return {
        "bucket": visitor.bucket,
        "customer_id": visitor.customer_id,
        "device_id": visitor.device_id,
        "kind": "dwell",
        "fence_id": one.fence_id,
        "due_at": None if one.due_at is None else utc(one.due_at),
    }


def _hold(one: Hold) -> dict[str, object]:
    occasion = one.occasion
    return {
        **_who_and_where(occasion),
        "offer_id": one.offer_id,
        "device_id": occasion.device_id,
        "trigger": occasion.trigger,
        "crossed_at": utc(occasion.at),
        "due_at": one.due_at,
    }


def _no_longer_held(one: Held) -> dict[str, object]:
    return {"bucket": one.bucket, "customer_id": one.customer_id, "offer_id": one.offer_id}


def _holdout(one: Holdout) -> dict[str, object]:
    return {
        **_who_and_where(one.occasion),
        "offer_id": one.offer.offer_id,
        "retailer_id": one.offer.retailer_id,
        "site_id": one.occasion.place.site_id,
        "drawn_for": one.drawn_for,
        "trace": one.trace,
    }


def _who_and_where(occasion: Occasion) -> dict[str, object]:
    return {
        "bucket": occasion.bucket,
        "customer_id": occasion.customer_id,
        "fence_id": occasion.place.fence_id,
        "crossing_id": occasion.crossing_id,
    }


def _counts(outcomes: Counter[Outcome]) -> Iterable[dict[str, object]]:
    count_id: UUID = uuid4()
    for one, n in outcomes.items():
        yield {
            "bucket": one.bucket,
            "count_id": count_id,
            "offer_id": one.offer_id,
            "fence_id": one.fence_id,
            "moment": one.moment,
            "outcome": one.reason,
            "n": n,
        }
