"""What the customer in the story is asked and answers, with receipts; and who asks.

The receipts are really signed, by a key that is good for nothing else: they verify with the key shown.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from joserfc.jwk import OKPKey

from api.story.told import (
    CUSTOMER_ID,
    ENROLLED_AT,
    GRANTED,
    NAME,
    NOW,
    OPENED_AT,
    PHONE_ID,
    RETAILER_ID,
    Told,
    answering,
    page,
)
from offers.lapsing import GRACE_DAYS
from offers.people.consent_records import Consent
from offers.people.controllers import Controller, controller_id_of
from offers.people.receipt_keys import PublicKey, Signer
from offers.people.receipts import receipt_of

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
_OPERATOR: Final = Controller(
    controller_id=controller_id_of(None),
    retailer_id=None,
    name="Ville vivante SAS",
    contact="dpo@villevivante.example, 1 quai de la Seine, Paris",
    privacy_policy_url="https://villevivante.example/privacy",
    purposes=("location_offers", "location_parking", "personalisation", "measurement", "dietary"),
    updated_at=datetime.fromisoformat(OPENED_AT),
)
_RETAILER: Final = Controller(
    controller_id=controller_id_of(RETAILER_ID),
    retailer_id=RETAILER_ID,
    name=NAME,
    contact="bonjour@cafedupont.example",
    privacy_policy_url="https://cafedupont.example/privacy",
    purposes=("marketing",),
    updated_at=datetime.fromisoformat(OPENED_AT),
)
# Made for this page. It has signed nothing but these examples.
_PAIR: Final[dict[str, str | list[str]]] = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "6lG79dcP63SgLw0XZ4jKUjgwYJ4PtqmR_4vA-NmqXXo",
    "d": "i7TKpF--WaflnIjPBA63B00gOJfAaaQcJ3dO4esmPTE",
}
_KEY: Final = OKPKey.import_key(_PAIR)
_PUBLIC_KEY: Final = msgspec.to_builtins(PublicKey(kid=_KEY.thumbprint(), x=str(_PAIR["x"])))
_SIGNER: Final = Signer(_KEY.thumbprint(), _KEY)


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


def signed(consent: Consent) -> dict[str, Any]:
    """The receipt of one of the story's answers."""
    receipt = receipt_of(consent, CUSTOMER_ID, _OPERATOR, _RETAILER if consent.retailer_id else None)
    return {**receipt, "jws": _SIGNER.sign(receipt)}


CONSENTS: Final = [
    _consent(consent_id, decision)
    for consent_id, decision in zip(_CONSENT_IDS, _ANSWERS["decisions"], strict=True)
]
_RECEIPTS: Final = [signed(one) for one in CONSENTS]
_RECORD: Final = msgspec.to_builtins(CONSENTS)
_LAPSES_AT: Final = (
    (datetime.fromisoformat(NOW) + timedelta(days=GRACE_DAYS)).isoformat().replace("+00:00", "Z")
)
_NEWER: Final[dict[str, Any]] = {
    "purpose": "marketing",
    "version": 2,
    "retailer_id": RETAILER_ID,
    "asks_again": True,
    "lapses_at": _LAPSES_AT,
    "published_at": NOW,
}
_CURRENT: Final = [
    {
        **one,
        "in_force": one["granted"],
        "outdated": one["purpose"] == "marketing",
        "lapses_at": _LAPSES_AT if one["purpose"] == "marketing" else None,
    }
    for one in _RECORD
]
_ASK_AGAIN: Final = {
    "purpose": "marketing",
    "retailer_id": RETAILER_ID,
    "channel": "push",
    "notice_version": 2,
    "lapses_at": _LAPSES_AT,
}
_NOTICE: Final = {
    "purpose": "location_offers",
    "version": 1,
    "language": "fr",
    "title": "Votre position, pour les offres autour de vous",
    "text": "Pouvons-nous utiliser la position de votre téléphone pour voir quand vous êtes dans un lieu"
    " dont vous souhaitez recevoir les offres ? Vos positions ne sont pas conservées.",
    "retailer_id": None,
    "asks_again": False,
    "lapses_at": None,
    "published_at": OPENED_AT,
}
_DRAFT: Final = {
    "purpose": "marketing",
    "asks_again": True,
    "grace_days": GRACE_DAYS,
    "texts": {
        "en": {
            "title": "Offers from Café du Pont",
            "text": "May we send you our offers, and now also those of our bakery next door?",
        },
        "fr": {
            "title": "Les offres du Café du Pont",
            "text": "Pouvons-nous vous envoyer nos offres, et maintenant aussi celles de notre boulangerie ?",
        },
    },
}
_SAID: Final = {"contact": _RETAILER.contact, "privacy_policy_url": _RETAILER.privacy_policy_url}
_TAKEN_BACK: Final = {"granted": False, "method": "one_tap", "recorded_at": datetime.fromisoformat(NOW)}
_NO_MORE: Final = [signed(msgspec.structs.replace(one, **_TAKEN_BACK)) for one in CONSENTS if one.granted]
_VERIFIED: Final = {
    "is_valid": True,
    "flaw": None,
    "kid": _PUBLIC_KEY["kid"],
    "receipt": {name: value for name, value in _RECEIPTS[0].items() if name != "jws"},
}
_CHANGED: Final = {"is_valid": False, "flaw": "bad_signature", "kid": _PUBLIC_KEY["kid"], "receipt": None}

TOLD: Final[Mapping[str, Told]] = {
    "listNotices": Told(answering([_NOTICE])),
    "publishNotice": Told(
        answering({**_NEWER, "languages": ["en", "fr"]}, "201"), asked={"A retailer's own text": _DRAFT}
    ),
    "listControllers": Told(answering(page(msgspec.to_builtins(_OPERATOR), msgspec.to_builtins(_RETAILER)))),
    "putController": Told(answering(msgspec.to_builtins(_RETAILER)), asked={"A retailer": _SAID}),
    "recordConsents": Told(
        answering({"receipts": _RECEIPTS, "granted": GRANTED}, "201"),
        asked={
            "Answers to the first questions": _ANSWERS,
            "Taking one back": {"decisions": [{"purpose": "location_offers", "granted": False}]},
            "Taking everything back": {"withdraw_all": True},
        },
    ),
    "withdrawAllConsents": Told(answering({"receipts": _NO_MORE, "granted": []})),
    "listConsents": Told(
        answering({"granted": GRANTED, "current": _CURRENT, "to_ask_again": [_ASK_AGAIN], "history": _RECORD})
    ),
    "readConsentReceipt": Told(answering(_RECEIPTS[0]), parameters={"consent_id": _CONSENT_IDS[0]}),
    "verifyReceipt": Told(
        {"200": {"It is ours": _VERIFIED, "It was changed": _CHANGED}},
        asked={"The file": _RECEIPTS[0], "The signed text alone": {"jws": _RECEIPTS[0]["jws"]}},
    ),
    "readReceiptKeys": Told(answering({"keys": [_PUBLIC_KEY]})),
    "rotateReceiptKey": Told(answering(_PUBLIC_KEY, "201")),
}
