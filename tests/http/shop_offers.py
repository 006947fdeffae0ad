"""What tests do to a shop's offers over HTTP, and deliveries as a flush would have written them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from offers.buckets import bucket_of
from tests.http.shops import Shop

NO_LIMITS = {
    "deliveries": None,
    "per_day": None,
    "per_week": None,
    "time_zone": "Europe/Paris",
    "redemptions": None,
}


async def move(shop: Shop, offer: dict[str, Any], name: str) -> httpx.Response:
    return await shop.client.post(f"/v1/offers/{offer['offer_id']}/{name}")


async def put(shop: Shop, offer: dict[str, Any], **said: Any) -> httpx.Response:
    return await shop.client.put(f"/v1/offers/{offer['offer_id']}", json={**offer, **said})


async def deliver(
    sql: asyncpg.Connection, shop: Shop, offer: dict[str, Any], lease_id: UUID | None = None, **columns: Any
) -> UUID:
    """One delivery to somebody new, as a flush would have written it."""
    customer_id, delivery_id, now = uuid4(), uuid4(), datetime.now(UTC)
    bucket = bucket_of(customer_id)
    await sql.execute(
        "INSERT INTO customers (bucket, customer_id, created_at) VALUES ($1, $2, $3)",
        bucket,
        customer_id,
        now,
    )
    values = {
        "bucket": bucket,
        "customer_id": customer_id,
        "delivery_id": delivery_id,
        "seq": 1,
        "device_id": uuid4(),
        "offer_id": offer["offer_id"],
        "retailer_id": shop.retailer_id,
        "fence_id": 1,
        "crossing_id": uuid4(),
        "trigger": "enter",
        "channel": "push",
        "tags": [],
        "counts_toward_caps": True,
        "content": "{}",
        "code": uuid4().hex[:10],
        "trace": "[]",
        "lease_id": lease_id,
        "decided_at": now,
        "expires_at": now + timedelta(days=1),
        **columns,
    }
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await sql.execute(f"INSERT INTO deliveries ({', '.join(values)}) VALUES ({places})", *values.values())
    return delivery_id


async def budget_of(sql: asyncpg.Connection, offer: dict[str, Any]) -> tuple[int | None, int | None]:
    row = await sql.fetchrow(
        "SELECT deliveries_total, deliveries_available FROM offer_budgets WHERE offer_id = $1",
        offer["offer_id"],
    )
    return row["deliveries_total"], row["deliveries_available"]
