"""The examples of the document: what the story tells of each operation.

Owns where they go, and the values of parameters that mean the same wherever they appear.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api.story import TOLD
from api.story.people import LINK_CODE_ID
from api.story.told import (
    CAP_ID,
    DELIVERY_ID,
    FENCE_ID,
    MENU_ID,
    OFFER_ID,
    PHONE_LAT,
    PHONE_LON,
    RETAILER_ID,
    SITE_ID,
    Told,
    Values,
)

_PARAMETERS: Final[Mapping[str, Any]] = {
    "retailer_id": RETAILER_ID,
    "site_id": SITE_ID,
    "fence_id": FENCE_ID,
    "offer_id": OFFER_ID,
    "cap_id": CAP_ID,
    "menu_id": MENU_ID,
    "item_id": "croque-monsieur",
    "day": "2026-07-01",
    "form": "full",
    "delivery_id": DELIVERY_ID,
    "code_id": LINK_CODE_ID,
    "lat": PHONE_LAT,
    "lon": PHONE_LON,
    "accuracy_m": 12.0,
    "radius_m": 500.0,
    "kinds": "restaurant,shop",
    "platform": "android",
    "reserved": 1,
    "purpose": "location_offers",
    "language": "fr",
    "version": 1,
    "status": "active",
    "dry_run": False,
    "partial": False,
    "limit": 50,
    "cursor": "MQ",
    "Accept-Language": "fr",
    "If-None-Match": 'W/"9f2c4a6e81b07d35c2e4f6a8901b3d57"',
    "Idempotency-Key": "7d1c0b9e-2f43-4e0a-9c56-0d8f3f0b6a11",
}


def exemplify(operation: dict[str, Any]) -> None:
    """Put the story's values into an operation. What the story does not tell stays without."""
    told = TOLD.get(operation["operationId"], Told())
    for parameter in operation["parameters"]:
        values = {**_PARAMETERS, **told.parameters}
        if parameter["name"] in values:
            parameter["example"] = values[parameter["name"]]
    _show(operation.get("requestBody", {}), told.asked)
    for status, bodies in told.answers.items():
        _show(operation["responses"][status], bodies)


def _show(body: dict[str, Any], values: Values) -> None:
    plain = msgspec.to_builtins(dict(values))
    for media_type, content in body.get("content", {}).items():
        if media_type == "text/html":
            continue
        content.pop("example", None)
        content.pop("examples", None)
        fitting = {
            name: _in_form(media_type, content["schema"], value)
            for name, value in plain.items()
            if _fits(media_type, value)
        }
        if len(fitting) == 1:
            (content["example"],) = fitting.values()
        elif fitting:
            content["examples"] = {
                name.lower().replace(" ", "_"): {"summary": name, "value": value}
                for name, value in fitting.items()
            }


def _fits(media_type: str, value: Any) -> bool:
    """Texts are tables. Of imports that take many forms, only collections are GeoJSON, few linked data."""
    if "@context" in value or media_type == "application/ld+json":
        return "@context" in value and media_type == "application/ld+json"
    if media_type == "text/csv" or isinstance(value, str):
        return media_type == "text/csv" and isinstance(value, str)
    return media_type != "application/geo+json" or not {"type", "items"}.isdisjoint(value)


def _in_form(media_type: str, schema: dict[str, Any], value: Any) -> Any:
    """A page as the collection that it is in GeoJSON."""
    if media_type != "application/geo+json" or "features" not in schema.get("properties", {}):
        return value
    if "items" not in value:
        return value
    return {"type": "FeatureCollection", "features": value["items"], "next_cursor": value["next_cursor"]}
