"""Who is asking: retailer keys and device tokens, and what each may do.

Owns the format of keys, the guards and the `key` and `phone` dependencies. Does not own how device
tokens are made (`offers.people.tokens`) nor key management (`api.keys`) nor how often somebody may ask
(`api.rates`).
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from api import audit
from api.database import Database
from api.rates import Rates
from geo.errors import Forbidden, InvalidInput, NotFound, Unauthenticated
from offers.buckets import BUCKETS
from offers.people.customers import CustomerKey, lock_customers
from offers.people.devices import not_let_in_yet, note_seen
from offers.people.tokens import hash_of_token, promote_token

Role = Literal["admin", "manage", "till", "read", "enforce"]

# Which keys open a door that asks for the named role.
OPENED_BY: Final[Mapping[Role, frozenset[Role]]] = {
    "admin": frozenset({"admin"}),
    "manage": frozenset({"admin", "manage"}),
    "read": frozenset({"admin", "manage", "read"}),
    "till": frozenset({"till"}),
    # Plates are of people: no other key looks them up, not even an admin's.
    "enforce": frozenset({"enforce"}),
}
_KEY: Final = re.compile(r"ak_([a-z2-7]{12})_([A-Za-z0-9_-]{43})")
_DEVICE_TOKEN: Final = re.compile(r"dt_([0-9a-f]{2})_[A-Za-z0-9_-]{43}")


class Key(msgspec.Struct, frozen=True):
    """A retailer's (or, without `retailer_id`, an admin's) key, after it was checked.

    `first_key_id` is the key that this one goes back to by rotations; itself, if it replaced none.
    """

    key_id: str
    first_key_id: str
    retailer_id: int | None
    role: Role

    @property
    def principal(self) -> str:
        """Who it is to an `Idempotency-Key`: a rotation changes the secret, not who asks."""
        return f"key:{self.first_key_id}"


class Phone(msgspec.Struct, frozen=True):
    """The device that asks, after its token was checked."""

    bucket: int
    customer_id: UUID
    device_id: UUID
    language: str

    @property
    def principal(self) -> str:
        return f"device:{self.device_id}"


# How a handler asks for whoever passed its guard: `key: AuthKey`, `phone: AuthPhone`.
AuthKey: TypeAlias = NamedDependency[Key]
AuthPhone: TypeAlias = NamedDependency[Phone]

# Retailer keys -------------------------------------------------------------------------------


def new_key() -> tuple[str, str, bytes]:
    """(key_id, the key as it is shown once, the hash that is kept)."""
    key_id = base64.b32encode(secrets.token_bytes(10)).decode().lower()[:12]
    secret = secrets.token_urlsafe(32)
    return key_id, f"ak_{key_id}_{secret}", hashlib.sha256(secret.encode()).digest()


def key_id_of(key: str) -> str:
    """The part of a key that may be shown. Raises Unauthenticated for what is no key."""
    if (match := _KEY.fullmatch(key)) is None:
        raise Unauthenticated("This is not a retailer key.")
    return match[1]


async def create_admin_key(connection: asyncpg.Connection, label: str = "") -> str:
    """Make an admin key and return it; it cannot be read again."""
    key_id, key, secret_hash = new_key()
    await connection.execute(
        "INSERT INTO api_keys (key_id, first_key_id, role, label, secret_hash, created_at)"
        " VALUES ($1, $1, 'admin', $2, $3, alentour_now())",
        key_id,
        label,
        secret_hash,
    )
    return key


async def create_retailer_key(
    connection: asyncpg.Connection, retailer_id: int, role: Role, label: str = ""
) -> str:
    """The same for a retailer's key. Raises NotFound for an unknown retailer, InvalidInput for `admin`."""
    if role == "admin":
        raise InvalidInput("An admin key belongs to no retailer.")
    key_id, key, secret_hash = new_key()
    made = await connection.fetchval(
        "INSERT INTO api_keys (key_id, first_key_id, retailer_id, role, label, secret_hash, created_at)"
        " SELECT $1, $1, retailer_id, $3, $4, $5, alentour_now() FROM retailers WHERE retailer_id = $2"
        " RETURNING key_id",
        key_id,
        retailer_id,
        role,
        label,
        secret_hash,
    )
    if made is None:
        raise NotFound("There is no such retailer.")
    return key


async def check_key(connection: asyncpg.Connection, header: str | None) -> Key:
    """The key in an `Authorization` header. Raises Unauthenticated, never saying which part was wrong."""
    match = _KEY.fullmatch(_bearer(header))
    if match is None:
        raise Unauthenticated("This is not a retailer key.")
    row = await connection.fetchrow(
        "SELECT key_id, first_key_id, retailer_id, role, secret_hash FROM api_keys"
        " WHERE key_id = $1 AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > alentour_now())",
        match[1],
    )
    shown = hashlib.sha256(match[2].encode()).digest()
    if row is None or not hmac.compare_digest(shown, row["secret_hash"]):
        raise Unauthenticated("This key is unknown, expired or revoked.")
    return Key(row["key_id"], row["first_key_id"], row["retailer_id"], row["role"])


