"""What the customer of the story paid for parking before the café, and what was given back."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import NOW, READ_AT, REDEEMED_AT, RETAILER_ID, Told, answering, page

PAYMENT_ID: Final = "7f2d9b40-3c1e-4a58-9e06-b1d4c8a2f537"
REFUND_ID: Final = "1d8e5c7a-6b2f-4093-8a4d-e9f0c3b6a215"

PAID: Final[dict[str, Any]] = {
    "payment_id": PAYMENT_ID,
    "subject": "parking",
    "subject_id": "b95c0e1f-7a3d-4826-a1f4-0d6e2c8b9a53",
    "retailer_id": RETAILER_ID,
    "amount_minor": 260,
    "currency": "EUR",
    "state": "captured",
    "provider": "sandbox",
    "is_test_money": True,
    "decline_reason": None,
    "captured_minor": 260,
    "refunding_minor": 0,
    "refunded_minor": 0,
    "created_at": NOW,
    "settled_at": READ_AT,
}
_REFUND: Final = {
    "refund_id": REFUND_ID,
    "payment_id": PAYMENT_ID,
    "amount_minor": 110,
    "state": "requested",
    "reason": "left early",
    "created_at": REDEEMED_AT,
    "settled_at": None,
}
_WAITING: Final = {
    **PAID,
    "state": "requires_action",
    "captured_minor": 0,
    "settled_at": None,
    "client_secret": "pi_sandbox_5d0f7c1e9a2b4c6d8e0f1a2b_secret_sandbox",
}
_REFUNDED: Final = {
    **PAID,
    "state": "partially_refunded",
    "refunded_minor": 110,
    "provider_ref": "pi_sandbox_5d0f7c1e9a2b4c6d8e0f1a2b",
    "refunds": [{**_REFUND, "state": "refunded", "settled_at": REDEEMED_AT}],
}
_LEDGER: Final = {
    "accounts": [
        {"account": f"payee:{RETAILER_ID}:parking", "currency": "EUR", "balance_minor": -150, "lines": 2},
        {"account": "provider:sandbox", "currency": "EUR", "balance_minor": 150, "lines": 2},
    ],
    "totals": [{"currency": "EUR", "ledger_balance_minor": 0}],
    "unmatched_payments": 0,
}

TOLD: Final[Mapping[str, Told]] = {
    "listMyPayments": Told(
        answering(page(PAID)), parameters={"cursor": "IjdmMmQ5YjQwLTNjMWUtNGE1OC05ZTA2LWIxZDRjOGEyZjUzNyI"}
    ),
    "readMyPayment": Told(answering(_WAITING), parameters={"payment_id": PAYMENT_ID}),
    "readLedger": Told(answering(_LEDGER)),
    "readPayment": Told(answering(_REFUNDED), parameters={"payment_id": PAYMENT_ID}),
    "refundPayment": Told(
        answering(_REFUND, "202"),
        asked={"": {"amount_minor": 110, "reason": "left early"}},
        parameters={"payment_id": PAYMENT_ID},
    ),
}
