"""The street in front of the café: the spaces along its kerb, what they cost, and the customer's car."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import (
    ENROLLED_AT,
    NAME,
    NOW,
    OPENED_AT,
    PHONE_LAT,
    PHONE_LON,
    RETAILER_ID,
    TIME_ZONE,
    Told,
    answering,
    page,
)

ZONE_ID: Final = 5
TARIFF_ID: Final = 3
PERMIT_ID: Final = 21
PLATE_ID: Final = "5d0f2a61-7c3b-4e98-b1d4-9a6e0c8f2b37"
_CODE: Final = "75 104"
_OWN_NAME: Final = "quai"
_SET_AT: Final = "2026-06-15T09:20:00Z"

TARIFF: Final[dict[str, Any]] = {
    "id": _OWN_NAME,
    "version": 1,
    "name": {"fr": "Quai, 2 h au plus", "en": "Quay, 2 h at most"},
    "currency": "EUR",
    "fps_minor": 1200,
    "rates": [
        {
            "hours": "Mo-Sa 09:00-20:00; PH off",
            "lines": [{"type": "increment", "per_minutes": 15, "price_minor": 150}],
            "max_stay_minutes": 120,
        },
        {
            "priority": -1,
            "user_classes": ["resident"],
            "hours": "Mo-Sa 09:00-20:00; PH off",
            "passes": [{"paid_days": 1, "price_minor": 150}],
        },
    ],
    "valid_from": "2026-06-30T22:00:00Z",
}
_VERSION: Final = {
    "version": 1,
    "valid_from": TARIFF["valid_from"],
    "valid_until": None,
    "published_at": _SET_AT,
    "withdrawn_at": None,
}
_LISTED: Final = {"tariff_id": TARIFF_ID, "id": _OWN_NAME, "versions": [_VERSION]}
_PUBLISHED: Final = {
    "tariff_id": TARIFF_ID,
    "version": 1,
    "published_at": _SET_AT,
    "withdrawn_at": None,
    "tariff": TARIFF,
}
_RESTRICTION: Final = {"kind": "loading_only", "hours": "Mo-Sa 06:00-09:00", "note": "Market deliveries"}
_LINE: Final = {"type": "LineString", "coordinates": [[2.3482, 48.8531], [2.3489, 48.85335]]}
_ABOUT: Final[dict[str, Any]] = {
    "code": _CODE,
    "name": "Quay at the bridge",
    "time_zone": TIME_ZONE,
    "country": "FR",
    "buffer_m": 12.0,
    "capacity": 9,
    "tariff": _OWN_NAME,
    "restrictions": [_RESTRICTION],
}
_DRAFT: Final = {"type": "Feature", "geometry": _LINE, "properties": _ABOUT}
_OF_SERVER: Final = {
    "zone_id": ZONE_ID,
    "tariff_id": TARIFF_ID,
    "area_m2": 1842.6,
    "closed_at": None,
    "closed_by": None,
    "revision": 1,
    "created_at": OPENED_AT,
    "updated_at": OPENED_AT,
}
_ZONE: Final = {**_DRAFT, "id": ZONE_ID, "properties": {**_ABOUT, **_OF_SERVER}}


def _edited(**said: Any) -> dict[str, Any]:
    return {**_ZONE, "properties": {**_ABOUT, **_OF_SERVER, **said}}


_CLOSED: Final = _edited(revision=2, closed_at=NOW, closed_by="retailer", updated_at=NOW)
_REOPENED: Final = _edited(revision=3, updated_at=NOW)
_ZONES: Final = {"type": "FeatureCollection", "features": [_DRAFT]}
_TARIFFS: Final = {"tariffs": [TARIFF]}
_REPORT: Final = {
    "dry_run": False,
    "rows": 1,
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "refused": 0,
    "errors": [],
}

_PRICE: Final = {
    "tariff_id": TARIFF_ID,
    "version": 1,
    "text": "Payant jusqu'à 20:00. 1 h : 6,00 €. Au plus jusqu'à 12:15.",
    "now": {
        "state": "paid",
        "changes_at": "2026-07-01T18:00:00Z",
        "currency": "EUR",
        "hour_minor": 600,
        "first_steps": [
            {"paid_minutes": 15, "price_minor": 150},
            {"paid_minutes": 30, "price_minor": 300},
        ],
        "longest_stay_until": "2026-07-01T10:15:00Z",
    },
}
_SEEN: Final = {
    "zone_id": ZONE_ID,
    "operator_id": RETAILER_ID,
    "operator": NAME,
    **{name: _ABOUT[name] for name in ("code", "name", "time_zone", "country", "capacity", "restrictions")},
    "is_open": True,
    "forbidden_by": None,
    "price": _PRICE,
}
_AROUND: Final = {"items": [{**_SEEN, "confidence": 0.78, "distance_m": 0.0}], "none": 0.22}

_PERMIT: Final = {
    "permit_id": PERMIT_ID,
    "user_class": "resident",
    "zone_ids": [ZONE_ID],
    "valid_from": "2026-06-30T22:00:00Z",
    "valid_until": "2027-06-30T22:00:00Z",
    "created_at": _SET_AT,
    "updated_at": _SET_AT,
}
_PERMITTED: Final = {
    "plate": "GX-482-ZT",
    "country": "FR",
    "user_class": "resident",
    "zones": [_CODE],
    "valid_from": _PERMIT["valid_from"],
    "valid_until": _PERMIT["valid_until"],
}
_PERMITS_IN_CSV: Final = (
    "plate,country,user_class,valid_from,valid_until,zones\r\n"
    f"GX-482-ZT,FR,resident,{_PERMIT['valid_from']},{_PERMIT['valid_until']},{_CODE}\r\n"
)
PLATE: Final = {
    "plate_id": PLATE_ID,
    "country": "FR",
    "plate": "GX482ZT",
    "label": "Voiture",
    "created_at": ENROLLED_AT,
    "used_on": "2026-07-01",
}
_ADDED: Final = {**PLATE, "used_on": "2026-06-20"}

_AT: Final = {"zone_id": ZONE_ID, "tariff_id": TARIFF_ID}

TOLD: Final[Mapping[str, Told]] = {
    "createParkingZone": Told(answering(_ZONE, "201"), asked={"": _DRAFT}),
    "listParkingZones": Told(answering(page(_ZONE)), parameters={**_AT, "code": _CODE}),
    "getParkingZone": Told(answering(_ZONE), parameters=_AT),
    "editParkingZone": Told(
        answering(_edited(revision=2, capacity=8, updated_at=NOW)),
        asked={"": {**_DRAFT, "properties": {**_ABOUT, "capacity": 8}}},
        parameters={**_AT, "If-Match": '"1"'},
    ),
    "deleteParkingZone": Told(parameters={**_AT, "If-Match": '"1"'}),
    "closeParkingZone": Told(answering(_CLOSED), parameters=_AT),
    "reopenParkingZone": Told(answering(_REOPENED), parameters=_AT),
    "importParkingZones": Told(answering(_REPORT), asked={"GeoJSON": _ZONES}),
    "exportParkingZones": Told(answering(_ZONES)),
    "publishParkingTariff": Told(answering(_PUBLISHED, "201"), asked={"": TARIFF}),
    "listParkingTariffs": Told(answering(page(_LISTED)), parameters={"external_id": _OWN_NAME}),
    "getParkingTariff": Told(answering(_LISTED), parameters=_AT),
    "getParkingTariffVersion": Told(answering(_PUBLISHED), parameters=_AT),
    "withdrawParkingTariffVersion": Told(parameters=_AT),
    "importParkingTariffs": Told(answering(_REPORT), asked={"JSON": _TARIFFS}),
    "exportParkingTariffs": Told(answering(_TARIFFS)),
    "importParkingPermits": Told(
        answering(_REPORT), asked={"JSON": {"permits": [_PERMITTED]}, "CSV": _PERMITS_IN_CSV}
    ),
    "listParkingPermits": Told(answering(page(_PERMIT)), parameters={"user_class": "resident"}),
    "lookUpParkingPermit": Told(
        answering({"items": [_PERMIT]}), asked={"": {"plate": "GX-482-ZT", "country": "FR"}}
    ),
    "deleteParkingPermit": Told(parameters={"permit_id": PERMIT_ID}),
    "listParkingZonesAround": Told(
        answering(_AROUND), parameters={"lat": PHONE_LAT, "lon": PHONE_LON, "accuracy_m": 12.0}
    ),
    "findParkingZone": Told(
        answering({"items": [_SEEN]}), parameters={"code": "75104", "operator": RETAILER_ID}
    ),
    "addPlate": Told(
        {"201": {"": _ADDED}, "200": {"": _ADDED}},
        asked={"": {"plate": "GX-482-ZT", "country": "FR", "label": "Voiture"}},
    ),
    "listPlates": Told(answering({"items": [PLATE]})),
    "renamePlate": Told(
        answering({**PLATE, "label": "Break"}),
        asked={"": {"label": "Break"}},
        parameters={"plate_id": PLATE_ID},
    ),
    "deletePlate": Told(parameters={"plate_id": PLATE_ID}),
}
