"""The sandbox provider: play money, and on purpose everything that goes wrong with real money.

It remembers what it did in tables of its own, written at once on connections of their own, as another
company's computer would: a crash of ours leaves its charges standing. Its webhooks are told in the process
that asked, so a crash loses them, as it may. What it does is said by the payment method's token (`METHODS`).

It charges nobody, and says so wherever it is named.
"""

import asyncio
import contextlib
import hashlib
import secrets
from typing import ClassVar, Final
from uuid import UUID

import asyncpg
import structlog

from offers.payments.port import (
    Hint,
    IntentState,
    Listener,
    Order,
    Outcome,
    ProviderName,
    ProviderRefused,
    ProviderSilent,
    RefundOutcome,
)

DEFAULT_METHOD: Final = "pm_sandbox_ok"
METHODS: Final = {
    DEFAULT_METHOD: "pays",
    "pm_sandbox_decline": "is declined",
    "pm_sandbox_action": "needs the person's confirmation (3-D Secure), which comes after two seconds",
    "pm_sandbox_action_fails": "needs it, and two seconds later it is refused",
    "pm_sandbox_action_never": "needs it, and it never comes: cancelled after a quarter of an hour",
    "pm_sandbox_delay": "pays, and the answer to the capture takes three seconds",
    "pm_sandbox_timeout": "is authorised, and the answer is lost",
    "pm_sandbox_timeout_before": "is lost on its way the first time, so that nothing is done",
    "pm_sandbox_timeout_capture": "is captured, and the answer is lost",
    "pm_sandbox_webhook_first": "pays, and the webhook comes before the answer",
    "pm_sandbox_webhook_twice": "pays, and every webhook comes twice",
    "pm_sandbox_webhook_late": "pays, and the webhook comes three seconds late",
    "pm_sandbox_webhook_lost": "needs confirmation, gets it, and no webhook ever comes",
    "pm_sandbox_refund_fails": "pays, and cannot be refunded",
    "pm_sandbox_refund_timeout": "pays; a refund is made, and the answer is lost",
}
ACTION_TAKES_S: Final = 2.0
DELAY_S: Final = 3.0
WEBHOOK_AFTER_S: Final = 0.1

_NEEDS_ACTION: Final = frozenset(
    {"pm_sandbox_action", "pm_sandbox_action_fails", "pm_sandbox_action_never", "pm_sandbox_webhook_lost"}
)

_OPEN: Final = """
    INSERT INTO sandbox_intents (intent_ref, key_hash, method, state, amount_minor, currency)
    VALUES ($1, $2, $3, 'open', $4, $5) ON CONFLICT (key_hash) DO NOTHING RETURNING intent_ref
"""
_OPENED: Final = "SELECT intent_ref FROM sandbox_intents WHERE key_hash = $1"
_ATTEMPT: Final = """
    UPDATE sandbox_intents SET attempts = attempts + 1 WHERE intent_ref = $1 RETURNING method, attempts
"""
_MOVE: Final = """
    UPDATE sandbox_intents SET state = $2, action_until = CASE WHEN $2 = 'requires_action'
        THEN clock_timestamp() + make_interval(secs => $4) END
    WHERE intent_ref = $1 AND state = ANY($3::text[]) RETURNING intent_ref
"""
_CAPTURE: Final = """
    UPDATE sandbox_intents SET state = 'captured', captured_minor = amount_minor
    WHERE intent_ref = $1 AND state = 'authorised' RETURNING intent_ref
"""
# Whoever looks finds the confirmation that has come meanwhile.
_CONFIRM: Final = """
    UPDATE sandbox_intents
    SET state = CASE method WHEN 'pm_sandbox_action_fails' THEN 'declined' ELSE 'authorised' END
    WHERE intent_ref = $1 AND state = 'requires_action' AND action_until <= clock_timestamp()
      AND method <> 'pm_sandbox_action_never'
"""
_LOOK: Final = "SELECT state, method FROM sandbox_intents WHERE intent_ref = $1"
_REFUNDED: Final = "SELECT refund_ref FROM sandbox_refunds WHERE key_hash = $1"
# No more than was captured: the money's side holds it here as well.
_REFUND: Final = """
    WITH moved AS (
        UPDATE sandbox_intents SET refunded_minor = refunded_minor + $4
        WHERE intent_ref = $3 AND refunded_minor + $4 <= captured_minor
          AND NOT EXISTS (SELECT FROM sandbox_refunds WHERE key_hash = $2)
        RETURNING intent_ref
    )
    INSERT INTO sandbox_refunds (refund_ref, key_hash, intent_ref, amount_minor)
    SELECT $1, $2, intent_ref, $4 FROM moved RETURNING refund_ref
"""

_log: Final = structlog.get_logger("alentour.payments.sandbox")


