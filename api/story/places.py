"""The café's site and its fences in the story."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import (
    FENCE_ID,
    LAT,
    LON,
    NAME,
    NOW,
    OPENED_AT,
    OPENING_HOURS,
    RADIUS_M,
    RETAILER_ID,
    SITE_ID,
    TERRACE_ID,
    TIME_ZONE,
    Told,
    answering,
    page,
)

EXTERNAL_ID: Final = "paris-04"
_ABOUT: Final = {
    "name": NAME,
    "kind": "restaurant",
    "time_zone": TIME_ZONE,
    "opening_hours": OPENING_HOURS,
    "tags": {"amenity": "cafe", "outdoor_seating": "yes"},
}
_SITE_DRAFT: Final = {**_ABOUT, "lat": LAT, "lon": LON}
_SITE: Final[dict[str, Any]] = {
    **_SITE_DRAFT,
    "attribution": None,
    "site_id": SITE_ID,
    "retailer_id": RETAILER_ID,
    "external_id": EXTERNAL_ID,
    "revision": 1,
    "created_at": OPENED_AT,
    "updated_at": OPENED_AT,
}
_AROUND: Final = {"name": "Around the café", "external_id": "around", "radius_m": RADIUS_M, "tags": ["cafe"]}
_POINT: Final = {"type": "Point", "coordinates": [LON, LAT]}
CIRCLE_DRAFT: Final = {"type": "Feature", "geometry": _POINT, "properties": _AROUND}
_AT_THE_SITE: Final = {**CIRCLE_DRAFT, "properties": {**_AROUND, "site_id": SITE_ID}}
_TERRACE_SHAPE: Final = {
    "type": "Polygon",
    "coordinates": [
        [[2.3487, 48.8533], [2.349, 48.8533], [2.349, 48.8535], [2.3487, 48.8535], [2.3487, 48.8533]]
    ],
}
_TERRACE: Final = {
    "name": "The terrace",
    "external_id": "terrace",
    "dwell_s": 240,
    "active_hours": "Mo-Sa 08:00-20:00",
}
TERRACE_DRAFT: Final = {"type": "Feature", "geometry": _TERRACE_SHAPE, "properties": _TERRACE}
_DEFAULTS: Final[dict[str, Any]] = {
    "site_id": None,
    "radius_m": None,
    "tags": [],
    "dwell_s": 180,
    "retrigger_s": 0,
    "active_hours": None,
    "starts_at": None,
    "disabled_at": None,
}


def _shown(draft: Mapping[str, Any], fence_id: int, **of_server: Any) -> dict[str, Any]:
    said = {**_DEFAULTS, **draft["properties"], "fence_id": fence_id, "created_at": OPENED_AT, **of_server}
    return {**draft, "id": fence_id, "properties": said}


_CIRCLE_SIZE: Final = {"area_m2": 20106.2, "effective_radius_m": 80.0}
_FENCE: Final = _shown(CIRCLE_DRAFT, FENCE_ID, revision=1, updated_at=OPENED_AT, **_CIRCLE_SIZE)
_EDITED: Final = _shown(_AT_THE_SITE, FENCE_ID, revision=2, updated_at="2026-06-15T09:05:00Z", **_CIRCLE_SIZE)
_TERRACE_SHOWN: Final = _shown(
    TERRACE_DRAFT,
    TERRACE_ID,
    revision=1,
    updated_at=OPENED_AT,
    area_m2=489.7,
    effective_radius_m=12.48,
)
_SHAPES: Final = {"circle": CIRCLE_DRAFT, "polygon": TERRACE_DRAFT}
_LISTED: Final = page(_TERRACE_SHOWN)


TOLD: Final[Mapping[str, Told]] = {
    "putSite": Told(
        {
            "200": {"": {**_SITE, "revision": 2, "updated_at": NOW}},
            "201": {"": _SITE},
        },
        asked={"": _SITE_DRAFT},
        parameters={"external_id": EXTERNAL_ID, "If-Match": '"1"'},
    ),
    "listSites": Told(answering(page(_SITE)), parameters={"external_id": EXTERNAL_ID}),
    "getSite": Told(answering(_SITE)),
    "deleteSite": Told(parameters={"If-Match": '"2"'}),
    "createFence": Told(
        {"201": {"circle": _FENCE, "polygon": _TERRACE_SHOWN}},
        asked=_SHAPES,
    ),
    "listFences": Told(answering(_LISTED), parameters={"external_id": "terrace"}),
    "getFence": Told(answering(_EDITED)),
    "editFence": Told(answering(_EDITED), asked={"": _AT_THE_SITE}, parameters={"If-Match": '"1"'}),
    "deleteFence": Told(parameters={"fence_id": TERRACE_ID, "If-Match": '"1"'}),
}
