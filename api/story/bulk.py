"""The café's offers and places of the story, many at once: brought in, and taken out again."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.offers import TAGS, TRIGGERS, WORDS
from api.story.told import LAT, LON, NAME, OPENING_HOURS, RADIUS_M, TIME_ZONE, Told, answering

_OFFER: Final[dict[str, Any]] = {
    "external_id": "free-coffee",
    "content": WORDS,
    "triggers": TRIGGERS,
    "channel": "push",
    "tags": TAGS,
    "fences": {"external_ids": ["pont-circle"]},
    "budget": {"deliveries": 5000, "per_day": 400},
}
_POINT: Final = {"type": "Point", "coordinates": [LON, LAT]}
_SITES: Final = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": _POINT,
            "properties": {
                "external_id": "pont",
                "name": NAME,
                "time_zone": TIME_ZONE,
                "kind": "restaurant",
                "opening_hours": OPENING_HOURS,
            },
        }
    ],
}
_FENCES: Final = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": _POINT,
            "properties": {
                "external_id": "pont-circle",
                "name": "Around the café",
                "radius_m": RADIUS_M,
                "site_external_id": "pont",
                "tags": ["cafe"],
            },
        }
    ],
}
_REPORT: Final = {
    "dry_run": False,
    "rows": 1,
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "refused": 0,
    "errors": [],
}
_CAP: Final = {
    "scope": "retailer",
    "at_most": 3,
    "rolling_s": None,
    "calendar_unit": "week",
    "channel": "push",
    "tag": None,
    "offer_id": None,
}
_FORM: Final = {"format": "json"}

TOLD: Final[Mapping[str, Told]] = {
    "importOffers": Told(answering(_REPORT), asked={"": {"offers": [_OFFER]}}),
    "exportOffers": Told(answering({"offers": [_OFFER]}), parameters=_FORM),
    "exportSites": Told(answering(_SITES), parameters=_FORM),
    "exportFences": Told(answering(_FENCES), parameters=_FORM),
    "exportEverything": Told(
        answering({"sites": _SITES, "fences": _FENCES, "offers": [_OFFER], "caps": [_CAP]})
    ),
}