class Sandbox:
    """A provider that charges nobody."""

    name: ClassVar[ProviderName] = "sandbox"
    is_test_money = True
    patience_s = 10.0

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._listener: Listener | None = None
        self._webhooks: set[asyncio.Task[None]] = set()

    async def open(self, order: Order) -> str:
        key_hash = _hashed(order.payment_id)
        made = await self._pool.fetchval(
            _OPEN, f"pi_sandbox_{secrets.token_hex(12)}", key_hash, order.payment_method or DEFAULT_METHOD,
            order.amount_minor, order.currency,
        )  # fmt: skip
        return str(made or await self._pool.fetchval(_OPENED, key_hash))

    async def authorise(self, provider_ref: str, order: Order) -> Outcome:
        row = await self._pool.fetchrow(_ATTEMPT, provider_ref)
        if row is None:
            raise ProviderRefused("sandbox: no such intent")
        method, attempts = row
        if method == "pm_sandbox_timeout_before" and attempts == 1:
            raise ProviderSilent("sandbox: lost on its way")
        to = _answer_of(method)
        await self._pool.fetchval(_MOVE, provider_ref, to, ["open"], ACTION_TAKES_S)
        if method == "pm_sandbox_timeout":
            raise ProviderSilent("sandbox: the answer is lost")
        outcome = await self.look(provider_ref, order)
        if outcome.state == "requires_action":
            self._will_tell(provider_ref, order, method, ACTION_TAKES_S)
        return outcome

    async def capture(self, provider_ref: str, order: Order) -> Outcome:
        captured = await self._pool.fetchval(_CAPTURE, provider_ref)
        outcome = await self.look(provider_ref, order)
        method = await self._method_of(provider_ref)
        if captured is not None:
            _log.info("play_money_captured", amount_minor=order.amount_minor, currency=order.currency)
            if method == "pm_sandbox_webhook_first":
                await self._tell(provider_ref, order, 0.0)
            self._will_tell(provider_ref, order, method, 0.0)
        if method == "pm_sandbox_timeout_capture" and captured is not None:
            raise ProviderSilent("sandbox: the answer is lost")
        if method == "pm_sandbox_delay" and captured is not None:
            await asyncio.sleep(DELAY_S)
        return outcome

    async def cancel(self, provider_ref: str) -> None:
        moved = await self._pool.fetchval(
            _MOVE, provider_ref, "cancelled", ["open", "requires_action", "authorised"], 0.0
        )
        if moved is None:
            raise ProviderRefused("sandbox: too late to cancel")

    async def look(self, provider_ref: str, _order: Order) -> Outcome:
        await self._pool.execute(_CONFIRM, provider_ref)
        row = await self._pool.fetchrow(_LOOK, provider_ref)
        if row is None:
            raise ProviderRefused("sandbox: no such intent")
        state: IntentState = row["state"]
        return Outcome(
            state=state,
            client_secret=f"{provider_ref}_secret_sandbox" if state == "requires_action" else None,
            reason=_reason_of(state, row["method"]),
        )

    async def refund(
        self, provider_ref: str, _order: Order, refund_id: UUID, amount_minor: int
    ) -> RefundOutcome:
        key_hash = _hashed(refund_id)
        if (before := await self._pool.fetchval(_REFUNDED, key_hash)) is not None:
            return RefundOutcome(state="refunded", refund_ref=before)
        method = await self._method_of(provider_ref)
        refund_ref = f"re_sandbox_{secrets.token_hex(12)}"
        if method == "pm_sandbox_refund_fails":
            return RefundOutcome(state="failed", refund_ref=refund_ref)
        made = await self._pool.fetchval(_REFUND, refund_ref, key_hash, provider_ref, amount_minor)
        if made is None:
            raise ProviderRefused("sandbox: more than was captured")
        if method == "pm_sandbox_refund_timeout":
            raise ProviderSilent("sandbox: the answer is lost")
        return RefundOutcome(state="refunded", refund_ref=made)

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    async def close(self) -> None:
        for task in self._webhooks:
            task.cancel()
        await asyncio.gather(*self._webhooks, return_exceptions=True)

    async def _method_of(self, provider_ref: str) -> str:
        row = await self._pool.fetchrow(_LOOK, provider_ref)
        if row is None:
            raise ProviderRefused("sandbox: no such intent")
        return str(row["method"])

    def _will_tell(self, provider_ref: str, order: Order, method: str, after_s: float) -> None:
        """Send the webhooks that this method sends, some time after the answer."""
        if method == "pm_sandbox_webhook_lost":
            return
        late_s = DELAY_S if method == "pm_sandbox_webhook_late" else WEBHOOK_AFTER_S
        for _ in range(2 if method == "pm_sandbox_webhook_twice" else 1):
            task = asyncio.create_task(self._tell(provider_ref, order, after_s + late_s))
            self._webhooks.add(task)
            task.add_done_callback(self._webhooks.discard)

    async def _tell(self, provider_ref: str, order: Order, after_s: float) -> None:
        await asyncio.sleep(after_s)
        hint = Hint(
            provider=self.name, provider_ref=provider_ref, bucket=order.bucket, payment_id=order.payment_id
        )
        if self._listener is not None:
            with contextlib.suppress(Exception):  # a webhook that fails here is one that is lost
                await self._listener(hint)


def _answer_of(method: str) -> IntentState:
    if method in _NEEDS_ACTION:
        return "requires_action"
    return "declined" if method == "pm_sandbox_decline" or method not in METHODS else "authorised"


def _reason_of(state: IntentState, method: str) -> str | None:
    if state == "cancelled":
        return "not_in_time"
    if state != "declined":
        return None
    if method not in METHODS:
        return "unknown_payment_method"
    return "authentication_failed" if method == "pm_sandbox_action_fails" else "card_declined"


def _hashed(key: UUID) -> bytes:
    return hashlib.sha256(key.bytes).digest()
