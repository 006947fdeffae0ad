"""The life of API keys: made, listed without their secrets, rotated with an overlap, revoked.

Owns the rows of `api_keys`. How a key looks and is checked is `api.auth`.
"""

from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from api.audit import audit_command
from api.audit.changes import before_after
from api.auth import Role, create_admin_key, create_retailer_key, key_id_of, new_key
from geo.errors import Conflict, NotFound

_COLUMNS: Final = "key_id, retailer_id, role, label, created_at, expires_at, revoked_at"
_ADD: Final = f"""
    INSERT INTO api_keys (key_id, first_key_id, retailer_id, role, label, secret_hash, created_at)
    VALUES ($1, coalesce((SELECT first_key_id FROM api_keys WHERE key_id = $7), $1), $2, $3, $4, $5, $6)
    RETURNING {_COLUMNS}
"""  # noqa: S608 - joined from constants of this module
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM api_keys
    WHERE (retailer_id = $1 OR ($1::bigint IS NULL AND retailer_id IS NULL)) AND key_id > $2
    ORDER BY key_id LIMIT $3
"""  # noqa: S608 - the same
_LOCK: Final = f"SELECT {_COLUMNS} FROM api_keys WHERE key_id = $1 FOR UPDATE"  # noqa: S608 - the same
_EXPIRE: Final = "UPDATE api_keys SET expires_at = least(expires_at, $2) WHERE key_id = $1"
_REVOKE: Final = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE key_id = $1"


class KeyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it can be told at any time: without its secret. Admin keys have no retailer."""

    key_id: str
    retailer_id: int | None
    role: Role
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is told once. `key` is null when the answer is a replay: it is kept nowhere."""

    key_id: str
    key: str | None
    retailer_id: int | None
    role: Role
    label: str
    created_at: datetime


async def add_key(
    connection: asyncpg.Connection,
    retailer_id: int | None,
    role: Role,
    label: str,
    now: datetime,
    *,
    replaces: str | None = None,
) -> NewKey:
    """A new key; one that `replaces` another goes on under its principal."""
    key_id, key, secret_hash = new_key()
    await connection.execute(_ADD, key_id, retailer_id, role, label, secret_hash, now, replaces)
    return NewKey(key_id=key_id, key=key, retailer_id=retailer_id, role=role, label=label, created_at=now)


async def create_by_command(
    connection: asyncpg.Connection, retailer_id: int | None, role: Role, label: str
) -> str:
    """`alentour key create`, in a transaction of its own; the key as it is shown once."""
    async with connection.transaction():
        if retailer_id is None:
            key = await create_admin_key(connection, label)
        else:
            key = await create_retailer_key(connection, retailer_id, role, label)
        made = before_after(role=(None, role))
        await audit_command(
            connection, "alentour key create", "key", key_id_of(key), retailer_id=retailer_id, changed=made
        )
    return key


async def list_keys(
    connection: asyncpg.Connection, retailer_id: int | None, after: str, at_most: int
) -> list[KeyInfo]:
    """A retailer's keys, or without one the admins'; expired and revoked ones too."""
    rows = await connection.fetch(_LIST, retailer_id, after, at_most)
    return [KeyInfo(**dict(row)) for row in rows]


async def rotate_key(connection: asyncpg.Connection, key_id: str, overlap_s: int, now: datetime) -> NewKey:
    """A new key with the old one's rights and principal; the old one ends after `overlap_s` seconds.

    Raises NotFound, and Conflict for a key that has ended already.
    """
    old = await _locked(connection, key_id)
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise Conflict("This key has ended; make a new one instead.", code="key_ended")
    await connection.execute(_EXPIRE, key_id, now + timedelta(seconds=overlap_s))
    return await add_key(connection, old.retailer_id, old.role, old.label, now, replaces=key_id)


async def revoke_key(connection: asyncpg.Connection, key_id: str, now: datetime) -> KeyInfo:
    """From the commit on the key opens nothing. Revoking twice is harmless. Returns what it was before."""
    before = await _locked(connection, key_id)
    await connection.execute(_REVOKE, key_id, now)
    return before


async def _locked(connection: asyncpg.Connection, key_id: str) -> KeyInfo:
    row = await connection.fetchrow(_LOCK, key_id)
    if row is None:
        raise NotFound("There is no such key.")
    return KeyInfo(**dict(row))
