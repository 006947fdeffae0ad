"""The phone in the story: where it is, what is around it, and what that leads to."""

from collections.abc import Mapping
from typing import Any, Final

from api.story import offers
from api.story.told import (
    ARRIVED_AT,
    CODE,
    CROSSING_ID,
    DELIVERY_ID,
    EDGE_DISTANCE_M,
    EXPIRES_AT,
    FENCE_ID,
    LAT,
    LON,
    MENU_ID,
    NAME,
    NOW,
    OFFER_ID,
    OPENING_HOURS,
    PHONE_LAT,
    PHONE_LON,
    RETAILER_ID,
    SEQ,
    SITE_ID,
    TIME_ZONE,
    Told,
    answering,
)

_LANGUAGE: Final = "fr"
_SAID: Final = {**offers.WORDS[_LANGUAGE], "language": _LANGUAGE}

DELIVERED: Final[dict[str, Any]] = {
    "menu_id": None,
    "delivery_id": DELIVERY_ID,
    "seq": SEQ,
    "offer_id": OFFER_ID,
    "retailer_id": RETAILER_ID,
    "site_id": SITE_ID,
    "fence_id": FENCE_ID,
    "crossing_id": CROSSING_ID,
    "trigger": "enter",
    "channel": "push",
    **_SAID,
    "code": CODE,
    "tags": offers.TAGS,
    "decided_at": NOW,
    "expires_at": EXPIRES_AT,
}

_FIX: Final = {
    "fix_id": "01J9ZC5T",
    "lat": PHONE_LAT,
    "lon": PHONE_LON,
    "accuracy_m": 12.0,
    "recorded_at": ARRIVED_AT,
    "speed_mps": 1.3,
    "heading_deg": 52.0,
}
_CROSSING: Final = {
    "crossing_id": CROSSING_ID,
    "fence_id": FENCE_ID,
    "site_id": SITE_ID,
    "kind": "enter",
    "at": ARRIVED_AT,
    "confidence": 0.97,
}
_ANSWER: Final = {
    "fixes": [{"fix_id": _FIX["fix_id"], "status": "accepted"}],
    "crossings": [_CROSSING],
    "deliveries": [DELIVERED],
    "parking_prompts": [],
    "quiet_radius_m": 31.2,
    "next_fix_after_s": 15,
    "server_time": NOW,
}
_OFFER_HERE: Final = {
    "offer_id": OFFER_ID,
    **_SAID,
    "channel": "push",
    "tags": offers.TAGS,
    "triggers": offers.TRIGGERS,
    "ends_at": None,
}
_SITE_NEARBY: Final = {
    "site_id": SITE_ID,
    "retailer_id": RETAILER_ID,
    "name": NAME,
    "kind": "restaurant",
    "lat": LAT,
    "lon": LON,
    "distance_m": 36.8,
    "bearing_deg": 52.8,
    "open_now": True,
    "opens_at": None,
    "opening_hours": OPENING_HOURS,
    "time_zone": TIME_ZONE,
    "attribution": None,
    "offers": [_OFFER_HERE],
}
_REGION: Final = {
    "fence_id": FENCE_ID,
    "site_id": SITE_ID,
    "retailer_id": RETAILER_ID,
    "name": "Around the café",
    "circle": {"lat": LAT, "lon": LON, "radius_m": 100.0},
    "edge_distance_m": EDGE_DISTANCE_M,
    "is_inside": True,
    "dwell_s": 180,
    "revision": 2,
}
_MENU_NEARBY: Final = {
    "menu_id": MENU_ID,
    "version": 1,
    "name": "Le midi",
    "language": "fr",
    "languages": ["fr", "en"],
    "cuisines": ["french"],
    "site_id": SITE_ID,
    "retailer_id": RETAILER_ID,
    "site_name": NAME,
    "kind": "restaurant",
    "lat": LAT,
    "lon": LON,
    "time_zone": TIME_ZONE,
    "attribution": None,
    "distance_m": 36.8,
    "walk_m": 47.8,
    "walk_min": 1,
    "bearing_deg": 52.8,
    "open_now": False,
    "closes_at": None,
    "opens_at": "2026-07-01T10:00:00Z",
    "currency": "EUR",
    "items": 3,
    "price_from_minor": 450,
    "price_to_minor": 1250,
    "fitting": 2,
    "main_from_minor": 990,
    "formula_from_minor": 1650,
    "sponsored": False,
}
_HERE: Final = {"coarse": False, "lat": PHONE_LAT, "lon": PHONE_LON}

TOLD: Final[Mapping[str, Told]] = {
    "reportFixes": Told(
        answering(_ANSWER), asked={"": {"sent_at": NOW, "fixes": [_FIX], "monitored": [FENCE_ID]}}
    ),
    "listNearby": Told(
        {
            "200": {
                "Sites": {**_HERE, "items": [_SITE_NEARBY], "menus": []},
                "Menus, with kinds=menu": {**_HERE, "items": [], "menus": [_MENU_NEARBY]},
            }
        },
        parameters={
            "kinds": "menu",
            "diet": "vegetarian",
            "without": "nuts,peanuts",
            "cuisine": "french,italian",
            "max_price_minor": 1800,
            "currency": "EUR",
            "open_now": True,
            "form": "compact",
        },
    ),
    "syncFences": Told(
        answering(
            {
                "regions": [_REGION],
                "refresh": {"lat": PHONE_LAT, "lon": PHONE_LON, "radius_m": 50_000.0},
                "refresh_is_exact": True,
            }
        )
    ),
    "followLive": Told(
        answering(DELIVERED), parameters={"after_seq": SEQ - 1, "Last-Event-ID": str(SEQ - 1)}
    ),
}
