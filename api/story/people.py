"""The customer in the story: two phones, preferences, and what was said yes and no to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from api.story.told import (
    CUSTOMER_ID,
    ENROLLED_AT,
    NAME,
    NOW,
    OPENED_AT,
    PHONE_ID,
    RETAILER_ID,
    TABLET_ID,
    TIME_ZONE,
    Told,
    answering,
)
from offers.people.consent_records import Consent
from offers.people.receipts import receipt_of

INSTALLATION_ID: Final = "2f0c1f5e-7d0a-4c39-9e60-7a3a5a5f3a11"
LINK_CODE: Final = "VWFQ1FBY"
LINK_CODE_ID: Final = LINK_CODE[:4]
GRANTED: Final = ["location_offers", f"marketing:{RETAILER_ID}:push"]

_TOKEN: Final = "dt_3c_77ZpBwrXLH915DKVsjabMrKjrGx6YKfc2GHupNihMx0"  # noqa: S105 - opens nothing
_FRESH_TOKEN: Final = "dt_3c_q2Wv8LrT0mYb5XsKc9nHd1fZeUo7gPaJi4tRx6NkBwE"  # noqa: S105 - the same
_TABLET_TOKEN: Final = "dt_3c_b7Nf3SgQe0kMv6Zy1RtHw9XcLp4uJd8oAi2xTsVmK5E"  # noqa: S105 - the same

_PHONE_DRAFT: Final = {
    "installation_id": INSTALLATION_ID,
    "platform": "android",
    "label": "Pixel",
    "time_zone": TIME_ZONE,
    "language": "fr",
}
_TABLET_DRAFT: Final = {
    "installation_id": "b7b9c1de-54a7-4f0e-8a56-0d5a2e9f1c02",
    "platform": "ios",
    "label": "iPad",
    "time_zone": TIME_ZONE,
    "language": "fr",
    "link_code": LINK_CODE,
}
PHONE: Final = {
    "device_id": PHONE_ID,
    "platform": "android",
    "status": "active",
    "label": "Pixel",
    "created_at": ENROLLED_AT,
    "revoked_at": None,
}
TABLET: Final = {
    "device_id": TABLET_ID,
    "platform": "ios",
    "status": "active",
    "label": "iPad",
    "created_at": "2026-06-21T17:03:00Z",
    "revoked_at": None,
}
_PREFERENCES: Final = {
    "time_zone": TIME_ZONE,
    "language": "fr",
    "quiet_hours": {"start": "21:00", "end": "08:00"},
    "interests": ["coffee", "books"],
    "age_band": "adult",
}


def _registered(device_id: str, token: str, status: str) -> dict[str, str]:
    return {"device_id": device_id, "customer_id": CUSTOMER_ID, "token": token, "status": status}


_LINK: Final[dict[str, Any]] = {
    "code_id": LINK_CODE_ID,
    "state": "to_confirm",
    "expires_at": "2026-06-21T17:12:00Z",
    "device_id": TABLET_ID,
    "platform": "ios",
    "label": "iPad",
}

_ANSWERS: Final[dict[str, Any]] = {
    "decisions": [
        {"purpose": "location_offers", "granted": True},
        {"purpose": "marketing", "retailer_id": RETAILER_ID, "channel": "push", "granted": True},
        {"purpose": "personalisation", "granted": False},
    ],
    "notice_version": 1,
    "language": "fr",
    "method": "onboarding",
}
_CONSENT_IDS: Final = (
    "d5a0c7e2-3f18-4c6b-9e27-1b4f8d60a3c9",
    "9c3e61b8-7a24-4f05-8d1c-60e9f2b7a415",
    "47f2d9a6-0be3-4a91-b8c5-2d7e13f6908b",
)


def _consent(consent_id: str, decision: Mapping[str, Any]) -> Consent:
    return Consent(
        consent_id=UUID(consent_id),
        purpose=decision["purpose"],
        granted=decision["granted"],
        retailer_id=decision.get("retailer_id"),
        channel=decision.get("channel"),
        notice_version=_ANSWERS["notice_version"],
        language=_ANSWERS["language"],
        method=_ANSWERS["method"],
        device_id=UUID(PHONE_ID),
        recorded_at=datetime.fromisoformat(ENROLLED_AT),
    )


CONSENTS: Final = [
    _consent(consent_id, decision)
    for consent_id, decision in zip(_CONSENT_IDS, _ANSWERS["decisions"], strict=True)
]
_RECEIPTS: Final = [receipt_of(one, CUSTOMER_ID, NAME if one.retailer_id else None) for one in CONSENTS]
_RECORD: Final = msgspec.to_builtins(CONSENTS)
_NOTICE: Final = {
    "purpose": "location_offers",
    "version": 1,
    "language": "fr",
    "title": "Votre position, pour les offres autour de vous",
    "text": "Pouvons-nous utiliser la position de votre téléphone pour voir quand vous êtes dans un lieu"
    " dont vous souhaitez recevoir les offres ? Vos positions ne sont pas conservées.",
    "published_at": OPENED_AT,
}

TOLD: Final[Mapping[str, Told]] = {
    "registerDevice": Told(
        {
            "200": {"": _registered(PHONE_ID, _FRESH_TOKEN, "active")},
            "201": {
                "A new customer": _registered(PHONE_ID, _TOKEN, "active"),
                "Joining a customer": _registered(TABLET_ID, _TABLET_TOKEN, "pending"),
            },
        },
        asked={"A new customer": _PHONE_DRAFT, "Joining a customer": _TABLET_DRAFT},
    ),
    "readMe": Told(
        answering(
            {
                "customer_id": CUSTOMER_ID,
                "device_id": PHONE_ID,
                "preferences": _PREFERENCES,
                "granted": GRANTED,
                "devices": [PHONE, TABLET],
            }
        )
    ),
    "makeLinkCode": Told(
        answering({"code": LINK_CODE, "code_id": LINK_CODE_ID, "expires_at": _LINK["expires_at"]}, "201")
    ),
    "readLinkCode": Told(answering(_LINK)),
    "confirmLinkCode": Told(answering({**_LINK, "state": "confirmed"})),
    "rotateToken": Told(answering({"token": _FRESH_TOKEN})),
    "revokeDevice": Told(
        answering({**TABLET, "status": "revoked", "revoked_at": NOW}), parameters={"device_id": TABLET_ID}
    ),
    "changePreferences": Told(answering(_PREFERENCES), asked={"": _PREFERENCES}),
    "listNotices": Told(answering([_NOTICE])),
    "recordConsents": Told(
        answering({"receipts": _RECEIPTS, "granted": GRANTED}, "201"),
        asked={
            "Answers to the first questions": _ANSWERS,
            "Taking one back": {"decisions": [{"purpose": "location_offers", "granted": False}]},
            "Taking everything back": {"withdraw_all": True},
        },
    ),
    "listConsents": Told(answering({"granted": GRANTED, "current": _RECORD, "history": _RECORD})),
    "readConsentReceipt": Told(answering(_RECEIPTS[0]), parameters={"consent_id": _CONSENT_IDS[0]}),
}
