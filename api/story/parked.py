"""The customer parks in front of the café, and the city's inspector looks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from api.story.parking import PLATE_ID, TARIFF, TARIFF_ID, ZONE_ID
from api.story.told import NAME, NOW, TIME_ZONE, Told, answering, page
from geo.wall_clock import zone_of
from offers.parking.stay_prices import Terms, buy, scale_of
from offers.parking.stays import QUOTE_HOLDS
from offers.parking.tariffs import read_tariff

QUOTE_ID: Final = "c81f6a3e-2b90-4d57-9e14-70a5d3b8f6c2"
SESSION_ID: Final = "1e9b4c77-5a02-4f8d-b6c3-92d0e7a14f58"
_PURCHASE_ID: Final = "f2a6d0b9-84e1-4c3a-a7d5-3b1c9e60f874"
_PAYMENT_ID: Final = "47d3e8a1-09bc-4f62-8e5a-d1c6b2f0937e"
_RIGHT_ID: Final = "9c5e1b34-d7a8-4e06-bf21-6a8d0c3e72f5"
_CODE: Final = "75 104"
_PLATE: Final = "AB123CD"
_STREET: Final = "Quai du Pont"

_BEGINS: Final = datetime.fromisoformat(NOW).astimezone(UTC)
_TERMS: Final = Terms(tariff=read_tariff(TARIFF), zone=zone_of(TIME_ZONE), classes=frozenset())
_BOUGHT: Final = buy(_TERMS, _BEGINS, _BEGINS + timedelta(hours=1))
_SCALE: Final = scale_of(_TERMS, _BEGINS)


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


_STEPS: Final[list[dict[str, Any]]] = [
    {"until": _at(step.until), "paid_minutes": step.paid_minutes, "price_minor": step.price_minor}
    for step in _SCALE
]
_WHERE: Final[dict[str, Any]] = {
    "zone_id": ZONE_ID,
    "zone_code": _CODE,
    "zone_name": _STREET,
    "operator": NAME,
    "time_zone": TIME_ZONE,
    "tariff_id": TARIFF_ID,
    "tariff_version": 1,
    "classes": [],
}
_QUOTE: Final[dict[str, Any]] = {
    "quote_id": QUOTE_ID,
    **_WHERE,
    "tariff_name": TARIFF["name"],
    "has_plate": True,
    "starts_at": NOW,
    "ends_at": _at(_BOUGHT.until),
    "covered_until": _at(_BOUGHT.covered_until),
    "price_minor": _BOUGHT.price_minor,
    "currency": "EUR",
    "paid_minutes": _BOUGHT.priced.paid_minutes,
    "free_minutes": 0,
    "lines": msgspec.to_builtins(_BOUGHT.priced.lines),
    "scale": _STEPS,
    "fps_minor": 1200,
    "expires_at": _at(_BEGINS + QUOTE_HOLDS),
}
_PURCHASE: Final[dict[str, Any]] = {
    "purchase_id": _PURCHASE_ID,
    "state": "paid",
    "until": _at(_BOUGHT.until),
    "price_minor": _BOUGHT.price_minor,
    "given_back_minor": 0,
    "asked_at": NOW,
    "payment_id": _PAYMENT_ID,
}
_SESSION: Final[dict[str, Any]] = {
    "session_id": SESSION_ID,
    "state": "active",
    **_WHERE,
    "country": "FR",
    "plate": _PLATE,
    "starts_at": NOW,
    "ends_at": _at(_BOUGHT.until),
    "covered_until": _at(_BOUGHT.covered_until),
    "ended_at": None,
    "ended_because": None,
    "paid_minor": _BOUGHT.price_minor,
    "given_back_minor": 0,
    "currency": "EUR",
    "fps_minor": 1200,
    "pays_actual_time": True,
    "remind_before_min": 10,
    "purchases": [_PURCHASE],
    "extensions": [
        {"until": step["until"], "price_minor": step["price_minor"] - _BOUGHT.price_minor}
        for step in _STEPS
        if step["price_minor"] > _BOUGHT.price_minor
    ],
    "payment": None,
}
_PENDING: Final = {
    **_SESSION,
    "state": "pending",
    "paid_minor": 0,
    "purchases": [{**_PURCHASE, "state": "pending"}],
    "extensions": [],
    "payment": {
        "payment_id": _PAYMENT_ID,
        "state": "requires_action",
        "provider": "sandbox",
        "client_secret": "pi_sandbox_5b1e_secret_sandbox",
    },
}
_LATER: Final = {
    **_SESSION,
    "ends_at": _at(_SCALE[-1].until),
    "covered_until": _at(_SCALE[-1].until),
    "paid_minor": _SCALE[-1].price_minor,
    "extensions": [],
}
_STOPPED_AT: Final = _at(_BEGINS + timedelta(minutes=30))
_STOPPED: Final = {
    **_SESSION,
    "state": "ended",
    "ended_at": _STOPPED_AT,
    "ended_because": "stopped",
    "covered_until": _STOPPED_AT,
    "given_back_minor": _BOUGHT.price_minor // 2,
    "purchases": [{**_PURCHASE, "given_back_minor": _BOUGHT.price_minor // 2}],
    "extensions": [],
}
_RECEIPT: Final[dict[str, Any]] = {
    "receipt_id": SESSION_ID,
    "issued_at": _STOPPED_AT,
    "is_final": True,
    **{name: value for name, value in _WHERE.items() if name != "zone_id"},
    "country": "FR",
    "plate": _PLATE,
    "tariff": TARIFF["id"],
    "starts_at": NOW,
    "ends_at": _STOPPED_AT,
    "ended_because": "stopped",
    "lines": [
        {
            "payment_id": _PAYMENT_ID,
            "paid_at": NOW,
            "until": _at(_BOUGHT.until),
            "amount_minor": _BOUGHT.price_minor,
            "given_back_minor": _BOUGHT.price_minor // 2,
        }
    ],
    "total_minor": _BOUGHT.price_minor // 2,
    "currency": "EUR",
    "vat": None,
    "fps_minor": 1200,
    "money": "sandbox",
}
_RIGHT: Final[dict[str, Any]] = {
    **{name: _WHERE[name] for name in ("zone_id", "zone_code", "zone_name", "classes", "tariff_id")},
    "tariff_version": 1,
    "starts_at": NOW,
    "ends_at": _at(_BOUGHT.until),
    "valid_until": _at(_BOUGHT.covered_until),
    "is_valid": True,
}
_VALID: Final[dict[str, Any]] = {
    "country": "FR",
    "plate": _PLATE,
    "at": _at(_BEGINS + timedelta(minutes=20)),
    "verdict": "valid",
    "valid_until": _at(_BOUGHT.covered_until),
    "rights": [_RIGHT],
    "permits": [],
    "fps": None,
}
_OVERSTAYED: Final = {
    **_VALID,
    "at": _at(_BOUGHT.until + timedelta(minutes=20)),
    "verdict": "not_paid",
    "valid_until": None,
    "rights": [{**_RIGHT, "is_valid": False}],
    "fps": {
        "fps_minor": 1200,
        "paid_minor": _BOUGHT.price_minor,
        "due_minor": 1200 - _BOUGHT.price_minor,
        "currency": "EUR",
    },
}
_STANDS: Final[dict[str, Any]] = {
    "right_id": _RIGHT_ID,
    "country": "FR",
    "plate": _PLATE,
    "classes": [],
    "starts_at": NOW,
    "valid_until": _at(_BOUGHT.covered_until),
}
_RULES: Final = {"zone_id": ZONE_ID, "pays_actual_time": True, "vat_basis_points": None}
_OF_SESSION: Final = {"session_id": SESSION_ID}

TOLD: Final[Mapping[str, Told]] = {
    "quoteParking": Told(
        answering(_QUOTE, "201"),
        asked={
            "A plate of yours, by the code on the sign": {
                "code": _CODE,
                "plate_id": PLATE_ID,
                "duration_min": 60,
            },
            "Only to know": {"zone_id": ZONE_ID, "until": _at(_BOUGHT.until), "user_class": "resident"},
        },
    ),
    "beginParking": Told(
        {"201": {"Paid": _SESSION, "The bank asks for a proof": _PENDING}},
        asked={"": {"quote_id": QUOTE_ID, "payment_method": "pm_sandbox_ok", "remind_before_min": 10}},
    ),
    "extendParking": Told(
        answering(_LATER),
        asked={"": {"until": _LATER["ends_at"], "payment_method": "pm_sandbox_ok"}},
        parameters=_OF_SESSION,
    ),
    "stopParking": Told(answering(_STOPPED), parameters=_OF_SESSION),
    "listParkingSessions": Told(
        answering(page({**_SESSION, "extensions": []})),
        parameters={"session_state": "active", "cursor": "Im5vIg"},
    ),
    "readParkingSession": Told(answering(_SESSION), parameters=_OF_SESSION),
    "readParkingReceipt": Told(answering(_RECEIPT), parameters=_OF_SESSION),
    "readStayRules": Told(answering(_RULES), parameters={"zone_id": ZONE_ID}),
    "writeStayRules": Told(
        answering(_RULES), asked={"": {"pays_actual_time": True}}, parameters={"zone_id": ZONE_ID}
    ),
    "lookUpPlate": Told(
        {"200": {"Paid for": _VALID, "Overstayed": _OVERSTAYED}},
        parameters={"plate": "AB-123-CD", "country": "FR", "zone_id": ZONE_ID, "at": _VALID["at"]},
    ),
    "listPlatesInZone": Told(
        answering(page(_STANDS)), parameters={"zone_id": ZONE_ID, "at": _VALID["at"], "cursor": "Im5vIg"}
    ),
}
