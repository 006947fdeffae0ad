"""Erasure: a person goes, from every table, in one transaction under the locks of all they were.

What must be shown later is kept as proofs (`offers.people.proofs`), what was given as numbers
(`offers.retail.outlived`). Owns the list of tables that hold people: a table with a customer's or a
device's id that is not in `OWNED` or `SHARED` fails a test.

Lock order as in `offers.people.registration`: installations first, then customers. A flush that holds a
customer finishes before; one that comes later finds nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import Unavailable
from offers.buckets import bucket_of_text
from offers.parking.rights import leave_rights
from offers.payments.outliving import keep_ledger, refuse_while_money_moves
from offers.people import installations
from offers.people.customers import CustomerKey, Gone, lock_customers
from offers.people.installations import Installation
from offers.people.proofs import ProofKey, keep_consents, keep_redemptions
from offers.retail.outlived import keep_counts

# Rows of one customer, found by (bucket, customer_id), in an order that foreign keys allow. A new table
# of a person's is one more line here.
OWNED: Final = (
    "customer_diets",
    "ledger_entries",
    "refunds",
    "payments",
    "redemptions",
    "deliveries",
    "earlier_deliveries",
    "holdouts",
    "held_offers",
    "crossings",
    "timers",
    "previews",
    "parking_purchases",
    "parking_sessions",
    "parking_quotes",
    "parking_prompts",
    "test_phones",
    "customer_references",
    "customer_attributes",
    "device_tokens",
    "device_states",
    "parking_plates",
    "link_codes",
    "consents",
    "customer_looks",
    "former_customers",
    "devices",
    "customers",
)
# Rows that are found otherwise, each by a statement of its own below.
SHARED: Final[Mapping[str, str]] = {
    "installations": "by the devices they are",
    "idempotency_keys": "by the devices that asked, and by the redemptions and refunds that keys asked for",
    "offer_codes": "by the deliveries they were shown for; the code itself is the shop's, and stays used",
    "parking_rights": "by the stays they came of; one that still holds stays until its end, of nobody",
    "former_customers": "where another customer was this one before",
}
# They name nobody: proofs under a key that is elsewhere, and numbers.
KEPT: Final = frozenset({"consent_proofs", "redemption_proofs", "ledger_proofs", "delivery_totals"})

_ATTEMPTS: Final = 3

_FORMER: Final = """
    SELECT former_bucket, former_customer_id FROM former_customers
    WHERE (bucket, customer_id) IN (SELECT * FROM unnest($1::smallint[], $2::uuid[]))
"""
_DEVICES: Final = """
    SELECT bucket, device_id FROM devices
    WHERE (bucket, customer_id) IN (SELECT * FROM unnest($1::smallint[], $2::uuid[]))
"""
# A phone of this person that waits to be let in by somebody else.
_APPLICATIONS: Final = """
    SELECT l.bucket, l.customer_id, l.code_id, l.device_id FROM link_codes AS l
    JOIN devices AS d ON d.bucket = l.bucket AND d.device_id = l.device_id AND d.status = 'pending'
    WHERE (l.installation_bucket, l.installation_hash) IN (SELECT * FROM unnest($1::smallint[], $2::bytea[]))
"""
_WITHDRAW_CODE: Final = "DELETE FROM link_codes WHERE bucket = $1 AND code_id = $2"
_WITHDRAW_DEVICE: Final = "DELETE FROM devices WHERE bucket = $1 AND device_id = $2 AND status = 'pending'"
_FORGET_ANSWERS: Final = "DELETE FROM idempotency_keys WHERE bucket = $1 AND principal = $2"
_TILLS: Final = """
    SELECT k.first_key_id, array_agg(r.operation_id) AS operations
    FROM redemptions AS r JOIN api_keys AS k ON k.key_id = r.key_id
    WHERE (r.bucket, r.customer_id) IN (SELECT * FROM unnest($1::smallint[], $2::uuid[]))
    GROUP BY k.first_key_id
"""
_REFUNDERS: Final = """
    SELECT first_key_id, array_agg(operation_id) AS operations FROM refunds
    WHERE (bucket, customer_id) IN (SELECT * FROM unnest($1::smallint[], $2::uuid[]))
      AND first_key_id IS NOT NULL
    GROUP BY first_key_id
"""
_FORGET_TILL_ANSWERS: Final = """
    DELETE FROM idempotency_keys
    WHERE bucket = $1 AND principal = $2 AND operation_id = ANY($3::uuid[])
"""
_IS_THERE: Final = "SELECT 1 FROM customers WHERE bucket = $1 AND customer_id = $2"
_FORGET_WHO_CLAIMED: Final = """
    UPDATE offer_codes SET bucket = NULL, customer_id = NULL, delivery_id = NULL
    WHERE bucket = $1 AND customer_id = $2
"""
_FORGET_SUCCESSION: Final = """
    DELETE FROM former_customers WHERE former_bucket = $1 AND former_customer_id = $2
