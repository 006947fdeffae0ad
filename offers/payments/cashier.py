"""The cashier: asks the provider for what was committed, and writes what it answered, once.

Who settles holds a claim for as long as the provider may take, so that two never ask at the same time; and
should they, both would move the one intent whose reference was committed before anybody confirmed it. What
the provider says is written in one transaction with the ledger and the subject's hook, under the customer's
lock, guarded by the states it may follow. What stays open is `offers.payments.reconciling`'s to come back to.

Claims and deadlines are machine time: a provider does not follow a simulated clock.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import structlog

from geo.errors import NotFound
from offers.payments.ledger import post_capture
from offers.payments.payments import COLUMNS, Payment, read_payment, read_row
from offers.payments.port import (
    Hint,
    Outcome,
    PaymentMethodUnknown,
    Provider,
    ProviderRefused,
    ProviderSilent,
)
from offers.payments.refunding import Refunding
from offers.payments.refunds import Refund
from offers.payments.states import UNSETTLED, State, before, is_settled, path
from offers.people.customers import lock_somebody
from offers.people.keys import CustomerKey

# Longer than all the calls of one attempt together.
CLAIM_S: Final = 60
# What is not captured within a quarter of an hour is let go: nobody is charged for a thing of long ago.
GIVE_UP_AFTER_S: Final = 900
LONGEST_PAUSE_S: Final = 60
# Whoever finds another one settling waits so long for its outcome.
WAIT_FOR_ANOTHER_S: Final = 15.0

Hook: TypeAlias = Callable[[asyncpg.Connection, CustomerKey, Payment, datetime], Awaitable[None]]

_CLAIM: Final = f"""
    UPDATE payments SET claim = $4, claimed_until = clock_timestamp() + make_interval(secs => $5),
        look_at = clock_timestamp() + make_interval(secs => $5), attempts = attempts + 1,
        provider = coalesce(provider, $6)
    WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3 AND look_at IS NOT NULL
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
    RETURNING {COLUMNS}, begun_at < clock_timestamp() - make_interval(secs => $7) AS is_late
"""  # noqa: S608 - names of this package
_REMEMBER: Final = f"""
    UPDATE payments SET provider_ref = $5
    WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3 AND claim = $4 AND provider_ref IS NULL
    RETURNING {COLUMNS}
"""  # noqa: S608 - the same
_PAUSE: Final = """
    UPDATE payments SET claim = NULL, claimed_until = NULL,
        look_at = clock_timestamp() + make_interval(secs => least($5, power(2, least(attempts, 12)))::integer)
    WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3 AND claim = $4 AND look_at IS NOT NULL
"""
_WRITE: Final = f"""
    UPDATE payments SET state = $4, client_secret = $6, decline_reason = $7,
        captured_minor = CASE WHEN $4 = 'captured' THEN amount_minor ELSE captured_minor END,
        payment_method = CASE WHEN $8::timestamptz IS NULL THEN payment_method END,
        settled_at = $8,
        look_at = CASE WHEN $8::timestamptz IS NULL THEN clock_timestamp() + make_interval(secs => $9) END,
        claim = CASE WHEN $8::timestamptz IS NULL THEN claim END,
        claimed_until = CASE WHEN $8::timestamptz IS NULL THEN claimed_until END
    WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3 AND state = ANY($5::text[])
    RETURNING {COLUMNS}
