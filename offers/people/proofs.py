"""Proofs: that a yes or no was said and a code was used, of people who are gone, without the people.

An id is replaced by its HMAC-SHA-256 under a key that no database holds (docs/adr/0012). Whoever has the
key and an id that a person or a till shows can find what was kept of it; the rows alone lead to nobody.
Owns the two tables of proofs and the form of a proof. Where the key comes from is `api.erasure_key`'s.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg
import msgspec

from offers.buckets import bucket_of
from offers.codes import bucket_of_code, normalise_code
from offers.people.customers import CustomerKey

SECRET_BYTES: Final = 32
Kind = Literal["customer", "consent", "redemption", "code", "payment", "cause", "provider"]

_CONSENTS: Final = """
    SELECT consent_id, purpose, retailer_id, channel, is_granted, notice_version, language, recorded_at
    FROM consents WHERE bucket = $1 AND customer_id = $2 ORDER BY recorded_at, consent_id
"""
_REDEMPTIONS: Final = """
    SELECT r.customer_id, r.redemption_id, d.code, r.offer_id, r.retailer_id, r.site_id, r.key_id,
           r.redeemed_at
    FROM redemptions AS r
    JOIN deliveries AS d ON d.bucket = r.bucket AND d.customer_id = r.customer_id
                        AND d.delivery_id = r.delivery_id
    WHERE r.bucket = $1 AND r.customer_id = ANY($2::uuid[])
      AND ($3::uuid[] IS NULL OR r.delivery_id = ANY($3))
"""
_KEEP_CONSENT: Final = """
    INSERT INTO consent_proofs (bucket, customer_proof, consent_proof, key_name, position, purpose,
                                retailer_id, channel, is_granted, notice_version, language,
                                recorded_on, erased_on)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING
"""
_KEEP_REDEMPTION: Final = """
    INSERT INTO redemption_proofs (bucket, customer_proof, redemption_proof, code_proof, key_name,
                                   offer_id, retailer_id, site_id, till_key_id, redeemed_on)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
"""
_PROVEN_CONSENTS: Final = """
    SELECT purpose, retailer_id, channel, is_granted AS granted, notice_version, language, recorded_on,
           erased_on
    FROM consent_proofs WHERE bucket = $1 AND customer_proof = $2 ORDER BY position
"""
_PROVEN_REDEMPTIONS: Final = """
    SELECT offer_id, retailer_id, site_id, till_key_id, redeemed_on
    FROM redemption_proofs WHERE bucket = $1 AND customer_proof = $2
    ORDER BY redeemed_on, offer_id
"""


_PROVEN_PAYMENTS: Final = """
    SELECT kind, amount_minor, currency, retailer_id, posted_on FROM ledger_proofs
    WHERE bucket = $1 AND customer_proof = $2 ORDER BY posted_on, kind, amount_minor
"""
_PROVEN_CODE: Final = """
    SELECT offer_id, retailer_id, site_id, till_key_id, redeemed_on
    FROM redemption_proofs WHERE bucket = $1 AND code_proof = $2
"""


class ProofKey(msgspec.Struct, frozen=True):
    """The secret under which ids become proofs. Never shown: `name` tells one from another."""

    secret: bytes

    def __repr__(self) -> str:
        return f"ProofKey({self.name})"

    @property
    def name(self) -> str:
        return hashlib.sha256(b"alentour proof key name\0" + self.secret).hexdigest()[:16]

    def proof(self, kind: Kind, value: str | UUID) -> bytes:
        """The same for the same value under the same key; 32 bytes."""
        return hmac.digest(self.secret, f"{kind}:{value}".encode(), "sha256")


class ProvenConsent(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of somebody who is gone."""

    purpose: str
    retailer_id: int | None
    channel: str | None
    granted: bool
    notice_version: int
    language: str
    recorded_on: date
    erased_on: date


class ProvenRedemption(msgspec.Struct, frozen=True, kw_only=True):
    """One code that somebody who is gone used."""

    offer_id: int
    retailer_id: int
    site_id: int | None
    till_key_id: str
    redeemed_on: date


class ProvenEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Money that somebody who is gone paid, or was given back."""

    kind: Literal["capture", "refund"]
    amount_minor: int
    currency: str
    retailer_id: int
    posted_on: date


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one customer who is gone."""

    consents: list[ProvenConsent]
    redemptions: list[ProvenRedemption]
    payments: list[ProvenEntry]


async def keep_consents(
    connection: asyncpg.Connection, key: CustomerKey, proof_key: ProofKey, now: datetime
) -> int:
    """Prove every answer of a customer who is about to go; how many there were. The customer is locked."""
    customer = proof_key.proof("customer", key.customer_id)
    rows = await connection.fetch(_CONSENTS, *key)
    await connection.executemany(
        _KEEP_CONSENT,
        [
            (
                key.bucket,
                customer,
                proof_key.proof("consent", row["consent_id"]),
                proof_key.name,
                position,
                row["purpose"],
                row["retailer_id"],
                row["channel"],
                row["is_granted"],
                row["notice_version"],
                row["language"],
                row["recorded_at"].date(),
                now.date(),
            )
            for position, row in enumerate(rows, start=1)
        ],
    )
    return len(rows)


async def keep_redemptions(
    connection: asyncpg.Connection,
    bucket: int,
    customer_ids: Iterable[UUID],
    proof_key: ProofKey,
    delivery_ids: list[UUID] | None = None,
) -> int:
    """Prove the redemptions of these locked customers (only of these deliveries, if named)."""
    rows = await connection.fetch(_REDEMPTIONS, bucket, list(customer_ids), delivery_ids)
    await connection.executemany(
        _KEEP_REDEMPTION,
        [
            (
                bucket,
                proof_key.proof("customer", row["customer_id"]),
                proof_key.proof("redemption", row["redemption_id"]),
                proof_key.proof("code", row["code"]),
                proof_key.name,
                row["offer_id"],
                row["retailer_id"],
                row["site_id"],
                row["key_id"],
                row["redeemed_at"].date(),
            )
            for row in rows
        ],
    )
    return len(rows)


async def read_proofs(connection: asyncpg.Connection, key: CustomerKey, proof_key: ProofKey) -> Proven:
    """What is kept under this key of a customer who is gone; nothing of one it does not know."""
    customer = proof_key.proof("customer", key.customer_id)
    consents = await connection.fetch(_PROVEN_CONSENTS, key.bucket, customer)
    redemptions = await connection.fetch(_PROVEN_REDEMPTIONS, key.bucket, customer)
    payments = await connection.fetch(_PROVEN_PAYMENTS, key.bucket, customer)
    return Proven(
        consents=[ProvenConsent(**dict(row)) for row in consents],
        redemptions=[ProvenRedemption(**dict(row)) for row in redemptions],
        payments=[ProvenEntry(**dict(row)) for row in payments],
    )


async def look_up(connection: asyncpg.Connection, customer_id_or_code: str, proof_key: ProofKey) -> Proven:
    """For whoever is shown an id by a person, or a code by a till. Raises InvalidInput for neither."""
    try:
        customer_id = UUID(customer_id_or_code)
    except ValueError:
        code = normalise_code(customer_id_or_code)
        proof = proof_key.proof("code", code)
        rows = await connection.fetch(_PROVEN_CODE, bucket_of_code(code), proof)
        return Proven(consents=[], redemptions=[ProvenRedemption(**dict(row)) for row in rows], payments=[])
    return await read_proofs(connection, CustomerKey(bucket_of(customer_id), customer_id), proof_key)
