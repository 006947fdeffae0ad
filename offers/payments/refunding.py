"""Refunds at the provider: the cashier's other half, with the same claims and the same one transaction.

A refund that was answered by silence is looked for before it is asked for again. Owns the writing of a
refund's outcome; `offers.payments.refunds` owns the asking.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import structlog

from offers.payments.ledger import post_refund
from offers.payments.payments import COLUMNS as PAYMENT_COLUMNS
from offers.payments.payments import Payment, read_payment, read_row
from offers.payments.port import Provider, ProviderRefused, ProviderSilent, RefundOutcome
from offers.payments.refunds import COLUMNS, Refund, read_refund
from offers.payments.states import after_refund, before
from offers.people.customers import lock_somebody
from offers.people.keys import CustomerKey

CLAIM_S: Final = 60
LONGEST_PAUSE_S: Final = 3_600

_CLAIM: Final = f"""
    UPDATE refunds SET claim = $4, claimed_until = clock_timestamp() + make_interval(secs => $5),
        look_at = clock_timestamp() + make_interval(secs => $5), attempts = attempts + 1
    WHERE bucket = $1 AND customer_id = $2 AND refund_id = $3 AND state = 'requested'
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
    RETURNING {COLUMNS}
"""  # noqa: S608 - names of this package
_PAUSE: Final = """
    UPDATE refunds SET claim = NULL, claimed_until = NULL,
        look_at = clock_timestamp() + make_interval(secs => least($5, power(2, least(attempts, 12)))::integer)
    WHERE bucket = $1 AND customer_id = $2 AND refund_id = $3 AND claim = $4 AND state = 'requested'
"""
_FINISH: Final = f"""
    UPDATE refunds SET state = $4, provider_ref = $5, settled_at = $6, look_at = NULL, claim = NULL,
        claimed_until = NULL
    WHERE bucket = $1 AND customer_id = $2 AND refund_id = $3 AND state = 'requested'
    RETURNING {COLUMNS}
"""  # noqa: S608 - the same
_GIVE_BACK: Final = f"""
    UPDATE payments SET refunding_minor = refunding_minor - $4,
        refunded_minor = refunded_minor + $4, state = $5
    WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3 AND state = ANY($6::text[])
    RETURNING {PAYMENT_COLUMNS}
"""  # noqa: S608 - the same
_UNRESERVE: Final = """
    UPDATE payments SET refunding_minor = refunding_minor - $4
    WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3
"""
_OPEN: Final = """
    SELECT refund_id FROM refunds
    WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3 AND state = 'requested'
"""

_log: Final = structlog.get_logger("alentour.payments")


class Claimed(NamedTuple):
    """A refund that is ours to settle for now, and the payment it is of."""

    refund: Refund
    payment: Payment
    claim: UUID


class Refunding:
    """Settles refunds; shares the providers and hooks of the cashier."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        providers: Mapping[str, Provider],
        hooks: Mapping[str, Callable[[asyncpg.Connection, CustomerKey, Payment, datetime], Awaitable[None]]],
    ) -> None:
        self._pool = pool
        self._providers = providers
        self._hooks = hooks

    async def settle(self, key: CustomerKey, refund_id: UUID) -> Refund:
        """As `Cashier.settle`."""
        claimed = await self._claim(key, refund_id)
        if claimed is not None:
            try:
                outcome = await self._ask(key.bucket, claimed)
                await self._write(key, claimed, outcome)
            except (ProviderSilent, ProviderRefused) as error:
                _log.warning("refund_not_settled", provider=claimed.payment.provider, reason=str(error))
                await self._pause(key, claimed)
        async with self._pool.acquire() as connection:
            return await read_refund(connection, key, refund_id)

    async def settle_those_of(self, key: CustomerKey, payment_id: UUID) -> None:
        for row in await self._pool.fetch(_OPEN, *key, payment_id):
            await self.settle(key, row["refund_id"])

    async def _ask(self, bucket: int, claimed: Claimed) -> RefundOutcome:
        refund, payment, _ = claimed
        provider = self._providers.get(payment.provider or "")
        if provider is None or payment.provider_ref is None:
            raise ProviderRefused(f"the provider {payment.provider} is not configured any more")
        outcome = await provider.refund(
            payment.provider_ref, payment.order(bucket), refund.refund_id, refund.amount_minor
        )
        if outcome.state == "pending":
            raise ProviderSilent("the provider has not decided yet")
        return outcome

    @contextlib.asynccontextmanager
    async def _held(self, key: CustomerKey) -> AsyncIterator[tuple[asyncpg.Connection, datetime]]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection, await lock_somebody(connection, key)

    async def _claim(self, key: CustomerKey, refund_id: UUID) -> Claimed | None:
        claim = uuid4()
        async with self._held(key) as (connection, _):
            row = await connection.fetchrow(_CLAIM, *key, refund_id, claim, CLAIM_S)
            if row is None:
                return None
            refund = Refund(**dict(row))
            return Claimed(refund, await read_payment(connection, key, refund.payment_id), claim)

    async def _pause(self, key: CustomerKey, claimed: Claimed) -> None:
        async with self._held(key) as (connection, _):
            await connection.execute(_PAUSE, *key, claimed.refund.refund_id, claimed.claim, LONGEST_PAUSE_S)

    async def _write(self, key: CustomerKey, claimed: Claimed, outcome: RefundOutcome) -> None:
        refund = claimed.refund
        async with self._held(key) as (connection, now):
            done = await connection.fetchval(
                _FINISH, *key, refund.refund_id, outcome.state, outcome.refund_ref, now
            )
            if done is None:
                return  # somebody else was faster, and wrote the same
            if outcome.state == "failed":
                _log.warning("refund_failed", provider=claimed.payment.provider)
                await connection.execute(_UNRESERVE, *key, refund.payment_id, refund.amount_minor)
                return
            await self._give_back(connection, key, refund, now)

    async def _give_back(
        self, connection: asyncpg.Connection, key: CustomerKey, refund: Refund, now: datetime
    ) -> None:
        payment = await read_payment(connection, key, refund.payment_id)
        to = after_refund(payment.captured_minor, payment.refunded_minor + refund.amount_minor)
        row = await connection.fetchrow(
            _GIVE_BACK, *key, refund.payment_id, refund.amount_minor, to, before(to)
        )
        assert row is not None, "the customer is locked, and the move was found legal"
        written = read_row(row)
        await post_refund(connection, key, written, refund.refund_id, refund.amount_minor, now)
        if hook := self._hooks.get(written.subject):
            await hook(connection, key, written, now)