class requires:  # noqa: N801 - reads as a word where it is used: guards=[requires("manage")]
    """Litestar guard: lets in keys that may act as `role`, and leaves the `Key` for the handler."""

    security_scheme: ClassVar[str] = "retailerKey"

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        database: Database = connection.app.state.database
        rates: Rates = connection.app.state.rates
        header = connection.headers.get("authorization")
        with rates.trial(connection.scope, header):
            async with database.connection() as plain:
                key = await check_key(plain, header)
        rates.spend(rates.keys, key.principal, handler)
        if key.role not in OPENED_BY[self.role]:
            raise Forbidden(f"This needs a key with the role '{self.role}'; this one has '{key.role}'.")
        connection.scope["auth"] = key
        audit.expect_entry(connection, handler, key, is_till=self.role == "till")


def provide_key(scope: Scope) -> Key:
    """Dependency `key`; its route must be guarded by `requires(…)`."""
    key = scope.get("auth")
    assert isinstance(key, Key), "the route takes `key` but has no requires(…) guard"
    return key


def tenant_of(key: Key, retailer_id: int | None) -> int:
    """The retailer a request is about: the key's own, or for an admin the one named.

    Raises NotFound when a retailer's key names another (it must look as if there were none),
    InvalidInput when an admin names nobody.
    """
    if key.retailer_id is None:
        if retailer_id is None:
            raise InvalidInput("An admin key must name the retailer: ?retailer_id=…")
        return retailer_id
    if retailer_id is not None and retailer_id != key.retailer_id:
        raise NotFound("There is no such retailer.")
    return key.retailer_id


# Device tokens -------------------------------------------------------------------------------


def parse_device_token(header: bytes | str | None) -> tuple[int, bytes]:
    """(bucket, token hash) of an `Authorization` header; raises Unauthenticated. Asks no database."""
    token = _bearer(header)
    match = _DEVICE_TOKEN.fullmatch(token)
    if match is None or (bucket := int(match[1], 16)) >= BUCKETS:
        raise Unauthenticated("This is not a device token.")
    return bucket, hash_of_token(token)


async def check_device_token(connection: asyncpg.Connection, header: bytes | str | None) -> Phone:
    """The active device behind a token; a `next` token becomes the current one by being used.

    That it was used is noted, once a week: of whom nothing is heard is one day erased.
    """
    bucket, token_hash = parse_device_token(header)
    row = await connection.fetchrow(
        "SELECT t.status AS kept, t.device_id, t.customer_id, d.status, c.language,"
        " coalesce(d.seen_on, d.created_at::date) < alentour_now()::date - 7 AS is_news"
        " FROM device_tokens t"
        " JOIN devices d ON d.bucket = t.bucket AND d.device_id = t.device_id"
        " JOIN customers c ON c.bucket = d.bucket AND c.customer_id = d.customer_id"
        " WHERE t.bucket = $1 AND t.token_hash = $2",
        bucket,
        token_hash,
    )
    if row is None or row["status"] == "revoked":
        raise Unauthenticated("This device token is unknown or revoked.")
    if row["status"] == "pending":
        raise not_let_in_yet()
    if row["kept"] == "next":
        async with connection.transaction():
            await lock_customers(connection, CustomerKey(bucket, row["customer_id"]))
            await promote_token(connection, bucket, row["device_id"], token_hash)
    if row["is_news"]:
        await note_seen(connection, CustomerKey(bucket, row["customer_id"]), row["device_id"])
    return Phone(bucket, row["customer_id"], row["device_id"], row["language"])


class _RequiresPhone:
    """Litestar guard: lets in active devices, and leaves the `Phone` for the handler."""

    security_scheme: ClassVar[str] = "deviceToken"

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        database: Database = connection.app.state.database
        rates: Rates = connection.app.state.rates
        header = connection.headers.get("authorization")
        with rates.trial(connection.scope, header):
            async with database.connection() as plain:
                phone = await check_device_token(plain, header)
        rates.spend(rates.devices, phone.principal, handler)
        connection.scope["auth"] = phone


requires_phone: Final = _RequiresPhone()


def provide_phone(scope: Scope) -> Phone:
    """Dependency `phone`; its route must be guarded by `requires_phone`."""
    phone = scope.get("auth")
    assert isinstance(phone, Phone), "the route takes `phone` but has no requires_phone guard"
    return phone


def _bearer(header: bytes | str | None) -> str:
    """The token of `Bearer <token>`. Raises Unauthenticated when there is none."""
    if header is None:
        raise Unauthenticated("Credentials are missing: Authorization: Bearer …")
    text = header.decode("latin-1") if isinstance(header, bytes) else header
    scheme, _, token = text.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Credentials are missing: Authorization: Bearer …")
    return token.strip()
