"""Devices: a customer's phones and browsers, listed and revoked.

Owns what a revocation erases. How a device comes about is in `offers.people.registration`, tokens are in
`offers.people.tokens`.
"""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import Forbidden, NotFound
from offers.people.customers import CustomerKey, lock_customers
from offers.people.enrolment import leave_all
from offers.people.tokens import forget_tokens, issue_token

Platform = Literal["ios", "android", "web"]
DeviceStatus = Literal["active", "pending", "revoked"]

_DEVICE: Final = """
    SELECT device_id, platform, status, label, created_at, revoked_at
    FROM devices WHERE bucket = $1 AND device_id = $3 AND customer_id = $2
"""
_DEVICES: Final = """
    SELECT device_id, platform, status, label, created_at, revoked_at
    FROM devices WHERE bucket = $1 AND customer_id = $2 ORDER BY created_at, device_id
"""
_REVOKE: Final = """
    UPDATE devices SET status = 'revoked', revoked_at = $3
    WHERE bucket = $1 AND device_id = $2 AND status <> 'revoked'
"""
_FORGET_STATE: Final = "UPDATE device_states SET state = NULL WHERE bucket = $1 AND device_id = $2"
# Not worth waiting for: where the customer is locked just now, the next request will do.
_SEEN: Final = """
    WITH free AS MATERIALIZED (
        SELECT FROM customers WHERE bucket = $1 AND customer_id = $2 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE devices SET seen_on = alentour_now()::date
    WHERE bucket = $1 AND customer_id = $2 AND device_id = $3 AND EXISTS (SELECT FROM free)
"""
_FORGET_TIMERS: Final = """
    DELETE FROM timers WHERE bucket = $1 AND customer_id = $2 AND device_id = $3
"""
_FORGET_HOLDS: Final = """
    DELETE FROM held_offers WHERE bucket = $1 AND customer_id = $2 AND device_id = $3
"""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One phone or browser of a customer."""

    device_id: UUID
    platform: Platform
    status: DeviceStatus
    label: str | None
    created_at: datetime
    revoked_at: datetime | None


def not_let_in_yet() -> Forbidden:
    """What a pending device is told, wherever it asks."""
    return Forbidden("This device waits to be confirmed on the first phone.", code="device_pending")


async def read_devices(connection: asyncpg.Connection, key: CustomerKey) -> list[Device]:
    """Every device this customer ever had, oldest first."""
    return [_device(row) for row in await connection.fetch(_DEVICES, *key)]


async def revoke_device(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> Device:
    """Forget the device's tokens, state and timers; revoking twice is harmless."""
    now = await lock_customers(connection, key)
    await device_of(connection, key, device_id)
    await revoke_locked(connection, key, device_id, now)
    return await device_of(connection, key, device_id)


async def rotate_token(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> str:
    """A `next` token; the one in use stays valid until this is first used."""
    now = await lock_customers(connection, key)
    device = await device_of(connection, key, device_id)
    if device.status == "revoked":
        raise NotFound("There is no such device.")
    return await issue_token(connection, key, device_id, now, "next")


async def note_seen(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> None:
    """Keep the day on which a phone was last heard of; not while its customer is locked."""
    await connection.execute(_SEEN, *key, device_id)


async def revoke_locked(
    connection: asyncpg.Connection, key: CustomerKey, device_id: UUID, now: datetime
) -> None:
    await connection.execute(_REVOKE, key.bucket, device_id, now)
    await forget_tokens(connection, key.bucket, device_id)
    await connection.execute(_FORGET_STATE, key.bucket, device_id)
    await connection.execute(_FORGET_TIMERS, *key, device_id)
    await connection.execute(_FORGET_HOLDS, *key, device_id)
    await leave_all(connection, key.bucket, device_id)


async def device_of(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> Device:
    row = await connection.fetchrow(_DEVICE, *key, device_id)
    if row is None:
        raise NotFound("There is no such device.")
    return _device(row)


def _device(row: asyncpg.Record) -> Device:
    return Device(**dict(row))
