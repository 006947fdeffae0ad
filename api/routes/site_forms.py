"""A site as it is written on the wire, alone and as a GeoJSON Feature."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.routes.resources import SimpleText, of_server
from geo.sites import position_of
from geo.tables import Site as SiteRow


class Site(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A place of business. Hours in OSM syntax, in its own time zone; none: not known."""

    name: SimpleText
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    time_zone: str
    kind: str = "shop"
    opening_hours: str | None = None
    tags: dict[str, str] = {}
    attribution: str | None = None
    site_id: Annotated[int | UnsetType, of_server] = UNSET
    retailer_id: Annotated[int | UnsetType, of_server] = UNSET
    external_id: Annotated[str | UnsetType | None, of_server] = UNSET
    revision: Annotated[int | UnsetType, of_server] = UNSET
    created_at: Annotated[datetime | UnsetType, of_server] = UNSET
    updated_at: Annotated[datetime | UnsetType, of_server] = UNSET


class SiteProperties(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Of one imported site: the members of a Site but its position, which is the geometry."""

    name: str
    time_zone: str
    external_id: str | None = None
    kind: str = "shop"
    opening_hours: str | None = None
    tags: dict[str, str] = {}
    attribution: str | None = None


class SiteFeature(msgspec.Struct, kw_only=True):
    """One row of an import; the geometry is a Point."""

    type: Literal["Feature"]
    geometry: Any
    properties: SiteProperties
    id: Any = None


def shown(site: SiteRow) -> Site:
    lon, lat = position_of(site)
    same = {name: getattr(site, name) for name in Site.__struct_fields__ if name not in {"lon", "lat"}}
    return Site(lon=lon, lat=lat, **same)
