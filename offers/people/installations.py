"""Installations: which device an app on a phone is, found by a secret of the app's own making.

Only a hash of the id is kept. The row is the outermost lock of a registration and of a joining: it is
taken before any customer's. An erasure takes it, too, and in the same order.
"""

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from offers.buckets import bucket_of_text
from offers.people.customers import CustomerKey

_CLAIM: Final = """
    INSERT INTO installations (bucket, installation_hash, device_bucket, device_id)
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING device_id
"""
_LOCK: Final = """
    SELECT device_bucket, device_id FROM installations
    WHERE bucket = $1 AND installation_hash = $2 FOR UPDATE
"""
_OF_DEVICES: Final = """
    SELECT bucket, installation_hash FROM installations
    WHERE (device_bucket, device_id) IN (SELECT * FROM unnest($1::smallint[], $2::uuid[]))
    ORDER BY bucket, installation_hash
"""
_FORGET: Final = "DELETE FROM installations WHERE bucket = $1 AND installation_hash = $2"
_POINT: Final = """
    UPDATE installations SET device_bucket = $3, device_id = $4
    WHERE bucket = $1 AND installation_hash = $2
"""
_OWNER: Final = "SELECT customer_id FROM devices WHERE bucket = $1 AND device_id = $2"


class Installation(NamedTuple):
    """Where an installation's row is."""

    bucket: int
    hash: bytes


class KnownDevice(NamedTuple):
    """The device that an installation already is."""

    key: CustomerKey
    device_id: UUID


def installation_of(installation_id: str) -> Installation:
    digest = hashlib.sha256(installation_id.encode()).digest()
    return Installation(bucket_of_text(installation_id), digest)


async def claim(
    connection: asyncpg.Connection, installation: Installation, bucket: int, device_id: UUID
) -> KnownDevice | None:
    """Take the installation's row for this transaction; None when it is ours to fill."""
    if await connection.fetchval(_CLAIM, *installation, bucket, device_id) is not None:
        return None
    known = await lock(connection, installation)
    if known is None:  # another registration took it and was refused: as if it had never been
        return await claim(connection, installation, bucket, device_id)
    return known


async def lock(connection: asyncpg.Connection, installation: Installation) -> KnownDevice | None:
    """Hold the installation's row; the device it is now."""
    row = await connection.fetchrow(_LOCK, *installation)
    if row is None:
        return None
    customer_id = await connection.fetchval(_OWNER, row["device_bucket"], row["device_id"])
    return KnownDevice(CustomerKey(row["device_bucket"], customer_id), row["device_id"])


async def of_devices(
    connection: asyncpg.Connection, devices: Iterable[tuple[int, UUID]]
) -> list[Installation]:
    """The installations that are these (bucket, device id), in the order in which to lock them."""
    listed = list(devices)
    columns = [bucket for bucket, _ in listed], [device_id for _, device_id in listed]
    return [Installation(*row) for row in await connection.fetch(_OF_DEVICES, *columns)]


async def forget(connection: asyncpg.Connection, installation: Installation) -> None:
    """Undo a claim of which no device came, or let go of one whose device goes; held by the caller."""
    await connection.execute(_FORGET, *installation)


async def point_to(
    connection: asyncpg.Connection, installation: Installation, bucket: int, device_id: UUID
) -> None:
    """Make a claimed installation another device."""
    await connection.execute(_POINT, *installation, bucket, device_id)
