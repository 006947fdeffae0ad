"""Device tokens: opaque 256-bit values that name their bucket, kept only as a hash.

Owns how a token looks and which rows say that it is valid. A device has one `current` token and,
after a rotation or a repeated registration, one `next`: the current one stays valid until the
next is first used (whoever authenticates a request promotes it then).
"""

import hashlib
import secrets
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg

from offers.people.customers import CustomerKey

_FORGET: Final = "DELETE FROM device_tokens WHERE bucket = $1 AND device_id = $2"
_FORGET_NEXT: Final = """
    DELETE FROM device_tokens WHERE bucket = $1 AND device_id = $2 AND status = 'next'
"""
_IS_NEXT: Final = "SELECT status = 'next' FROM device_tokens WHERE bucket = $1 AND token_hash = $2"
_FORGET_CURRENT: Final = """
    DELETE FROM device_tokens WHERE bucket = $1 AND device_id = $2 AND status = 'current'
"""
_MAKE_CURRENT: Final = "UPDATE device_tokens SET status = 'current' WHERE bucket = $1 AND token_hash = $2"
_ADD: Final = """
    INSERT INTO device_tokens (bucket, token_hash, device_id, customer_id, status, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


def new_token(bucket: int) -> str:
    """`dt_<bucket as two hex digits>_<43 urlsafe characters>`."""
    return f"dt_{bucket:02x}_{secrets.token_urlsafe(32)}"


def hash_of_token(token: str) -> bytes:
    """What is stored. The value has 256 bits of chance, so that no slow hash is needed."""
    return hashlib.sha256(token.encode()).digest()


async def issue_token(
    connection: asyncpg.Connection,
    key: CustomerKey,
    device_id: UUID,
    now: datetime,
    status: Literal["current", "next"],
) -> str:
    """A fresh token; an unused `next` one is forgotten. The customer is locked by the caller."""
    if status == "next":
        await connection.execute(_FORGET_NEXT, key.bucket, device_id)
    token = new_token(key.bucket)
    await connection.execute(_ADD, key.bucket, hash_of_token(token), device_id, key.customer_id, status, now)
    return token


async def promote_token(
    connection: asyncpg.Connection, bucket: int, device_id: UUID, token_hash: bytes
) -> None:
    """The first use of a `next` token ends the current one; harmless when repeated.

    The customer is locked by the caller. The token was found before that: it is looked at again.
    """
    if not await connection.fetchval(_IS_NEXT, bucket, token_hash):
        return  # another request of this phone was first, or the token is gone
    await connection.execute(_FORGET_CURRENT, bucket, device_id)
    await connection.execute(_MAKE_CURRENT, bucket, token_hash)


async def forget_tokens(connection: asyncpg.Connection, bucket: int, device_id: UUID) -> None:
    await connection.execute(_FORGET, bucket, device_id)
