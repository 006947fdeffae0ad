"""The customer in the story asks for everything, asks why, and in the end goes."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api.story import paying, people
from api.story.consent import CONSENTS, signed
from api.story.handing import WHY
from api.story.reporting import DELIVERED
from api.story.told import (
    ARRIVED_AT,
    CROSSING_ID,
    CUSTOMER_ID,
    DELIVERY_ID,
    ENROLLED_AT,
    FENCE_ID,
    GRANTED,
    NAME,
    NOW,
    PHONE_ID,
    PHONE_LAT,
    PHONE_LON,
    READ_AT,
    REDEEMED_AT,
    REDEMPTION_ID,
    RETAILER_ID,
    SEQ,
    SHOWN_AT,
    SITE_ID,
    TIME_ZONE,
    Told,
    answering,
)
from offers.people import transparency_words as words
from offers.people.receipts import withdrawal_body
from offers.periods import (
    DORMANT_AFTER_MONTHS,
    LEDGER_KEPT_YEARS,
    PARKING_KEPT_MONTHS,
    PLATES_KEPT_MONTHS,
)

_FENCE: Final = {"fence_id": FENCE_ID, "fence_name": "Around the café"}
_SITE: Final = {"site_id": SITE_ID, "site_name": NAME}
_RETAILER: Final = {"retailer_id": RETAILER_ID, "retailer_name": NAME}
_LATER: Final = "2026-07-02T07:00:00Z"

_PROFILE: Final = {
    "time_zone": TIME_ZONE,
    "language": "fr",
    "quiet_start": "21:00",
    "quiet_end": "08:00",
    "interests": ["coffee", "books"],
    "age_band": "adult",
    "country": "FR",
    "grants": GRANTED,
    "grants_as_of": None,
    "last_seq": SEQ,
    "created_at": ENROLLED_AT,
}
_WHEREABOUTS: Final = {
    "device_id": PHONE_ID,
    "last_fix": {"lat": PHONE_LAT, "lon": PHONE_LON, "accuracy_m": 12.0, "recorded_at": ARRIVED_AT},
    "doubted_fix": None,
    "fences": [
        {
            **_FENCE,
            "phase": "inside",
            "has_dwelled": False,
            "seen_at": ARRIVED_AT,
            "began_at": ARRIVED_AT,
            "told_at": ARRIVED_AT,
        }
    ],
    "car": None,
    "monitored_fence_ids": [FENCE_ID],
    "remembered_fix_ids": 1,
    "last_answer_kept": True,
}
_CROSSING: Final = {
    "crossing_id": CROSSING_ID,
    "device_id": PHONE_ID,
    **_FENCE,
    **_SITE,
    **_RETAILER,
    "kind": "enter",
    "confidence": 0.97,
    "occurred_at": ARRIVED_AT,
    "recorded_at": NOW,
}
_DELIVERY: Final = {
    **{name: DELIVERED[name] for name in ("delivery_id", "seq", "offer_id", "crossing_id", "trigger")},
    **{name: DELIVERED[name] for name in ("channel", "tags", "code", "decided_at", "expires_at")},
    "device_id": PHONE_ID,
    **_RETAILER,
    **_SITE,
    **_FENCE,
    "counts_toward_caps": True,
    "content": {name: DELIVERED[name] for name in ("title", "text", "language")},
    "trace": [{name: rule[name] for name in ("name", "passed", "numbers")} for rule in WHY["rules"]],
    "handed_at": NOW,
    "shown_at": SHOWN_AT,
    "opened_at": READ_AT,
    "dismissed_at": None,
    "less_like_this_at": None,
    "redeemed_at": REDEEMED_AT,
    "cancelled_at": None,
    "cancelled_because": None,
}


def _consent(consent: Any) -> dict[str, Any]:
    name = NAME if consent.retailer_id else None
    said: dict[str, Any] = msgspec.to_builtins(consent)
    said["is_granted"] = said.pop("granted")
    return {**said, "retailer_name": name, "receipt": signed(consent)}


_PERSON: Final[dict[str, Any]] = {
    "customer_id": CUSTOMER_ID,
    "profile": _PROFILE,
    "whereabouts": [_WHEREABOUTS],
    "devices": [{**one, "seen_on": "2026-06-27"} for one in (people.PHONE, people.TABLET)],
    "tokens": [{"device_id": PHONE_ID, "status": "current", "created_at": ENROLLED_AT}],
    "link_codes": [],
    "consents": [_consent(one) for one in CONSENTS],
    "crossings": [_CROSSING],
    "timers": [{"device_id": PHONE_ID, "kind": "dwell", **_FENCE, "due_at": "2026-07-01T08:17:58Z"}],
    "deliveries": [_DELIVERY],
    "earlier_deliveries": [],
    "redemptions": [
        {
            "redemption_id": REDEMPTION_ID,
            "delivery_id": DELIVERY_ID,
            "offer_id": DELIVERED["offer_id"],
            **_RETAILER,
            **_SITE,
            "redeemed_at": REDEEMED_AT,
        }
    ],
    "payments": [
        {
            **{name: paying.PAID[name] for name in ("payment_id", "subject", "subject_id", "amount_minor")},
            **{name: paying.PAID[name] for name in ("currency", "state", "provider", "captured_minor")},
            **{name: paying.PAID[name] for name in ("refunding_minor", "refunded_minor", "created_at")},
            **_RETAILER,
            "provider_ref": "pi_sandbox_5d0f7c1e9a2b4c6d8e0f1a2b",
            "payment_method": None,
            "decline_reason": None,
            "settled_at": paying.PAID["settled_at"],
        }
    ],
    "refunds": [],
    "ledger": [
        {
            "payment_id": paying.PAID["payment_id"],
            "kind": "capture",
            "cause_id": paying.PAID["payment_id"],
            "debit": "provider:sandbox",
            "credit": f"payee:{RETAILER_ID}:parking",
            "amount_minor": paying.PAID["amount_minor"],
            "currency": "EUR",
            **_RETAILER,
            "posted_at": paying.PAID["settled_at"],
        }
    ],
    "till_codes": [],
    "held_offers": [],
    "holdouts": [],
    "references": [{**_RETAILER, "created_at": ENROLLED_AT}],
    "attributes": [{**_RETAILER, "attributes": {"loyalty_tier": "gold"}, "updated_at": ENROLLED_AT}],
    "diet": [],
    "test_phones": [],
    "previews": [],
    "parking_prompts": [],
    "plates": [],
    "parking_quotes": [],
    "parking_sessions": [],
    "parking_purchases": [],
    "audit": [],
    "kept_answers": [],
}
_EXPORT: Final = {
    "format": "alentour-export/1",
    "exported_at": _LATER,
    "person": _PERSON,
    "before_joining": [],
}


def _known(kind: str, count: int) -> dict[str, Any]:
    said = {"time_zone": TIME_ZONE, "language": "fr", "interests": 2, "age_band": "adult", "count": count}
    return {"kind": kind, "count": count, "text": words.KNOWN[kind]["fr"].format(**said)}


def _action(kind: str, method: str, path: str, body: Any = None, **said: str) -> dict[str, Any]:
    text = words.TAKE_BACK[kind]["fr"].format(**said)
    return {"kind": kind, "text": text, "method": method, "path": path, "body": body}


def _purpose(consent: Any) -> str:
    channel = words.CHANNELS[consent.channel]["fr"] if consent.channel else ""
    return words.PURPOSES[consent.purpose]["fr"].format(channel=channel)


def _withdrawal(consent: Any) -> dict[str, Any]:
    purpose = f"{NAME}, {_purpose(consent)}" if consent.retailer_id else _purpose(consent)
    body = withdrawal_body(consent)
    return _action("withdraw_one", "POST", "/v1/consents", body, purpose=purpose)


def _asked(consent: Any) -> dict[str, Any]:
    said = words.SAID_YES if consent.granted else words.SAID_NO
    return {
        "controller": f"retailer:{RETAILER_ID}" if consent.retailer_id else "operator",
        "controller_name": NAME if consent.retailer_id else words.OPERATOR["fr"],
        "purpose": consent.purpose,
        "granted": consent.granted,
        "answered_at": ENROLLED_AT,
        "text": said["fr"].format(purpose=_purpose(consent)),
        "notice": f"/v1/notices?language=fr&purpose={consent.purpose}&version=1",
        "receipt": f"/v1/consents/{consent.consent_id}/receipt",
    }


_LOCATION, _MARKETING, _ = CONSENTS
_PERIODS: Final = {
    "dormant_after_months": DORMANT_AFTER_MONTHS,
    "ledger_kept_years": LEDGER_KEPT_YEARS,
    "parking_kept_months": PARKING_KEPT_MONTHS,
    "plates_kept_months": PLATES_KEPT_MONTHS,
}
_TRANSPARENCY: Final = {
    "language": "fr",
    "known": [
        _known("choices", 4),
        _known("phones", 2),
        _known("whereabouts", 1),
        _known("crossings", 1),
        _known("deliveries", 1),
        _known("redemptions", 1),
        _known("answers", 3),
        _known("diet", 0),
        _known("cars", 1),
        _known("parking", 1),
        _known("payments", 1),
        _known("looks", 0),
    ],
    "asked": [_asked(one) for one in CONSENTS],
    "looked": [],
    "may_write": [
        {**_RETAILER, "channel": "push", "since": ENROLLED_AT, "take_back": _withdrawal(_MARKETING)}
    ],
    "given": [
        {
            "delivery_id": DELIVERY_ID,
            "title": DELIVERED["title"],
            **_RETAILER,
            "decided_at": NOW,
            "why": f"/v1/deliveries/{DELIVERY_ID}/why",
        }
    ],
    "kept": [{"kind": kind, "text": text["fr"].format(**_PERIODS)} for kind, text in words.KEPT.items()],
    "take_back": [
        _withdrawal(_LOCATION),
        _withdrawal(_MARKETING),
        _action("withdraw_all", "POST", "/v1/consents", {"withdraw_all": True, "method": "settings"}),
        _action("correct", "PATCH", "/v1/me/preferences", {}),
        _action("export", "GET", "/v1/me/export"),
        _action("erase", "DELETE", "/v1/me"),
    ],
    "complaint": words.COMPLAINT["fr"],
}
_ERASURE: Final = {
    "erased_at": _LATER,
    "kept": [
        {"kind": kind, "rows": rows, "text": text["fr"].format(years=LEDGER_KEPT_YEARS)}
        for (kind, text), rows in zip(words.OUTLIVES.items(), (3, 1, 1, None), strict=True)
    ],
}

TOLD: Final[Mapping[str, Told]] = {
    "exportMe": Told(answering(_EXPORT)),
    "explainMe": Told(answering(_TRANSPARENCY)),
    "eraseMe": Told(answering(_ERASURE)),
}
