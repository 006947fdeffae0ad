"""What becomes of the delivery in the story: seen, explained, redeemed."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.consent import CONSENTS
from api.story.reporting import DELIVERED
from api.story.told import (
    CODE,
    DELIVERY_ID,
    EXPIRES_AT,
    NAME,
    OFFER_ID,
    READ_AT,
    REDEEMED_AT,
    REDEMPTION_ID,
    RETAILER_ID,
    SEQ,
    SHOWN_AT,
    SITE_ID,
    SYSTEM_CAP_ID,
    TIME_ZONE,
    Told,
    answering,
    page,
)
from offers.handing.plain_words import say
from offers.people.consent_records import Consent
from offers.people.receipts import withdrawal_body
from offers.terms import Reason, Rule

_LANGUAGE: Final = "fr"
_RULES: Final = (
    Rule(name=Reason.NO_CONSENT, passed=True, numbers={"missing": None}),
    Rule(
        name=Reason.QUIET_HOURS, passed=True, numbers={"clock": "10:15:00", "start": "21:00", "end": "08:00"}
    ),
    Rule(
        name=Reason.FREQUENCY_CAP,
        passed=True,
        numbers={
            "cap_id": SYSTEM_CAP_ID,
            "scope": "system",
            "at_most": 2,
            "counted": 0,
            "window_start": "2026-06-30T22:00:00Z",
        },
    ),
)
_CONSENT_TEXTS: Final = {
    "location_offers": "Le 20/06/2026, vous avez accepté que votre position serve aux offres autour de vous.",
    "marketing": f"Le 20/06/2026, vous avez accepté les offres de {NAME} (en notifications).",
}
_HOW: Final = "Vous pouvez y revenir à tout moment, aussi simplement, dans les réglages de l'application."


def _rule(rule: Rule) -> dict[str, Any]:
    text = say(rule, "fr", TIME_ZONE)
    return {"name": str(rule.name), "passed": rule.passed, "text": text, "numbers": rule.numbers}


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "consent_id": str(consent.consent_id),
        "purpose": consent.purpose,
        "given_at": f"{consent.recorded_at:%Y-%m-%dT%H:%M:%SZ}",
        "notice_version": consent.notice_version,
        "language": consent.language,
        "text": _CONSENT_TEXTS[consent.purpose],
        "how_to_withdraw": _HOW,
        "withdraw_at": "POST /v1/consents",
        "withdraw_body": withdrawal_body(consent),
    }


WHY: Final[dict[str, Any]] = {
    "delivery_id": DELIVERY_ID,
    "language": _LANGUAGE,
    "summary": f"{NAME} vous a donné cette offre parce que vous êtes arrivé à {NAME}.",
    "offer_id": OFFER_ID,
    "offer_title": DELIVERED["title"],
    "retailer_id": RETAILER_ID,
    "retailer_name": NAME,
    "site_id": SITE_ID,
    "place_name": NAME,
    "decided_at": DELIVERED["decided_at"],
    "rules": [_rule(rule) for rule in _RULES],
    "consents": [_consent(one) for one in CONSENTS if one.granted],
}
_REPORTS: Final = {
    "delivery_id": DELIVERY_ID,
    "shown_at": SHOWN_AT,
    "opened_at": READ_AT,
    "dismissed_at": None,
    "less_like_this_at": None,
}
_ITEM: Final = {
    **DELIVERED,
    "shown_at": SHOWN_AT,
    "opened_at": READ_AT,
    "dismissed_at": None,
    "redeemed_at": None,
}

TOLD: Final[Mapping[str, Told]] = {
    "readInbox": Told(
        answering({**page(_ITEM), "parking_prompts": []}), parameters={"after_seq": SEQ - 1, "cursor": "NA"}
    ),
    "reportDeliveryEvent": Told(answering(_REPORTS), asked={"": {"event": "opened", "at": READ_AT}}),
    "explainDelivery": Told(answering(WHY)),
    "claimCode": Told(
        answering({"delivery_id": DELIVERY_ID, "format": "qr", "payload": CODE, "expires_at": EXPIRES_AT})
    ),
    "redeemCode": Told(
        answering(
            {
                "redemption_id": REDEMPTION_ID,
                "delivery_id": DELIVERY_ID,
                "offer_id": OFFER_ID,
                "redeemed_at": REDEEMED_AT,
            },
            "201",
        ),
        asked={"": {"code": f"{CODE[:4]}-{CODE[4:8]}-{CODE[8:]}"}},
    ),
}
