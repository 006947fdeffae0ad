"""Devices: registering an installation, listing and revoking a customer's phones.

Owns which device an installation is, and what a revocation erases. Link codes are in
`offers.linking`, tokens in `offers.tokens`.

Lock order of a registration: the installation's row first, then customers. Nobody else locks
installations, so two registrations of one installation queue up here and never form a circle.
"""

import hashlib
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from offers.buckets import bucket_of, bucket_of_text
from offers.customers import CustomerKey, is_language, lock_customers
from offers.linking import (
    came_by,
    is_confirmable,
    normalise_link_code,
    owner_of_code,
    try_code,
    use_code,
)
from offers.tokens import forget_tokens, issue_token
from offers.wall_clock import is_zone

Platform = Literal["ios", "android", "web"]
DeviceStatus = Literal["active", "pending", "revoked"]

SHORTEST_INSTALLATION_ID: Final = 16
LONGEST_INSTALLATION_ID: Final = 200
LONGEST_LABEL: Final = 100

_CLAIM_INSTALLATION: Final = """
    INSERT INTO installations (bucket, installation_hash, device_bucket, device_id)
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING device_id
"""
_LOCK_INSTALLATION: Final = """
    SELECT device_bucket, device_id FROM installations
    WHERE bucket = $1 AND installation_hash = $2 FOR UPDATE
"""
_FORGET_INSTALLATION: Final = "DELETE FROM installations WHERE bucket = $1 AND installation_hash = $2"
_POINT_INSTALLATION: Final = """
    UPDATE installations SET device_bucket = $3, device_id = $4
    WHERE bucket = $1 AND installation_hash = $2
"""
_OWNER: Final = "SELECT customer_id FROM devices WHERE bucket = $1 AND device_id = $2"
_DEVICE: Final = """
    SELECT device_id, platform, status, label, created_at, revoked_at
    FROM devices WHERE bucket = $1 AND device_id = $3 AND customer_id = $2
"""
_DEVICES: Final = """
    SELECT device_id, platform, status, label, created_at, revoked_at
    FROM devices WHERE bucket = $1 AND customer_id = $2 ORDER BY created_at, device_id
"""
_RELABEL: Final = """
    UPDATE devices SET platform = $3, label = coalesce($4, label)
    WHERE bucket = $1 AND device_id = $2
"""
_ADD_CUSTOMER: Final = """
    INSERT INTO customers (bucket, customer_id, time_zone, language, created_at)
    VALUES ($1, $2, $3, $4, $5)
"""
_ADD_DEVICE: Final = """
    INSERT INTO devices (bucket, device_id, customer_id, platform, status, label, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_ADD_STATE: Final = "INSERT INTO device_states (bucket, device_id, customer_id) VALUES ($1, $2, $3)"
_REVOKE: Final = """
    UPDATE devices SET status = 'revoked', revoked_at = $3
    WHERE bucket = $1 AND device_id = $2 AND status <> 'revoked'
"""
_FORGET_STATE: Final = "UPDATE device_states SET state = NULL WHERE bucket = $1 AND device_id = $2"
_FORGET_TIMERS: Final = """
    DELETE FROM timers WHERE bucket = $1 AND customer_id = $2 AND device_id = $3
"""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One phone or browser of a customer."""

    device_id: UUID
    platform: Platform
    status: DeviceStatus
    label: str | None
    created_at: datetime
    revoked_at: datetime | None


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What a phone says when it registers. `installation_id` is a secret of the app's own making."""

    installation_id: str
    platform: Platform
    time_zone: str
    language: str
    label: str | None = None
    link_code: str | None = None


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """The device as it stands, with a token told once. `is_new` is false for a repeated call."""

    device_id: UUID
    customer_id: UUID
    token: str
    status: DeviceStatus
    is_new: bool


class _Installation(NamedTuple):
    bucket: int
    hash: bytes


class _Known(NamedTuple):
    """The device that an installation already is."""

    key: CustomerKey
    device_id: UUID


class _Joined(NamedTuple):
    """The customer that a link code leads to, if its secret is right."""

    owner: CustomerKey
    code: str


def link_code_refused() -> Conflict:
    """One and the same for a wrong, expired, used or exhausted code: guessing teaches nothing."""
    return Conflict(
        "This link code is wrong, expired or used up. Ask for a new one on the first phone.",
        code="link_code_refused",
    )


async def register(connection: asyncpg.Connection, application: Application) -> Registration | None:
    """Register an installation, once: again, it is the same device with a fresh `next` token.

    Returns None where the link code is refused, and does not raise: the spent try must be
    committed. With a link code, an installation known elsewhere is moved: its old device is
    revoked. A revoked installation starts again as a new customer.
    """
    _check(application)
    joined = None
    if application.link_code is not None:
        joined = await _joined(connection, application.link_code)
        if joined is None:
            return None
    customer_id = uuid4()
    target = joined.owner if joined else CustomerKey(bucket_of(customer_id), customer_id)
    device_id = uuid4()
    installation = _installation(application.installation_id)
    known = await _claim(connection, installation, target.bucket, device_id)
    involved = ([known.key] if known else []) + ([joined.owner] if joined else [])
    now = await lock_customers(connection, *involved)
    if known is not None and await _is_to_stay(connection, known, joined, now):
        return await _again(connection, known, application, now)
    if joined is not None and not await try_code(connection, *joined, now):
        if known is None:
            await connection.execute(_FORGET_INSTALLATION, *installation)
        return None
    if known is not None:
        await _revoke(connection, *known, now)
        await connection.execute(_POINT_INSTALLATION, *installation, target.bucket, device_id)
    if joined is None:
        chosen = (application.time_zone, application.language)
        await connection.execute(_ADD_CUSTOMER, *target, *chosen, now)
    registration = await _add(connection, target, device_id, application, now)
    if joined is not None:
        await use_code(connection, *joined, device_id, now)
    return registration