"""  # noqa: S608 - the same
_OF_HINT: Final = f"SELECT customer_id, {COLUMNS} FROM payments WHERE bucket = $1 AND payment_id = $2"  # noqa: S608 - the same

_log: Final = structlog.get_logger("alentour.payments")


class Claimed(NamedTuple):
    """A payment that is ours to settle for now."""

    payment: Payment
    claim: UUID
    is_late: bool


class Cashier:
    """One in each worker. `provider` takes new payments; `others` only finish those that are theirs."""

    def __init__(self, pool: asyncpg.Pool, provider: Provider, others: Sequence[Provider] = ()) -> None:
        self.provider = provider
        self._pool = pool
        self._providers: Mapping[str, Provider] = {one.name: one for one in (*others, provider)}
        self._hooks: dict[str, Hook] = {}
        self._refunding = Refunding(pool, self._providers, self._hooks)
        for one in self._providers.values():
            one.listen(self.heard)

    def register(self, subject: str, hook: Hook) -> None:
        """Have `hook(connection, key, payment, now)` called in the transaction that writes a payment's state.

        It is called for `requires_action`, `captured`, `declined`, `cancelled`, `partially_refunded` and
        `refunded`, once each (`partially_refunded` once for every refund), with the customer locked. If it
        fails nothing is written, and the reconciler tries again.
        """
        self._hooks[subject] = hook

    async def settle(self, key: CustomerKey, payment_id: UUID) -> Payment:
        """Ask the provider, as often as you like: the customer is charged once. After the caller's COMMIT.

        The payment is told as it is by then: still `requested` or `authorised` where the provider did not
        answer, and then the reconciler comes back to it. Raises NotFound.
        """
        claimed = await self._claim(key, payment_id)
        if claimed is None:
            return await self._settled_by_another(key, payment_id)
        try:
            return await self._pursue(key, claimed)
        except ProviderSilent:
            _log.info("payment_provider_silent", provider=claimed.payment.provider)
        except ProviderRefused as error:
            _log.warning("payment_provider_refused", provider=claimed.payment.provider, reason=str(error))
        except Exception:
            await self._pause(key, claimed)
            raise
        await self._pause(key, claimed)
        return await self._read(key, payment_id)

    async def settle_refund(self, key: CustomerKey, refund_id: UUID) -> Refund:
        """The same for a refund."""
        return await self._refunding.settle(key, refund_id)

    async def heard(self, hint: Hint) -> None:
        """A webhook: whatever it said, and however often or late, look how the payment stands."""
        if hint.bucket is None or hint.payment_id is None:
            return
        row = await self._pool.fetchrow(_OF_HINT, hint.bucket, hint.payment_id)
        if row is None:
            await self._let_go(hint)
            return
        members = dict(row)
        key = CustomerKey(hint.bucket, members.pop("customer_id"))
        payment = Payment(**members)
        if (payment.provider, payment.provider_ref) != (hint.provider, hint.provider_ref):
            return  # of an intent that was opened and never used
        if payment.state in UNSETTLED and (claimed := await self._claim(key, payment.payment_id)):
            await self._settle_claimed(key, claimed)
        await self._refunding.settle_those_of(key, payment.payment_id)

    def is_test_money(self, payment: Payment) -> bool | None:
        """Whether nobody is charged; None where no provider was asked, or it is not configured any more."""
        provider = self._providers.get(payment.provider or "")
        return None if provider is None else provider.is_test_money

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.close()

    # One attempt ---------------------------------------------------------------------------------

    async def _settle_claimed(self, key: CustomerKey, claimed: Claimed) -> None:
        try:
            await self._pursue(key, claimed)
        except (ProviderSilent, ProviderRefused):
            await self._pause(key, claimed)

    async def _pursue(self, key: CustomerKey, claimed: Claimed) -> Payment:
        payment, claim, is_late = claimed
        provider = self._provider_of(payment)
        order = payment.order(key.bucket)
        if payment.provider_ref is None:
            if is_late:
                return await self._write(
                    key, payment, Outcome(state="cancelled", reason="not_in_time"), claim
                )
            try:
                provider_ref = await provider.open(order)
            except PaymentMethodUnknown:
                unknown = Outcome(state="declined", reason="unknown_payment_method")
                return await self._write(key, payment, unknown, claim)
            if await self._remember(key, payment, claim, provider_ref) is None:
                return await self._read(key, payment.payment_id)
            outcome = await provider.authorise(provider_ref, order)
        else:
            provider_ref = payment.provider_ref
            outcome = await provider.look(provider_ref, order)
            if outcome.state == "open" and not is_late:
                outcome = await provider.authorise(provider_ref, order)
        if is_late and outcome.state in {"open", "requires_action", "authorised"}:
            await provider.cancel(provider_ref)
            outcome = await provider.look(provider_ref, order)
        if outcome.state == "authorised":
            payment = await self._write(key, payment, outcome, claim)
            outcome = await provider.capture(provider_ref, order)
        if outcome.state == "declined":
            with contextlib.suppress(ProviderSilent, ProviderRefused):
                await provider.cancel(provider_ref)  # nobody brings it back to life later
        return await self._write(key, payment, outcome, claim)

    def _provider_of(self, payment: Payment) -> Provider:
        if (provider := self._providers.get(payment.provider or "")) is None:
            raise ProviderRefused(f"the provider {payment.provider} is not configured any more")
        return provider

    async def _let_go(self, hint: Hint) -> None:
        """Of somebody who is gone: what was authorised meanwhile is not kept waiting."""
        with contextlib.suppress(ProviderSilent, ProviderRefused, KeyError):
            await self._providers[hint.provider].cancel(hint.provider_ref)

    # Rows ----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _held(self, key: CustomerKey) -> AsyncIterator[tuple[asyncpg.Connection, datetime]]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection, await lock_somebody(connection, key)

    async def _claim(self, key: CustomerKey, payment_id: UUID) -> Claimed | None:
        claim = uuid4()
        async with self._held(key) as (connection, _):
            row = await connection.fetchrow(
                _CLAIM, *key, payment_id, claim, CLAIM_S, self.provider.name, GIVE_UP_AFTER_S
            )
        if row is None:
            return None
        members = dict(row)
        is_late = members.pop("is_late")
        return Claimed(Payment(**members), claim, is_late)

    async def _remember(
        self, key: CustomerKey, payment: Payment, claim: UUID, provider_ref: str
    ) -> Payment | None:
        """Commit which intent this payment is; None where somebody else has taken over."""
        async with self._held(key) as (connection, _):
            row = await connection.fetchrow(_REMEMBER, *key, payment.payment_id, claim, provider_ref)
        return row and read_row(row)

    async def _pause(self, key: CustomerKey, claimed: Claimed) -> None:
        with contextlib.suppress(NotFound):
            async with self._held(key) as (connection, _):
                await connection.execute(
                    _PAUSE, *key, claimed.payment.payment_id, claimed.claim, LONGEST_PAUSE_S
                )

    async def _write(self, key: CustomerKey, payment: Payment, outcome: Outcome, claim: UUID) -> Payment:
        """State, ledger and consequences in one transaction; the payment as it is afterwards."""
        if outcome.state == "open" or outcome.state == "processing":  # noqa: PLR1714 - mypy narrows this
            raise ProviderSilent("the provider has not decided yet")
        to: State = outcome.state
        async with self._held(key) as (connection, now):
            current = await read_payment(connection, key, payment.payment_id)
            if to == current.state or is_settled(current.state):
                written = current
            else:
                written = current
                for step in path(current.state, to):
                    written = await self._step(connection, key, payment.payment_id, step, outcome, now)
                if written.state == "captured":
                    await post_capture(connection, key, written, now)
                await self._tell(connection, key, written, now)
            if written.state == "requires_action":
                await connection.execute(_PAUSE, *key, payment.payment_id, claim, LONGEST_PAUSE_S)
        return written

    async def _step(
        self,
        connection: asyncpg.Connection,
        key: CustomerKey,
        payment_id: UUID,
        to: State,
        outcome: Outcome,
        now: datetime,
    ) -> Payment:
        secret = outcome.client_secret if to == "requires_action" else None
        reason = (outcome.reason or "unknown")[:100] if to in {"declined", "cancelled"} else None
        row = await connection.fetchrow(
            _WRITE, *key, payment_id, to, before(to), secret, reason,
            now if is_settled(to) else None, CLAIM_S,
        )  # fmt: skip
        assert row is not None, "the customer is locked, and the move was found legal"
        return read_row(row)

    async def _tell(
        self, connection: asyncpg.Connection, key: CustomerKey, payment: Payment, now: datetime
    ) -> None:
        if payment.state != "authorised" and (hook := self._hooks.get(payment.subject)):
            await hook(connection, key, payment, now)

    async def _read(self, key: CustomerKey, payment_id: UUID) -> Payment:
        async with self._pool.acquire() as connection:
            return await read_payment(connection, key, payment_id)

    async def _settled_by_another(self, key: CustomerKey, payment_id: UUID) -> Payment:
        payment = await self._read(key, payment_id)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_FOR_ANOTHER_S):
                while payment.state in {"requested", "authorised"}:
                    await asyncio.sleep(0.05)
                    payment = await self._read(key, payment_id)
        return payment
