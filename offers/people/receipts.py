"""Consent receipts, with the field names of ISO/IEC TS 27560:2023 (not signed).

A receipt repeats one recorded answer with who asked, for what, under which text and how to take it
back, so that the person can hold the record against us. Owns the form only.
"""

from typing import Any, Final

from offers.people.consent_records import Consent
from offers.periods import CROSSINGS_KEPT_DAYS, REASONS_KEPT_DAYS
from offers.terms import (
    LOCATION_OFFERS,
    LOCATION_PARKING,
    MARKETING,
    MEASUREMENT,
    PERSONALISATION,
)

SCHEMA_VERSION: Final = "ISO/IEC TS 27560:2023"
OPERATOR: Final = "operator"

_INFORMATION: Final = {
    LOCATION_OFFERS: ("current location", "places entered and left"),
    LOCATION_PARKING: ("current location", "parking zone"),
    PERSONALISATION: ("stated interests",),
    MEASUREMENT: ("offers received", "return visits, as totals of groups"),
    MARKETING: ("offers received", "offers opened or dismissed"),
}
_OFFERS_KEPT: Final = (
    f"why an offer was given {REASONS_KEPT_DAYS} days; offers received for as long as limits count them"
)
_KEPT: Final = {
    LOCATION_OFFERS: (
        "positions are not kept; the present state until withdrawal, "
        f"places entered and left {CROSSINGS_KEPT_DAYS} days, {_OFFERS_KEPT}"
    ),
    LOCATION_PARKING: "positions are not kept; the present state until withdrawal",
    PERSONALISATION: "until changed or withdrawn",
    MEASUREMENT: f"places entered and left {CROSSINGS_KEPT_DAYS} days, {_OFFERS_KEPT}",
    MARKETING: _OFFERS_KEPT,
}
_RIGHTS: Final = ("access", "rectification", "erasure", "withdrawal", "portability", "complaint")


def receipt_of(consent: Consent, customer_id: str, retailer_name: str | None) -> dict[str, Any]:
    """The receipt of one answer. `retailer_name` is that of the marketing consent's retailer."""
    controller = OPERATOR if consent.retailer_id is None else f"retailer:{consent.retailer_id}"
    return {
        "schema_version": SCHEMA_VERSION,
        "receipt_id": str(consent.consent_id),
        "record_id": str(consent.consent_id),
        "pii_principal_id": customer_id,
        "privacy_notice": _notice_address(consent),
        "language": consent.language,
        "purposes": [_purpose(consent, controller)],
        "party_identification": _parties(consent, controller, retailer_name),
        "events": [_event(consent, customer_id)],
    }


def _purpose(consent: Consent, controller: str) -> dict[str, Any]:
    return {
        "purpose": consent.purpose,
        "purpose_type": MARKETING if consent.purpose == MARKETING else "service",
        "lawful_basis": "consent",
        "services": [consent.channel] if consent.channel else [],
        "pii_information": [
            {"pii_type": kind, "pii_optional": True} for kind in _INFORMATION[consent.purpose]
        ],
        "pii_controllers": [controller],
        "collection_method": consent.method,
        "processing_method": "automated",
        "storage_locations": [OPERATOR],
        "retention_period": _KEPT[consent.purpose],
        "recipient_third_parties": [],
        "withdrawal_method": _withdrawal(consent),
        "privacy_rights": list(_RIGHTS),
    }


def withdrawal_body(consent: Consent) -> dict[str, Any]:
    """What to send to `POST /v1/consents` to take this answer back."""
    decision: dict[str, Any] = {"purpose": consent.purpose, "granted": False}
    if consent.retailer_id is not None:
        decision |= {"retailer_id": consent.retailer_id, "channel": consent.channel}
    return {"decisions": [decision], "method": "settings"}


def _withdrawal(consent: Consent) -> dict[str, Any]:
    return {"method": "POST", "path": "/v1/consents", "body": withdrawal_body(consent)}


def _parties(consent: Consent, controller: str, retailer_name: str | None) -> list[dict[str, str]]:
    operator = {"party_id": OPERATOR, "party_name": "Operator of this service", "party_role": "PII processor"}
    if consent.retailer_id is None:
        return [operator | {"party_role": "PII controller"}]
    name = retailer_name or controller
    return [{"party_id": controller, "party_name": name, "party_role": "PII controller"}, operator]


def _event(consent: Consent, customer_id: str) -> dict[str, str]:
    return {
        "event_time": f"{consent.recorded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "validity_duration": "until withdrawn",
        "entity_id": customer_id,
        "event_type": "explicit",
        "event_state": "consent given" if consent.granted else "consent withdrawn",
    }


def _notice_address(consent: Consent) -> str:
    return (
        f"/v1/notices?language={consent.language}&purpose={consent.purpose}&version={consent.notice_version}"
    )
