"""The rows of refunds: asked for in the caller's transaction, which reserves the amount on the payment.

That reservation is what bounds them: the database holds refunded + refunding ≤ captured, whatever a
provider would allow. Who asks the provider is `offers.payments.cashier`.
"""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from offers.payments.payments import FIRST_LOOK_S, read_payment
from offers.payments.states import PAID, IllegalMove, RefundState
from offers.people.keys import CustomerKey

COLUMNS: Final = (
    "refund_id, payment_id, operation_id, amount_minor, state, reason, provider_ref, created_at, settled_at"
)
_OF_OPERATION: Final = f"""
    SELECT customer_id, {COLUMNS} FROM refunds WHERE bucket = $1 AND operation_id = $2
"""  # noqa: S608 - names of this module
_READ: Final = f"""
    SELECT {COLUMNS} FROM refunds WHERE bucket = $1 AND customer_id = $2 AND refund_id = $3
"""  # noqa: S608 - the same
_OF_PAYMENT: Final = f"""
    SELECT {COLUMNS} FROM refunds WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3
    ORDER BY created_at, refund_id
"""  # noqa: S608 - the same
_RESERVE: Final = """
    UPDATE payments SET refunding_minor = refunding_minor + $4
    WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3 AND state = ANY($5::text[])
      AND refunded_minor + refunding_minor + $4 <= captured_minor
    RETURNING payment_id
"""
_ADD: Final = f"""
    INSERT INTO refunds (bucket, customer_id, refund_id, payment_id, operation_id, amount_minor, state,
                         reason, first_key_id, created_at, look_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'requested', $7, $8, $9, clock_timestamp() + make_interval(secs => $10))
    RETURNING {COLUMNS}
"""  # noqa: S608 - the same


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """One refund as its row is."""

    refund_id: UUID
    payment_id: UUID
    operation_id: UUID
    amount_minor: int
    state: RefundState
    reason: str
    provider_ref: str | None
    created_at: datetime
    settled_at: datetime | None


async def begin_refund(
    connection: asyncpg.Connection,
    key: CustomerKey,
    *,
    operation_id: UUID,
    payment_id: UUID,
    amount_minor: int | None,
    reason: str,
    now: datetime,
    first_key_id: str | None = None,
) -> Refund:
    """Write a refund in state `requested`, in the caller's transaction, which has locked the customer.

    `amount_minor` None: all that is left. The same `operation_id` again gives the same refund again. After
    COMMIT, await `Cashier.settle_refund(key, refund.refund_id)`. Raises NotFound for an unknown payment,
    IllegalMove `payment_state` for one that was not captured, Conflict `refund_too_large`, Conflict
    `payment_mismatch` where the operation began another refund before, InvalidInput.
    """
    _check(amount_minor, reason)
    done = await connection.fetchrow(_OF_OPERATION, key.bucket, operation_id)
    if done is not None:
        return _done_before(done, payment_id, amount_minor)
    payment = await read_payment(connection, key, payment_id)
    if payment.state not in PAID:
        raise IllegalMove(f"A payment that is {payment.state} has nothing to refund.")
    wanted = payment.refundable_minor if amount_minor is None else amount_minor
    reserved = wanted and await connection.fetchval(_RESERVE, *key, payment_id, wanted, sorted(PAID))
    if not reserved:
        raise Conflict(
            f"Only {payment.refundable_minor} {payment.currency} (minor units) are left to refund.",
            code="refund_too_large",
        )
    row = await connection.fetchrow(
        _ADD, *key, uuid4(), payment_id, operation_id, wanted, reason, first_key_id, now, FIRST_LOOK_S
    )
    return Refund(**dict(row))


async def read_refund(connection: asyncpg.Connection, key: CustomerKey, refund_id: UUID) -> Refund:
    """Raises NotFound."""
    row = await connection.fetchrow(_READ, *key, refund_id)
    if row is None:
        raise NotFound("There is no such refund.")
    return Refund(**dict(row))


async def list_refunds(connection: asyncpg.Connection, key: CustomerKey, payment_id: UUID) -> list[Refund]:
    """Of one payment, oldest first."""
    return [Refund(**dict(row)) for row in await connection.fetch(_OF_PAYMENT, *key, payment_id)]


def _done_before(done: asyncpg.Record, payment_id: UUID, amount_minor: int | None) -> Refund:
    members = dict(done)
    del members["customer_id"]
    refund = Refund(**members)
    if refund.payment_id != payment_id or amount_minor not in (None, refund.amount_minor):
        raise Conflict("This operation began another refund before.", code="payment_mismatch")
    return refund


def _check(amount_minor: int | None, reason: str) -> None:
    faults = []
    if amount_minor is not None and amount_minor < 1:
        faults.append(Fault("amount_minor", "must be at least 1"))
    if not (1 <= len(reason) <= 200 and reason.isprintable()):
        faults.append(Fault("reason", "must be 1 to 200 printable characters"))
    if faults:
        raise InvalidInput("This cannot be refunded.", faults=tuple(faults))
