"""Previews: an offer, also a draft, shown on a test phone as it would look, for an hour.

A preview is no delivery. It has no code, takes no slot, is in no count, and no rule is asked; the phone
shows it marked as what it is. Who may preview where is `offers.people.enrolment`'s.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.engine.answers import words
from offers.people.customers import CustomerKey, lock_somebody
from offers.people.enrolment import Enrolled

HOLDS_FOR: Final = timedelta(hours=1)
MOST_PER_PHONE: Final = 20

_NOW: Final = "SELECT alentour_now()"
_OFFER: Final = """
    SELECT o.content, o.channel, o.tags, c.language
    FROM offers AS o, customers AS c
    WHERE o.retailer_id = $1 AND o.offer_id = $2 AND c.bucket = $3 AND c.customer_id = $4
"""
_ADD: Final = """
    INSERT INTO previews (bucket, customer_id, device_id, preview_id, retailer_id, offer_id, channel, tags,
                          content, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_FORGET_OLD: Final = "DELETE FROM previews WHERE bucket = $1 AND device_id = $2 AND expires_at <= $3"
_FORGET_BEYOND: Final = """
    DELETE FROM previews WHERE bucket = $1 AND device_id = $2 AND preview_id IN (
        SELECT preview_id FROM previews WHERE bucket = $1 AND device_id = $2
        ORDER BY created_at DESC, preview_id OFFSET $3)
"""
_SHOWN: Final = """
    SELECT p.device_id, p.preview_id, p.offer_id, p.retailer_id, r.name AS retailer_name, p.channel, p.tags,
           p.content, p.created_at, p.expires_at
    FROM unnest($1::smallint[], $2::uuid[]) AS w(bucket, device_id)
    JOIN previews AS p ON p.bucket = w.bucket AND p.device_id = w.device_id
    JOIN retailers AS r ON r.retailer_id = p.retailer_id
    WHERE p.expires_at > $3
    ORDER BY p.created_at DESC, p.preview_id
"""

_CONTENT: Final = msgspec.json.Decoder(dict[str, dict[str, str]]).decode
_SAID: Final = msgspec.json.Decoder(dict[str, str]).decode


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the phone shows. It cannot be redeemed: there is no code."""

    preview_id: UUID
    is_preview: Literal[True] = True
    offer_id: int
    retailer_id: int
    retailer_name: str
    channel: str
    title: str
    text: str
    language: str
    tags: list[str]
    created_at: datetime
    expires_at: datetime


class Previewed(msgspec.Struct, frozen=True, kw_only=True):
    """What the retailer is told: where it is shown, and until when."""

    preview_id: UUID
    test_phone_id: str
    offer_id: int
    expires_at: datetime


async def show_preview(
    connection: asyncpg.Connection, phone: Enrolled, test_phone_id: str, retailer_id: int, offer_id: int
) -> Previewed:
    """Show an offer of this retailer on its test phone, in the language of its person.

    NotFound for another retailer's offer. A phone shows the latest twenty.
    """
    now = await lock_somebody(connection, phone.key)
    offer = await connection.fetchrow(_OFFER, retailer_id, offer_id, *phone.key)
    if offer is None:
        raise NotFound(f"There is no offer {offer_id}.")
    language, said = words(_CONTENT(offer["content"]), offer["language"])
    content = msgspec.json.encode({**said, "language": language}).decode()
    preview_id, expires_at = uuid4(), now + HOLDS_FOR
    shown = (retailer_id, offer_id, offer["channel"], offer["tags"], content, now, expires_at)
    place = (phone.key.bucket, phone.device_id)
    await connection.execute(_FORGET_OLD, *place, now)
    await connection.execute(_ADD, *phone.key, phone.device_id, preview_id, *shown)
    await connection.execute(_FORGET_BEYOND, *place, MOST_PER_PHONE)
    return Previewed(
        preview_id=preview_id, test_phone_id=test_phone_id, offer_id=offer_id, expires_at=expires_at
    )


async def read_previews(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> list[Preview]:
    """What this phone shows now, newest first."""
    found = await previews_on(connection, [(key.bucket, device_id)])
    return found.get(device_id, [])


async def previews_on(
    connection: asyncpg.Connection, phones: Iterable[tuple[int, UUID]]
) -> dict[UUID, list[Preview]]:
    """The same of many phones, by device; those without any are left out."""
    asked = list(phones)
    now = await connection.fetchval(_NOW)
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        _SHOWN, [bucket for bucket, _ in asked], [device_id for _, device_id in asked], now
    )
    found: dict[UUID, list[Preview]] = {}
    for row in rows:
        found.setdefault(row["device_id"], []).append(_preview(row))
    return found


def _preview(row: asyncpg.Record) -> Preview:
    said: dict[str, Any] = {**row, **_SAID(row["content"])}
    return Preview(**{name: said[name] for name in Preview.__struct_fields__ if name in said})