async def read_devices(connection: asyncpg.Connection, key: CustomerKey) -> list[Device]:
    """Every device this customer ever had, oldest first."""
    return [_device(row) for row in await connection.fetch(_DEVICES, *key)]


async def revoke_device(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> Device:
    """Forget the device's tokens, state and timers; revoking twice is harmless."""
    now = await lock_customers(connection, key)
    await _device_of(connection, key, device_id)
    await _revoke(connection, key, device_id, now)
    return await _device_of(connection, key, device_id)


async def rotate_token(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> str:
    """A `next` token; the one in use stays valid until this is first used."""
    now = await lock_customers(connection, key)
    device = await _device_of(connection, key, device_id)
    if device.status == "revoked":
        raise NotFound("There is no such device.")
    return await issue_token(connection, key, device_id, now, "next")


async def _claim(
    connection: asyncpg.Connection, installation: _Installation, bucket: int, device_id: UUID
) -> _Known | None:
    """Take the installation's row for this transaction; None when it is ours to fill."""
    if await connection.fetchval(_CLAIM_INSTALLATION, *installation, bucket, device_id) is not None:
        return None
    row = await connection.fetchrow(_LOCK_INSTALLATION, *installation)
    if row is None:  # another registration took it and was refused: as if it had never been
        return await _claim(connection, installation, bucket, device_id)
    customer_id = await connection.fetchval(_OWNER, row["device_bucket"], row["device_id"])
    return _Known(CustomerKey(row["device_bucket"], customer_id), row["device_id"])


async def _joined(connection: asyncpg.Connection, typed: str) -> _Joined | None:
    code = normalise_link_code(typed)
    owner = None if code is None else await owner_of_code(connection, code)
    return None if code is None or owner is None else _Joined(owner, code)


async def _is_to_stay(
    connection: asyncpg.Connection, known: _Known, joined: _Joined | None, now: datetime
) -> bool:
    """Whether this call is about the device as it is, not about a new or another one."""
    key, device_id = known
    status = (await _device_of(connection, key, device_id)).status
    if joined is None:
        return status == "active" or (
            status == "pending" and await is_confirmable(connection, key, device_id, now)
        )
    if status == "active":
        return joined.owner == key
    return status == "pending" and await came_by(connection, key, joined.code, device_id)


async def _again(
    connection: asyncpg.Connection, known: _Known, application: Application, now: datetime
) -> Registration:
    key, device_id = known
    await connection.execute(_RELABEL, key.bucket, device_id, application.platform, application.label)
    device = await _device_of(connection, key, device_id)
    return Registration(
        device_id=device_id,
        customer_id=key.customer_id,
        token=await issue_token(connection, key, device_id, now, "next"),
        status=device.status,
        is_new=False,
    )


async def _add(
    connection: asyncpg.Connection,
    key: CustomerKey,
    device_id: UUID,
    application: Application,
    now: datetime,
) -> Registration:
    status: DeviceStatus = "active" if application.link_code is None else "pending"
    described = (application.platform, status, application.label)
    await connection.execute(_ADD_DEVICE, key.bucket, device_id, key.customer_id, *described, now)
    await connection.execute(_ADD_STATE, key.bucket, device_id, key.customer_id)
    return Registration(
        device_id=device_id,
        customer_id=key.customer_id,
        token=await issue_token(connection, key, device_id, now, "current"),
        status=status,
        is_new=True,
    )


async def _revoke(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID, now: datetime) -> None:
    await connection.execute(_REVOKE, key.bucket, device_id, now)
    await forget_tokens(connection, key.bucket, device_id)
    await connection.execute(_FORGET_STATE, key.bucket, device_id)
    await connection.execute(_FORGET_TIMERS, *key, device_id)


async def _device_of(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID) -> Device:
    row = await connection.fetchrow(_DEVICE, *key, device_id)
    if row is None:
        raise NotFound("There is no such device.")
    return _device(row)


def _device(row: asyncpg.Record) -> Device:
    return Device(**dict(row))


def _installation(installation_id: str) -> _Installation:
    digest = hashlib.sha256(installation_id.encode()).digest()
    return _Installation(bucket_of_text(installation_id), digest)


def _check(application: Application) -> None:
    length = len(application.installation_id)
    faults = []
    if not SHORTEST_INSTALLATION_ID <= length <= LONGEST_INSTALLATION_ID:
        reason = f"must have {SHORTEST_INSTALLATION_ID} to {LONGEST_INSTALLATION_ID} characters"
        faults.append(Fault("installation_id", reason))
    if application.label is not None and not _is_label(application.label):
        faults.append(Fault("label", f"must be 1 to {LONGEST_LABEL} printable characters"))
    if not is_zone(application.time_zone):
        faults.append(Fault("time_zone", "is not an IANA time zone such as Europe/Paris"))
    if not is_language(application.language):
        faults.append(Fault("language", "is not a language tag such as fr or en-GB"))
    if faults:
        raise InvalidInput("This registration cannot be used.", faults=tuple(faults))


def _is_label(text: str) -> bool:
    return 1 <= len(text) <= LONGEST_LABEL and text.isprintable()
