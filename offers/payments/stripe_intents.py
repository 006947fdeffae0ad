"""Stripe as a provider: PaymentIntents, captured by hand, through Stripe's own library.

No card data comes here: a payment method is a `pm_…` that Stripe gave the phone, or the phone confirms the
intent by itself with its `client_secret`. Idempotency keys are sent, and not relied on. Reads webhooks too:
of what they say, only which payment to look at is believed. Owns no rows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec
import stripe

from geo.errors import InvalidInput
from offers.buckets import BUCKETS
from offers.payments.port import (
    Hint,
    IntentState,
    Listener,
    Order,
    Outcome,
    PaymentMethodUnknown,
    ProviderName,
    ProviderRefused,
    ProviderSilent,
    RefundAnswer,
    RefundOutcome,
)

API_BASE: Final = "https://api.stripe.com"
TEST_KEYS: Final = ("sk_test_", "rk_test_")
# As Stripe's own libraries have it: an older webhook may be a recording of somebody's. Real time.
TOLERANCE_S: Final = 300
_LONGEST_REFUND_LIST: Final = 100
_SILENT: Final = (stripe.APIConnectionError, stripe.RateLimitError, stripe.IdempotencyError, TimeoutError)
_STATES: Final[Mapping[str, IntentState]] = {
    "requires_confirmation": "open",
    "requires_action": "requires_action",
    "requires_capture": "authorised",
    "succeeded": "captured",
    "canceled": "cancelled",
}
_REFUND_STATES: Final[Mapping[str, RefundAnswer]] = {
    "succeeded": "refunded",
    "failed": "failed",
    "canceled": "failed",
}


class Stripe:
    """One account, for as long as the worker runs."""

    name: ClassVar[ProviderName] = "stripe"
    patience_s = 10.0

    def __init__(self, key: str, api_base: str = API_BASE) -> None:
        self.is_test_money = key.startswith(TEST_KEYS)
        self._http = stripe.AIOHTTPClient(timeout=self.patience_s)
        client = stripe.StripeClient(
            key, base_addresses={"api": api_base}, http_client=self._http, max_network_retries=0
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds

    async def open(self, order: Order) -> str:
        params: Any = {
            "amount": order.amount_minor,
            "currency": order.currency.lower(),
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "metadata": _named(order.bucket, order.payment_id),
        }
        if order.payment_method is not None:
            params["payment_method"] = order.payment_method
        async with self._asking():
            try:
                intent = await self._intents.create_async(
                    params, {"idempotency_key": f"open-{order.payment_id}"}
                )
            except stripe.InvalidRequestError as error:
                if error.http_status == 404 or error.param == "payment_method":
                    raise PaymentMethodUnknown from None
                raise
        return intent.id

    async def authorise(self, provider_ref: str, order: Order) -> Outcome:
        if order.payment_method is None:
            return await self.look(provider_ref, order)  # the phone confirms it
        async with self._asking():
            # A decline is told as an error; how the intent stands says it as well.
            with contextlib.suppress(stripe.CardError):
                return _outcome(await self._intents.confirm_async(provider_ref), order)
        return await self.look(provider_ref, order)

    async def capture(self, provider_ref: str, order: Order) -> Outcome:
        async with self._asking():
            return _outcome(await self._intents.capture_async(provider_ref), order)

    async def cancel(self, provider_ref: str) -> None:
        async with self._asking():
            await self._intents.cancel_async(provider_ref)

    async def look(self, provider_ref: str, order: Order) -> Outcome:
        async with self._asking():
            return _outcome(await self._intents.retrieve_async(provider_ref), order)

    async def refund(
        self, provider_ref: str, order: Order, refund_id: UUID, amount_minor: int
    ) -> RefundOutcome:
        async with self._asking():
            made = await self._refunds.list_async(
                {"payment_intent": provider_ref, "limit": _LONGEST_REFUND_LIST}
            )
            for one in made.data:
                if getattr(one.metadata, "refund_id", None) == str(refund_id):
                    return _refund_outcome(one)
            try:
                refund = await self._refunds.create_async(
                    {
                        "payment_intent": provider_ref,
                        "amount": amount_minor,
                        "metadata": {"refund_id": str(refund_id), **_named(order.bucket, order.payment_id)},
                    },
                    {"idempotency_key": f"refund-{refund_id}"},
                )
            except stripe.InvalidRequestError:
                return RefundOutcome(state="failed", refund_ref=None)  # it was given back elsewhere
        return _refund_outcome(refund)

    def listen(self, listener: Listener) -> None:
        """They come over HTTP: `read_webhook`."""

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library gives it no types

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Every failure in the port's words; none of them repeats a key or a token."""
        try:
            async with asyncio.timeout(self.patience_s):
                yield
        except _SILENT as error:
            raise ProviderSilent(type(error).__name__) from None
        except stripe.StripeError as error:
            told = f"{type(error).__name__} {error.code or ''}".strip()
            if (error.http_status or 500) >= 500:
                raise ProviderSilent(told) from None
            raise ProviderRefused(told) from None