"""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """When it was done, and how much is proven without the person: answers, redemptions, the ledger."""

    erased_at: datetime
    consents_proven: int
    redemptions_proven: int
    payments_proven: int = 0


class Reach(msgspec.Struct, frozen=True):
    """All that one erasure concerns: the person's ids, phones and installations, and where these apply."""

    customers: tuple[CustomerKey, ...]
    devices: frozenset[tuple[int, UUID]]
    installations: frozenset[Installation]
    applications: frozenset[tuple[int, UUID, str, UUID]]

    @property
    def locked(self) -> list[CustomerKey]:
        return [*self.customers, *(CustomerKey(bucket, who) for bucket, who, *_ in self.applications)]


async def erase(connection: asyncpg.Connection, key: CustomerKey, proof_key: ProofKey) -> Erased:
    """Erase the person who is this customer, and was those they joined it from.

    Raises Gone if somebody was faster, Unavailable if a phone of the person keeps joining meanwhile, or a
    payment of theirs is being settled at this moment.
    """
    reach, now = await hold(connection, key)
    return await erase_held(connection, reach, proof_key, now)


async def hold(connection: asyncpg.Connection, key: CustomerKey) -> tuple[Reach, datetime]:
    """Lock all that erasing this customer concerns; the time under these locks. Raises as `erase`."""
    for _ in range(_ATTEMPTS):
        attempt = connection.transaction()  # a savepoint: undone, its locks are free
        await attempt.start()
        reach = await _reach_of(connection, key, locking=True)
        now = await _locked(connection, reach, key)
        if now is not None and await _reach_of(connection, key) == reach:
            await attempt.commit()
            return reach, now
        await attempt.rollback()
    raise Unavailable("A phone is being registered at this moment; try again.")


async def _locked(connection: asyncpg.Connection, reach: Reach, key: CustomerKey) -> datetime | None:
    """The time under all the locks; None where somebody else of the reach has gone meanwhile."""
    try:
        return await lock_customers(connection, *reach.locked)
    except Gone:
        if await connection.fetchval(_IS_THERE, *key) is None:
            raise
        return None


async def people_of(connection: asyncpg.Connection, key: CustomerKey) -> list[CustomerKey]:
    """This customer, then all that they were before."""
    found = [key]
    while True:
        rows = await connection.fetch(_FORMER, *_columns(found))
        new = [one for one in (CustomerKey(*row) for row in rows) if one not in found]
        if not new:
            return found
        found += sorted(set(new))


async def _reach_of(connection: asyncpg.Connection, key: CustomerKey, *, locking: bool = False) -> Reach:
    customers = await people_of(connection, key)
    devices = [(row[0], row[1]) for row in await connection.fetch(_DEVICES, *_columns(customers))]
    found = await installations.of_devices(connection, devices)
    for installation in found if locking else ():
        await installations.lock(connection, installation)
    applications = await connection.fetch(_APPLICATIONS, *_columns(found))
    return Reach(
        customers=tuple(customers),
        devices=frozenset(devices),
        installations=frozenset(found),
        applications=frozenset(
            (bucket, customer_id, code_id, device_id)
            for bucket, customer_id, code_id, device_id in applications
            if (bucket, customer_id) not in customers
        ),
    )


async def erase_held(
    connection: asyncpg.Connection, reach: Reach, proof_key: ProofKey, now: datetime
) -> Erased:
    """Erase what `hold` holds."""
    consents = redemptions = payments = 0
    for key in sorted(reach.customers):
        await refuse_while_money_moves(connection, key)
    await _forget_answers(connection, reach)
    for installation in reach.installations:
        await installations.forget(connection, installation)
    for bucket, _, code_id, device_id in reach.applications:
        await connection.execute(_WITHDRAW_CODE, bucket, code_id)
        await connection.execute(_WITHDRAW_DEVICE, bucket, device_id)
    for key in sorted(reach.customers):
        consents += await keep_consents(connection, key, proof_key, now)
        redemptions += await keep_redemptions(connection, key.bucket, [key.customer_id], proof_key)
        payments += await keep_ledger(connection, key.bucket, [key.customer_id], proof_key)
        await keep_counts(connection, key.bucket, [key.customer_id])
        await connection.execute(_FORGET_SUCCESSION, *key)
        await connection.execute(_FORGET_WHO_CLAIMED, *key)
        await leave_rights(connection, key, now)
        for statement in _DELETE:
            await connection.execute(statement, *key)
    return Erased(
        erased_at=now,
        consents_proven=consents,
        redemptions_proven=redemptions,
        payments_proven=payments,
    )


async def _forget_answers(connection: asyncpg.Connection, reach: Reach) -> None:
    """Answers kept for retries repeat what they answered: to the person's phones, and to keys."""
    for _, device_id in reach.devices:
        await connection.execute(_FORGET_ANSWERS, *_principal(f"device:{device_id}"))
    for statement in (_TILLS, _REFUNDERS):
        for key, operations in await connection.fetch(statement, *_columns(reach.customers)):
            await connection.execute(_FORGET_TILL_ANSWERS, *_principal(f"key:{key}"), operations)


def _principal(name: str) -> tuple[int, str]:
    return bucket_of_text(name), name


def _columns(pairs: Iterable[Sequence[object]]) -> tuple[list[object], ...]:
    """Rows of two as two columns, for unnest."""
    listed = list(pairs)
    return [first for first, _ in listed], [second for _, second in listed]


_DELETE: Final = tuple(
    f"DELETE FROM {table} WHERE bucket = $1 AND customer_id = $2"  # noqa: S608 - names of this module
    for table in OWNED
)
