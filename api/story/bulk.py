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
    "fences": {"external_ids": ["around"]},
    "budget": {"deliveries": 5000, "per_day": 400},
}
_POINT: Final = {"type": "Point", "coordinates": [LON, LAT]}
_IN_GEOJSON: Final = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": _POINT,
            "properties": {
                "external_id": "free-coffee",
                "content.fr.title": WORDS["fr"]["title"],
                "content.fr.text": WORDS["fr"]["text"],
                "triggers": "enter|nearby",
                "channel": "push",
                "fence.radius_m": RADIUS_M,
                "fence.site_external_id": "paris-04",
            },
        }
    ],
}
_IN_CSV: Final = (
    "external_id,content.fr.title,content.fr.text,triggers,channel,fences.external_ids,budget.per_day\r\n"
    f'free-coffee,{WORDS["fr"]["title"]},"{WORDS["fr"]["text"]}",enter|nearby,push,around,400\r\n'
)
_SITES: Final = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": _POINT,
            "properties": {
                "external_id": "paris-04",
                "name": NAME,
                "time_zone": TIME_ZONE,
                "kind": "restaurant",
                "opening_hours": OPENING_HOURS,
                "tags": {"amenity": "cafe"},
                "attribution": None,
            },
        }
    ],
}
_SITES_IN_CSV: Final = (
    "lat,lon,external_id,name,time_zone,kind,opening_hours,tags.amenity\r\n"
    f"{LAT},{LON},paris-04,{NAME},{TIME_ZONE},restaurant,{OPENING_HOURS},cafe\r\n"
)
_FENCES: Final = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": _POINT,
            "properties": {
                "external_id": "around",
                "name": "Around the café",
                "radius_m": RADIUS_M,
                "site_external_id": "paris-04",
                "tags": ["cafe"],
            },
        }
    ],
}
_FENCES_IN_CSV: Final = (
    "lat,lon,external_id,name,radius_m,site_external_id,tags\r\n"
    f"{LAT},{LON},around,Around the café,{RADIUS_M},paris-04,cafe\r\n"
)
_REPORT: Final = {
    "dry_run": False,
    "rows": 1,
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "refused": 0,
    "errors": [],
}
_WITH_FENCES: Final = {**_REPORT, "fences": {"created": 1, "updated": 0, "unchanged": 0}}
_EXPORTED: Final = {**_OFFER, "status": "active"}
_CAP: Final = {
    "scope": "retailer",
    "at_most": 3,
    "window": {"calendar": "week"},
    "channel": "push",
    "tag": None,
    "offer_external_id": None,
}
_FORM: Final = {"format": "json"}

TOLD: Final[Mapping[str, Told]] = {
    "importSites": Told(answering(_REPORT), asked={"GeoJSON": _SITES, "CSV": _SITES_IN_CSV}),
    "importFences": Told(answering(_REPORT), asked={"GeoJSON": _FENCES, "CSV": _FENCES_IN_CSV}),
    "importOffers": Told(
        {"200": {"offers": _REPORT, "features": _WITH_FENCES}},
        asked={"JSON": {"offers": [_OFFER]}, "GeoJSON": _IN_GEOJSON, "CSV": _IN_CSV},
    ),
    "exportOffers": Told({"200": {"JSON": {"offers": [_EXPORTED]}, "CSV": _IN_CSV}}, parameters=_FORM),
    "exportSites": Told({"200": {"JSON": _SITES, "CSV": _SITES_IN_CSV}}, parameters=_FORM),
    "exportFences": Told({"200": {"JSON": _FENCES, "CSV": _FENCES_IN_CSV}}, parameters=_FORM),
    "exportEverything": Told(
        answering({"sites": _SITES, "fences": _FENCES, "offers": [_EXPORTED], "caps": [_CAP]})
    ),
}