def read_webhook(payload: bytes, signature: str | None, secret: str) -> Hint | None:
    """What to look at; None for an event of something else.

    Raises InvalidInput `webhook_unsigned` where the signature is missing, wrong or too old, compared in
    constant time; `malformed_json` for what is signed but no event.
    """
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, TOLERANCE_S)
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        raise InvalidInput(
            "This is not signed by Stripe for us, or too old.", code="webhook_unsigned"
        ) from None
    try:
        about = msgspec.json.decode(payload, type=_Event).data.object
    except msgspec.MsgspecError:
        raise InvalidInput("This is no event of Stripe's.", code="malformed_json") from None
    provider_ref = about.id if about.object == "payment_intent" else about.payment_intent
    if not provider_ref:
        return None
    bucket, payment_id = _read_name(about.metadata or {})
    return Hint(provider="stripe", provider_ref=provider_ref, bucket=bucket, payment_id=payment_id)


class _About(msgspec.Struct):
    object: str
    id: str = ""
    payment_intent: str | None = None
    metadata: dict[str, str] | None = None


class _Data(msgspec.Struct):
    object: _About


class _Event(msgspec.Struct):
    """So much of an event as is read: the rest is not believed anyway."""

    data: _Data


def _named(bucket: int, payment_id: UUID) -> dict[str, str]:
    """Which payment an intent is, written on it; it says nothing about the person."""
    return {"alentour_bucket": str(bucket), "alentour_payment": str(payment_id)}


def _read_name(metadata: dict[str, str]) -> tuple[int | None, UUID | None]:
    try:
        bucket, payment_id = int(metadata["alentour_bucket"]), UUID(metadata["alentour_payment"])
    except (KeyError, ValueError):
        return None, None
    return (bucket, payment_id) if 0 <= bucket < BUCKETS else (None, None)


def _outcome(intent: stripe.PaymentIntent, order: Order) -> Outcome:
    if intent.status == "requires_payment_method":
        # With a method of ours it was tried and failed; without one the phone names one, or another one.
        state: IntentState = "requires_action" if order.payment_method is None else "declined"
    else:
        state = _STATES.get(intent.status, "processing")
    return Outcome(
        state=state,
        client_secret=intent.client_secret if state == "requires_action" else None,
        reason={"declined": _reason_of(intent), "cancelled": "cancelled"}.get(state),
    )


def _reason_of(intent: stripe.PaymentIntent) -> str:
    return str(getattr(intent.last_payment_error, "code", None) or "declined")


def _refund_outcome(refund: stripe.Refund) -> RefundOutcome:
    state = _REFUND_STATES.get(refund.status or "", "pending")
    return RefundOutcome(state=state, refund_ref=refund.id)
