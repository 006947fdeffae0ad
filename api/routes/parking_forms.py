"""Parking zones and tariffs on the wire, and the way between them and `offers.parking`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.routes.resources import of_server
from geo.errors import Fault, InvalidInput
from geo.geojson import read_shape, refuse_crs, write_line, write_shape
from geo.kerbs import read_kerb
from geo.wall_clock import country_of, is_zone
from offers.parking.restrictions import Restriction
from offers.parking.tables import TariffRow, TariffVersionRow, ZoneRow
from offers.parking.tariff_versions import whole
from offers.parking.tariffs import Tariff
from offers.parking.zone_edits import ZoneEdit, faults_of, kerb_of, shape_of
from offers.retail.offer_edits import hours_faults

_NOWHERE: Final = "ZZ"
LINES: Final = frozenset({"LineString", "MultiLineString"})

_BUFFER: Final = "Of a kerb line: how far the zone reaches to either side, in metres."
_TARIFF: Final = "The `id` of a tariff of yours; none: nothing is paid here."
_COUNTRY: Final = "ISO 3166; left out: the country its time zone is named for."


class ZoneProperties(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`code` is what stands on the sign. Hours in OSM syntax, in the zone's time."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    time_zone: str
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    country: Annotated[str, msgspec.Meta(description=_COUNTRY)] | None = None
    buffer_m: Annotated[float, msgspec.Meta(ge=2, le=50, description=_BUFFER)] | None = None
    capacity: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    tariff: Annotated[str, msgspec.Meta(min_length=1, max_length=200, description=_TARIFF)] | None = None
    restrictions: Annotated[list[Restriction], msgspec.Meta(max_length=20)] = []
    zone_id: Annotated[int | UnsetType, of_server] = UNSET
    tariff_id: Annotated[int | UnsetType | None, of_server] = UNSET
    area_m2: Annotated[float | UnsetType, of_server] = UNSET
    closed_at: Annotated[datetime | UnsetType | None, of_server] = UNSET
    closed_by: Annotated[Literal["retailer", "operator"] | UnsetType | None, of_server] = UNSET
    revision: Annotated[int | UnsetType, of_server] = UNSET
    created_at: Annotated[datetime | UnsetType, of_server] = UNSET
    updated_at: Annotated[datetime | UnsetType, of_server] = UNSET


class ZoneFeature(msgspec.Struct, kw_only=True):
    """A GeoJSON Feature: a Polygon or MultiPolygon, or a kerb as LineString or MultiLineString."""

    type: Literal["Feature"]
    geometry: dict[str, Any]
    properties: ZoneProperties
    id: int | str | None = None
    crs: Any = UNSET


class TariffVersionInfo(msgspec.Struct, kw_only=True):
    """When one version holds. `withdrawn_at`: it was taken back before it did."""

    version: int
    valid_from: datetime | None
    valid_until: datetime | None
    published_at: datetime
    withdrawn_at: datetime | None


class TariffInfo(msgspec.Struct, kw_only=True):
    """A tariff; `id` is your own name of it. Its versions in the order in which they hold."""

    tariff_id: int
    id: str
    versions: list[TariffVersionInfo]


class TariffPublished(msgspec.Struct, kw_only=True):
    """One version with its terms. A quote names it by `tariff_id` and `version`."""

    tariff_id: int
    version: int
    published_at: datetime
    withdrawn_at: datetime | None
    tariff: Tariff


class NamedZone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone whose tariff is known by name only, until the tariffs are read."""

    edit: ZoneEdit
    tariff: str | None = None


def read_zone_feature(feature: ZoneFeature, at: str = "") -> NamedZone:
    """All is judged here but the name of the tariff. Raises InvalidInput."""
    said = feature.properties
    if feature.crs is not UNSET:
        refuse_crs({"crs": feature.crs}, at=at)
    edit = ZoneEdit(
        code=said.code,
        name=said.code if said.name is None else said.name,
        time_zone=said.time_zone,
        country=_country_of(said, at),
        capacity=said.capacity,
        restrictions=tuple(said.restrictions),
        **_drawn(feature, at),
    )
    faults = faults_of(edit, at)
    for number, one in enumerate(edit.restrictions):
        faults += hours_faults(one.hours, f"{at}properties.restrictions[{number}].hours")
    if faults:
        raise InvalidInput("The zone cannot be used.", faults=tuple(faults))
    return NamedZone(edit=edit, tariff=said.tariff)


