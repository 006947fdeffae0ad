"""How the café tries its offer out, whom it knows by name, and what limits the customer reads."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from api.story import offers
from api.story.told import (
    ENROLLED_AT,
    FENCE_ID,
    LAT,
    LON,
    NAME,
    NOW,
    OFFER_ID,
    OPENING_HOURS,
    PHONE_LAT,
    PHONE_LON,
    RETAILER_ID,
    SITE_ID,
    SYSTEM_CAP_ID,
    TIME_ZONE,
    Told,
    answering,
    page,
)
from offers.engine.following import metres_between
from offers.engine.invented import InventedDelivery, InventedGrants, InventedPerson, customer_of
from offers.engine.rehearsal import Examined, Scene, Setting, Standpoint, rehearse
from offers.handing.plain_words import SpokenLanguage, say
from offers.handing.rehearsal_words import say_ahead, say_outcome
from offers.terms import Cap, Defaults, Offer, Place, Rule

_LANGUAGE: Final[SpokenLanguage] = "fr"
_AT: Final = datetime.fromisoformat(NOW)
_REFERENCE: Final = "cr_3c_Zr1mQ8vKx4t0bY6pWn3sLd9uHc2fGj7eAa5oTi-XkE_"
_TEST_PHONE_ID: Final = "tp_3c_5be1f07a92c4d836"
_LABEL: Final = "Pixel at the counter"
_IN_TEN_MINUTES: Final = "2026-07-01T08:25:00Z"
_IN_AN_HOUR: Final = "2026-07-01T09:15:00Z"
_SAID: Final = {"loyalty_tier": "gold"}
_ATTRIBUTES: Final = {"attributes": _SAID, "updated_at": ENROLLED_AT}
_WHOSE: Final = {"retailer_id": RETAILER_ID, "retailer_name": NAME}
_ENROLMENT: Final = {"test_phone_id": _TEST_PHONE_ID, **_WHOSE, "label": _LABEL, "accepted_at": NOW}
_PREVIEW_ID: Final = "1f0b7c34-5a9e-4d18-8c62-7e3d9b0a41f5"
_PREVIEW: Final = {
    "preview_id": _PREVIEW_ID,
    "is_preview": True,
    "offer_id": OFFER_ID,
    **_WHOSE,
    "channel": "push",
    **offers.WORDS[_LANGUAGE],
    "language": _LANGUAGE,
    "tags": offers.TAGS,
    "created_at": NOW,
    "expires_at": _IN_AN_HOUR,
}
_DAILY: Final = Cap(cap_id=SYSTEM_CAP_ID, scope="system", at_most=2, window="calendar", calendar_unit="day")

# The same values that the examples of the offer, the fence and the delivery show, asked of the real rules.
_OFFER: Final = Offer(
    offer_id=OFFER_ID,
    retailer_id=RETAILER_ID,
    status="active",
    content=offers.WORDS,
    triggers=("enter", "nearby"),
    channel="push",
    tags=tuple(offers.TAGS),
    fence_tags=frozenset({"cafe"}),
    weekly_hours="Mo-Fr 07:30-11:00",
    only_while_open=True,
    customer_limit=1,
    customer_limit_days=7,
    when_quiet="hold",
    holdout_percent=10,
)
_PLACE: Final = Place(
    fence_id=FENCE_ID,
    retailer_id=RETAILER_ID,
    site_id=SITE_ID,
    time_zone=TIME_ZONE,
    opening_hours=OPENING_HOURS,
    fence_tags=frozenset({"cafe"}),
    latitude=LAT,
    longitude=LON,
)
_YESTERDAY: Final = "2026-06-30T10:00:00Z"
_INVENTED: Final = InventedPerson(
    time_zone=TIME_ZONE,
    language=_LANGUAGE,
    age_band="adult",
    grants=InventedGrants(location_offers=True, personalisation=True, marketing=("push",)),
    interests=frozenset({"coffee"}),
    history=(InventedDelivery(decided_at=datetime.fromisoformat(_YESTERDAY)),),
)
_ASKED: Final = {
    "trigger": "enter",
    "lat": PHONE_LAT,
    "lon": PHONE_LON,
    "at": NOW,
    "person": {
        "time_zone": TIME_ZONE,
        "language": _LANGUAGE,
        "age_band": "adult",
        "grants": {"location_offers": True, "personalisation": True, "marketing": ["push"]},
        "interests": ["coffee"],
        "history": [{"decided_at": _YESTERDAY}],
    },
}
_DISTANCE_M: Final = metres_between(PHONE_LAT, PHONE_LON, LAT, LON)


def _answer() -> dict[str, Any]:
    rehearsal = rehearse(
        Scene(
            bucket=0,
            customer=customer_of(_INVENTED, [_OFFER], [RETAILER_ID]),
            device_id=UUID(int=1),
            at=_AT,
            trigger="enter",
            standpoints=[Standpoint(_PLACE, "Around the café", _DISTANCE_M)],
            offers=[_OFFER],
            setting=Setting(caps=[_DAILY], defaults=Defaults(holdout_salt="story"), stopped=()),
            budgets={},
        )
    )
    ((candidate, standing),) = rehearsal.ranking
    ranked = {
        "offer_id": OFFER_ID,
        "fence_id": FENCE_ID,
        "retailer_id": RETAILER_ID,
        **msgspec.to_builtins(standing),
        "distance_m": round(candidate.distance_m, 1),
        "ahead_by": None,
        "text": say_ahead(None, _LANGUAGE),
    }
    return {
        "at": NOW,
        "time_zone": TIME_ZONE,
        "language": _LANGUAGE,
        "fences": [
            {
                "fence_id": FENCE_ID,
                "name": "Around the café",
                "site_id": SITE_ID,
                "distance_m": round(_DISTANCE_M, 1),
            }
        ],
        "offers": [_tried(one) for one in rehearsal.examined],
        "ranking": [ranked],
        "winner": {"offer_id": OFFER_ID, "fence_id": FENCE_ID},
    }


def _tried(one: Examined) -> dict[str, Any]:
    return {
        "offer_id": OFFER_ID,
        "retailer_id": RETAILER_ID,
        "fence_id": FENCE_ID,
        "status": one.offer.status,
        "channel": one.offer.channel,
        "outcome": str(one.reason),
        "text": say_outcome(str(one.reason), _LANGUAGE, None, TIME_ZONE),
        "hold_until": None,
        "rules": [_rule(rule) for rule in one.rules],
        "draws": [_rule(rule) for rule in one.draws],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    text = say(rule, _LANGUAGE, TIME_ZONE)
    return {"name": str(rule.name), "passed": rule.passed, "text": text, "numbers": rule.numbers}


_KNOWN: Final = {"reference": _REFERENCE}
_TRIED_ON: Final = {"test_phone_id": _TEST_PHONE_ID}
_INVITATION: Final = {"label": _LABEL}

TOLD: Final[Mapping[str, Told]] = {
    "giveReference": Told(
        answering({"reference": _REFERENCE, **_WHOSE, "created_at": ENROLLED_AT}, "201"),
        asked={"": {"retailer_id": RETAILER_ID}},
    ),
    "listReferences": Told(answering(page({**_WHOSE, "created_at": ENROLLED_AT, **_ATTRIBUTES}))),
    "setAttributes": Told(answering(_ATTRIBUTES), asked={"": {"attributes": _SAID}}, parameters=_KNOWN),
    "getAttributes": Told(answering(_ATTRIBUTES), parameters=_KNOWN),
    "deleteAttributes": Told(parameters=_KNOWN),
    "inviteTestPhone": Told(
        answering({"code": "7QK4MZ2HVD", **_INVITATION, "expires_at": _IN_TEN_MINUTES}, "201"),
        asked={"": _INVITATION},
    ),
    "listTestPhones": Told(
        answering(page({**_TRIED_ON, **_INVITATION, "platform": "android", "accepted_at": NOW}))
    ),
    "removeTestPhone": Told(parameters=_TRIED_ON),
    "acceptTestPhone": Told(answering(_ENROLMENT, "201"), asked={"": {"code": "7QK4M-Z2HVD"}}),
    "listEnrolments": Told(answering(page(_ENROLMENT))),
    "previewOffer": Told(
        answering(
            {"preview_id": _PREVIEW_ID, **_TRIED_ON, "offer_id": OFFER_ID, "expires_at": _IN_AN_HOUR}, "201"
        ),
        asked={"": _TRIED_ON},
    ),
    "listPreviews": Told(answering({"items": [_PREVIEW]})),
    "rehearseDecision": Told(
        answering(_answer()),
        asked={
            "An invented person": _ASKED,
            "A test phone": {"trigger": "dwell", "fence_id": FENCE_ID, **_TRIED_ON, "as_if_active": True},
        },
    ),
}
