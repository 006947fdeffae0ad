"""Consent receipts, with the field names of ISO/IEC TS 27560:2023.

A receipt repeats one recorded answer with who asked, for what, under which text and how to take it
back, so that the person can hold the record against us. What is meant to be read is in the language of the
text that was answered, or else in English. Owns the form only; signing is `offers.people.receipt_keys`'.
"""

from typing import Any, Final, Literal

from offers.people.consent_records import Consent
from offers.people.controllers import OPERATOR, Controller, controller_id_of
from offers.periods import CROSSINGS_KEPT_DAYS, REASONS_KEPT_DAYS
from offers.terms import (
    DIETARY,
    LOCATION_OFFERS,
    LOCATION_PARKING,
    MARKETING,
    MEASUREMENT,
    PERSONALISATION,
)

SCHEMA_VERSION: Final = "ISO/IEC TS 27560:2023"

_Language = Literal["en", "fr"]
_InBoth = dict[_Language, str]

_INFORMATION: Final[dict[str, dict[_Language, tuple[str, ...]]]] = {
    LOCATION_OFFERS: {
        "en": ("current location", "places entered and left"),
        "fr": ("position actuelle", "lieux où vous êtes entré et dont vous êtes sorti"),
    },
    LOCATION_PARKING: {
        "en": ("current location", "parking zone"),
        "fr": ("position actuelle", "zone de stationnement"),
    },
    PERSONALISATION: {"en": ("stated interests",), "fr": ("centres d'intérêt indiqués",)},
    MEASUREMENT: {
        "en": ("offers received", "return visits, as totals of groups"),
        "fr": ("offres reçues", "retours dans un lieu, en totaux de groupes"),
    },
    DIETARY: {
        "en": ("allergies (health data)", "diets (health data)"),
        "fr": ("allergies (données de santé)", "régimes alimentaires (données de santé)"),
    },
    MARKETING: {
        "en": ("offers received", "offers opened or dismissed"),
        "fr": ("offres reçues", "offres ouvertes ou écartées"),
    },
}
_OFFERS_KEPT: Final[_InBoth] = {
    "en": f"why an offer was given {REASONS_KEPT_DAYS} days; "
    "offers received for as long as limits count them",
    "fr": f"les raisons d'une offre {REASONS_KEPT_DAYS} jours ; "
    "les offres reçues tant que les limites les comptent",
}
_CROSSINGS_KEPT: Final[_InBoth] = {
    "en": f"places entered and left {CROSSINGS_KEPT_DAYS} days",
    "fr": f"les lieux où vous êtes entré et dont vous êtes sorti {CROSSINGS_KEPT_DAYS} jours",
}
_POSITION_KEPT: Final[_InBoth] = {
    "en": "positions are not kept; the present state until withdrawal",
    "fr": "les positions ne sont pas conservées ; l'état présent jusqu'au retrait",
}
_KEPT: Final[dict[str, _InBoth]] = {
    LOCATION_OFFERS: {
        "en": f"{_POSITION_KEPT['en']}, {_CROSSINGS_KEPT['en']}, {_OFFERS_KEPT['en']}",
        "fr": f"{_POSITION_KEPT['fr']}, {_CROSSINGS_KEPT['fr']}, {_OFFERS_KEPT['fr']}",
    },
    LOCATION_PARKING: _POSITION_KEPT,
    PERSONALISATION: {"en": "until changed or withdrawn", "fr": "jusqu'à modification ou retrait"},
    MEASUREMENT: {
        "en": f"{_CROSSINGS_KEPT['en']}, {_OFFERS_KEPT['en']}",
        "fr": f"{_CROSSINGS_KEPT['fr']}, {_OFFERS_KEPT['fr']}",
    },
    DIETARY: {
        "en": "until changed, erased or withdrawn",
        "fr": "jusqu'à modification, effacement ou retrait",
    },
    MARKETING: _OFFERS_KEPT,
}
_OPERATOR_NAME: Final[_InBoth] = {"en": "Operator of this service", "fr": "Exploitant de ce service"}
_VALID: Final[_InBoth] = {"en": "until withdrawn", "fr": "jusqu'au retrait"}
_CONTROLLER: Final = "PII controller"
_RIGHTS: Final = ("access", "rectification", "erasure", "withdrawal", "portability", "complaint")


def receipt_of(
    consent: Consent, customer_id: str, operator: Controller, retailer: Controller | None
) -> dict[str, Any]:
    """The receipt of one answer. `retailer` is that of a marketing consent."""
    controller = controller_id_of(consent.retailer_id)
    return {
        "schema_version": SCHEMA_VERSION,
        "receipt_id": str(consent.consent_id),
        "record_id": str(consent.consent_id),
        "pii_principal_id": customer_id,
        "privacy_notice": _notice_address(consent),
        "language": _language(consent),
        "purposes": [_purpose(consent, controller)],
        "party_identification": _parties(consent, operator, retailer),
        "events": [_event(consent, customer_id)],
    }


def _purpose(consent: Consent, controller: str) -> dict[str, Any]:
    return {
        "purpose": consent.purpose,
        "purpose_type": MARKETING if consent.purpose == MARKETING else "service",
        "lawful_basis": "consent",
        "services": [consent.channel] if consent.channel else [],
        "pii_information": [
            {"pii_type": kind, "pii_optional": True}
            for kind in _INFORMATION[consent.purpose][_language(consent)]
        ],
        "pii_controllers": [controller],
        "collection_method": consent.method,
        "processing_method": "automated",
        "storage_locations": [OPERATOR],
        "retention_period": _KEPT[consent.purpose][_language(consent)],
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


def _parties(consent: Consent, operator: Controller, retailer: Controller | None) -> list[dict[str, str]]:
    here = _party(operator, operator.name or _OPERATOR_NAME[_language(consent)])
    if consent.retailer_id is None:
        return [here | {"party_role": _CONTROLLER}]
    controller = controller_id_of(consent.retailer_id)
    if retailer is None:  # an answer outlives whom it was given to
        asks = {"party_id": controller, "party_name": controller}
    else:
        asks = _party(retailer, retailer.name or controller)
    return [asks | {"party_role": _CONTROLLER}, here | {"party_role": "PII processor"}]


def _party(who: Controller, name: str) -> dict[str, str]:
    """Who they are, and how they are reached where they said so."""
    reached = {"party_contact": who.contact, "party_url": who.privacy_policy_url}
    said = {member: value for member, value in reached.items() if value is not None}
    return {"party_id": who.controller_id, "party_name": name, **said}


def _event(consent: Consent, customer_id: str) -> dict[str, str]:
    return {
        "event_time": f"{consent.recorded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "validity_duration": _VALID[_language(consent)],
        "entity_id": customer_id,
        "event_type": "explicit",
        "event_state": "consent given" if consent.granted else "consent withdrawn",
    }


def _notice_address(consent: Consent) -> str:
    return (
        f"/v1/notices?language={consent.language}&purpose={consent.purpose}&version={consent.notice_version}"
    )


def _language(consent: Consent) -> _Language:
    return "fr" if consent.language.partition("-")[0].lower() == "fr" else "en"
