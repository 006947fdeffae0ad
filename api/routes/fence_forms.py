"""A fence as GeoJSON: the wire form, and the way between it and `geo.fences`."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.routes.resources import PlaceId, of_server
from geo.errors import InvalidInput
from geo.fences import FenceEdit, shape_of
from geo.geojson import read_shape, refuse_crs, write_shape
from geo.tables import Fence
from offers.retail.offer_edits import hours_faults

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class FenceProperties(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`radius_m` goes with a Point. Hours in OSM syntax, in the site's zone; durations in seconds."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    external_id: str | None = None
    site_id: PlaceId | None = None
    radius_m: Annotated[float, msgspec.Meta(ge=20, le=10_000)] | None = None
    tags: Annotated[list[str], msgspec.Meta(max_length=50)] = []
    dwell_s: Annotated[int, msgspec.Meta(ge=30, le=86_400)] = 180
    retrigger_s: Annotated[int, msgspec.Meta(ge=0, le=31_536_000)] = 0
    active_hours: str | None = None
    starts_at: Moment | None = None
    disabled_at: Moment | None = None
    fence_id: Annotated[int | UnsetType, of_server] = UNSET
    revision: Annotated[int | UnsetType, of_server] = UNSET
    area_m2: Annotated[float | UnsetType, of_server] = UNSET
    effective_radius_m: Annotated[float | UnsetType, of_server] = UNSET
    created_at: Annotated[datetime | UnsetType, of_server] = UNSET
    updated_at: Annotated[datetime | UnsetType, of_server] = UNSET


class FenceFeature(msgspec.Struct, kw_only=True):
    """A GeoJSON Feature (RFC 7946): Point with radius_m, Polygon or MultiPolygon."""

    type: Literal["Feature"]
    geometry: dict[str, Any]
    properties: FenceProperties
    id: int | str | None = None
    crs: Any = UNSET


def edit_of(feature: FenceFeature, at: str) -> FenceEdit:
    """The shape is judged here, and the hours; the rest where the sites are known."""
    said = feature.properties
    if feature.crs is not UNSET:
        refuse_crs({"crs": feature.crs}, at=at)
    shape = read_shape(feature.geometry, said.radius_m, at=at)
    if faults := hours_faults(said.active_hours, f"{at}properties.active_hours"):
        raise InvalidInput("The fence cannot be used.", faults=tuple(faults))
    same = {
        name: getattr(said, name) for name in FenceEdit.__struct_fields__ if name not in {"shape", "tags"}
    }
    return FenceEdit(shape=shape, tags=tuple(said.tags), **same)


def shown(fence: Fence) -> FenceFeature:
    shape = shape_of(fence)
    measured: dict[str, Any] = {
        "area_m2": round(shape.area_m2, 1),
        "effective_radius_m": round(shape.effective_radius_m, 2),
    }
    same = {name: getattr(fence, name) for name in FenceProperties.__struct_fields__ if name not in measured}
    return FenceFeature(
        type="Feature",
        id=fence.fence_id,
        geometry=write_shape(shape),
        properties=FenceProperties(**same, **measured),
    )
