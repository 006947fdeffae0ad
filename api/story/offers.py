"""The café's offer and its limits in the story."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import (
    CAP_ID,
    NOW,
    OFFER_ID,
    OPENED_AT,
    RETAILER_ID,
    SYSTEM_CAP_ID,
    Told,
    answering,
    page,
)

WORDS: Final = {
    "fr": {"title": "Un café offert", "text": "Pour deux viennoiseries, le café est offert."},
    "en": {"title": "Coffee on us", "text": "Buy two pastries and the coffee is free."},
}
TAGS: Final = ["coffee"]
TRIGGERS: Final = ["enter", "nearby"]
_DRAFT: Final[dict[str, Any]] = {
    "content": WORDS,
    "triggers": TRIGGERS,
    "channel": "push",
    "external_id": "free-coffee",
    "tags": TAGS,
    "fences": {"tags": ["cafe"]},
    "schedule": {
        "starts_at": "2026-06-15T22:00:00Z",
        "weekly_hours": "Mo-Fr 07:30-11:00",
        "only_while_open": True,
    },
    "limits": {"per_customer": {"at_most": 1, "days": 7}},
    "quiet_hours": {"when_quiet": "hold"},
    "audience": {"visits": {"at_most": 9}, "if_not_known": "include"},
    "holdout_percent": 10,
    "budget": {"deliveries": 5000, "per_day": 400, "redemptions": 500},
}
_MORE_BUDGET: Final = {**_DRAFT, "budget": {"deliveries": 8000, "per_day": 400, "redemptions": 500}}


def _shown(
    status: str, revision: int, updated_at: str, draft: dict[str, Any] = _MORE_BUDGET, **more: Any
) -> dict[str, Any]:
    return {
        **draft,
        "fences": {"ids": [], "tags": ["cafe"], "site_ids": []},
        "priority": 0,
        "schedule": {**draft["schedule"], "ends_at": None},
        "limits": {
            **draft["limits"],
            "re_eligible_after_s": None,
            "ignores_caps": False,
            "counts_toward_caps": True,
        },
        "quiet_hours": {"when_quiet": "hold", "needs_presence": False},
        "audience": {
            "languages": [],
            "interests": [],
            "visits": {"at_least": None, "at_most": 9},
            "last_visit_days": {"at_least": None, "at_most": None},
            "attributes": {},
            "if_not_known": "include",
        },
        "holdout_percent": 10,
        "regulated": [],
        "code_format": None,
        "menu_id": None,
        "budget": {"time_zone": "Europe/Paris", "per_week": None, **draft["budget"]},
        "expires_after_s": 86_400,
        "stale_after_s": 120,
        "offer_id": OFFER_ID,
        "retailer_id": RETAILER_ID,
        "status": status,
        "stopped_at": None,
        "stopped_by": None,
        "revision": revision,
        "created_at": OPENED_AT,
        "updated_at": updated_at,
        **more,
    }


_CREATED: Final = _shown("draft", 1, OPENED_AT, _DRAFT)
_ACTIVE: Final = _shown("active", 2, "2026-06-15T09:10:00Z", _DRAFT)
_EDITED: Final = _shown("active", 3, "2026-06-22T07:00:00Z")
_COUNTS: Final = {
    "decided": 1_240,
    "handed": 1_198,
    "shown": 1_105,
    "opened": 410,
    "dismissed": 96,
    "less_like_this": 21,
    "redeemed": 187,
    "cancelled": 12,
    "waiting": 3,
    "suppressed": {"customer_limit": 318, "frequency_cap": 154, "not_scheduled": 72, "quiet_hours": 9},
}

_WEEKLY: Final = {"scope": "retailer", "at_most": 3, "window": {"calendar": "week"}, "channel": "push"}
_DAILY: Final = {"scope": "offer", "offer_id": OFFER_ID, "at_most": 1, "window": {"rolling_s": 86_400}}
_CAP: Final = {
    **_WEEKLY,
    "tag": None,
    "offer_id": None,
    "cap_id": CAP_ID,
    "retailer_id": RETAILER_ID,
    "revision": 1,
    "created_at": OPENED_AT,
}
_CAP_OF_OFFER: Final = {**_CAP, **_DAILY, "channel": None, "cap_id": CAP_ID + 1}
_CAP_OF_SYSTEM: Final = {
    "scope": "system",
    "at_most": 2,
    "window": {"calendar": "day"},
    "channel": None,
    "tag": None,
    "offer_id": None,
    "cap_id": SYSTEM_CAP_ID,
    "retailer_id": None,
    "revision": 1,
    "created_at": "2026-06-01T06:00:00Z",
}
_STRICTER: Final = {**_WEEKLY, "at_most": 2}
_NIGHT: Final = {"quiet_hours": {"start": "21:00", "end": "08:00"}, "holdout_percent": 5}

TOLD: Final[Mapping[str, Told]] = {
    "createOffer": Told(answering(_CREATED, "201"), asked={"": _DRAFT}),
    "listOffers": Told(answering(page(_EDITED)), parameters={"external_id": "free-coffee"}),
    "getOffer": Told(answering(_EDITED)),
    "editOffer": Told(answering(_EDITED), asked={"": _MORE_BUDGET}, parameters={"If-Match": '"2"'}),
    "activateOffer": Told(answering(_ACTIVE), parameters={"If-Match": '"1"'}),
    "pauseOffer": Told(answering(_shown("paused", 4, NOW)), parameters={"If-Match": '"3"'}),
    "stopOffer": Told(answering(_shown("paused", 4, NOW, stopped_at=NOW, stopped_by="retailer"))),
    "endOffer": Told(answering(_shown("ended", 4, NOW)), parameters={"If-Match": '"3"'}),
    "addOfferCodes": Told(
        answering({"format": "ean_13", "total": 2, "claimed": 0}),
        asked={"": {"codes": ["2100000000012", "2100000000029"]}},
    ),
    "countOfferCodes": Told(answering({"format": "ean_13", "total": 5_000, "claimed": 187})),
    "countOffer": Told(answering(_COUNTS)),
    "createCap": Told(
        {"201": {"calendar": _CAP, "rolling": _CAP_OF_OFFER}},
        asked={"calendar": _WEEKLY, "rolling": _DAILY},
    ),
    "listCaps": Told(answering(page(_CAP_OF_SYSTEM, _CAP, _CAP_OF_OFFER))),
    "getCap": Told(answering(_CAP)),
    "editCap": Told(
        answering({**_CAP, **_STRICTER, "revision": 2}), asked={"": _STRICTER}, parameters={"If-Match": '"1"'}
    ),
    "deleteCap": Told(parameters={"If-Match": '"2"'}),
    "getDefaults": Told(answering(_NIGHT)),
    "editDefaults": Told(answering(_NIGHT), asked={"": _NIGHT}),
}