def _country_of(said: ZoneProperties, at: str) -> str:
    country = said.country or country_of(said.time_zone)
    if country is None and is_zone(said.time_zone):
        fault = Fault(f"{at}properties.country", "is required: the time zone is named for no country")
        raise InvalidInput("The zone cannot be used.", faults=(fault,))
    return country or _NOWHERE  # the time zone is refused anyway


def with_tariff(zone: NamedZone, ids: Mapping[str, int]) -> ZoneEdit | Fault:
    """With the id of its tariff, by `ids`, of those that its operator has."""
    if zone.tariff is None:
        return zone.edit
    tariff_id = ids.get(zone.tariff)
    if tariff_id is None:
        return Fault("properties.tariff", "there is no such tariff")
    return msgspec.structs.replace(zone.edit, tariff_id=tariff_id)


def shown_zone(zone: ZoneRow, tariff: str | None) -> ZoneFeature:
    """`tariff` is the operator's own name of the zone's."""
    exported = exported_zone(zone, tariff)
    of_server = {
        name: getattr(zone, name)
        for name in ("zone_id", "tariff_id", "closed_at", "closed_by", "revision", "created_at", "updated_at")
    }
    properties = ZoneProperties(
        **{**exported["properties"], "restrictions": _restrictions(zone)},
        **of_server,
        area_m2=round(shape_of(zone).area_m2, 1),
    )
    return ZoneFeature(type="Feature", id=zone.zone_id, geometry=exported["geometry"], properties=properties)


def exported_zone(zone: ZoneRow, tariff: str | None) -> dict[str, Any]:
    """As the import takes it: a kerb as the line that was drawn."""
    kerb = kerb_of(zone)
    same = ("code", "name", "time_zone", "country", "buffer_m", "capacity", "restrictions")
    return {
        "type": "Feature",
        "geometry": write_shape(shape_of(zone)) if kerb is None else write_line(kerb),
        "properties": {**{name: getattr(zone, name) for name in same}, "tariff": tariff},
    }


def shown_tariff(tariff: TariffRow, versions: list[TariffVersionRow]) -> TariffInfo:
    listed = [
        TariffVersionInfo(**{name: getattr(one, name) for name in TariffVersionInfo.__struct_fields__})
        for one in versions
    ]
    return TariffInfo(tariff_id=tariff.tariff_id, id=tariff.external_id, versions=listed)


def shown_version(version: TariffVersionRow) -> TariffPublished:
    return TariffPublished(
        tariff_id=version.tariff_id,
        version=version.version,
        published_at=version.published_at,
        withdrawn_at=version.withdrawn_at,
        tariff=terms_of_row(version),
    )


def terms_of_row(version: TariffVersionRow) -> Tariff:
    """The tariff as it was published, with when it holds now."""
    return whole(msgspec.convert(version.terms, Tariff), version.valid_from, version.valid_until)


def _drawn(feature: ZoneFeature, at: str) -> dict[str, Any]:
    if feature.geometry.get("type") in LINES:
        kerb, buffer_m, strip = read_kerb(feature.geometry, feature.properties.buffer_m, at=at)
        return {"kerb": kerb, "buffer_m": buffer_m, "shape": strip}
    if feature.properties.buffer_m is not None:
        fault = Fault(f"{at}properties.buffer_m", "goes with a LineString or MultiLineString only")
        raise InvalidInput("The zone cannot be used.", faults=(fault,))
    if feature.geometry.get("type") not in {"Polygon", "MultiPolygon"}:
        wanted = "must be Polygon, MultiPolygon, LineString or MultiLineString"
        raise InvalidInput("The zone cannot be used.", faults=(Fault(f"{at}geometry.type", wanted),))
    return {"shape": read_shape(feature.geometry, at=at)}


def _restrictions(zone: ZoneRow) -> list[Restriction]:
    return msgspec.convert(zone.restrictions, list[Restriction])


MAX_VERSION: Final = 2**31 - 1
