"""What stands in an export: a retailer's things as their imports take them, by the retailer's own names."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from api.routes.caps import Window, window_of
from api.routes.fence_imports import ImportedFence, ImportedProperties
from api.routes.offer_forms import shown
from api.routes.offer_imports import ImportedOffer
from api.routes.site_forms import SiteFeature, SiteProperties
from geo.fences import shape_of
from geo.geojson import write_point, write_shape
from geo.names import FENCES, SITES
from geo.sites import position_of
from geo.tables import Fence, Site
from geo.wkt import write_wkt
from offers.retail.budgets import Budget
from offers.retail.bulk import OFFERS
from offers.retail.cap_edits import Scope
from offers.tables import CapRow, OfferRow
from offers.terms import Channel

_OF_AN_OFFER: Final = msgspec.Meta(description="The offer's `external_id`; of the scope `offer` only.")


class ExportedSites(msgspec.Struct, kw_only=True):
    """A FeatureCollection that the import of sites takes."""

    type: Literal["FeatureCollection"]
    features: list[SiteFeature]


class ExportedFences(msgspec.Struct, kw_only=True):
    """A FeatureCollection that the import of fences takes."""

    type: Literal["FeatureCollection"]
    features: list[ImportedFence]


class ExportedOffers(msgspec.Struct, kw_only=True):
    """What the import of offers takes."""

    offers: list[ImportedOffer]


class ExportedCap(msgspec.Struct, kw_only=True):
    """A cap of the retailer's, or of one of its offers."""

    scope: Scope
    at_most: int
    window: Window
    channel: Channel | None
    tag: str | None
    offer_external_id: Annotated[str | None, _OF_AN_OFFER]


class Everything(msgspec.Struct, kw_only=True):
    """All that a retailer defined."""

    sites: ExportedSites
    fences: ExportedFences
    offers: list[ImportedOffer]
    caps: list[ExportedCap]


class OfferInContext(NamedTuple):
    """An offer, its budget, and what the places that it names are called."""

    row: OfferRow
    budget: Budget
    fences: Mapping[int, str]
    sites: Mapping[int, str]
    menus: Mapping[int, str]


def exported_site(row: Site) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in SiteProperties.__struct_fields__}
    properties = {**same, "external_id": SITES.name_of(row)}
    return {"type": "Feature", "geometry": write_point(*position_of(row)), "properties": properties}


def exported_fence(row_and_sites: tuple[Fence, Mapping[int, str]]) -> dict[str, Any]:
    row, sites = row_and_sites
    named = {
        "external_id": FENCES.name_of(row),
        "site_external_id": None if row.site_id is None else sites.get(row.site_id),
    }
    same = {name: getattr(row, name) for name in _SAID_OF_FENCE if name not in named}
    geometry = write_shape(shape_of(row))
    return {"type": "Feature", "geometry": geometry, "properties": {**named, **same}}


def exported_offer(offer: OfferInContext) -> dict[str, Any]:
    """Places that are gone, as an offer that has ended may name, are left out."""
    row, budget, fences, sites, menus = offer
    said = msgspec.structs.asdict(shown(row, budget))
    if row.code_format is not None:
        # It follows from the codes, which stay where they are.
        said["budget"] = msgspec.structs.replace(said["budget"], deliveries=None)
    places = {
        "tags": row.fence_tags,
        "external_ids": [fences[one] for one in row.fence_ids if one in fences],
        "site_external_ids": [sites[one] for one in row.site_ids if one in sites],
    }
    return {
        "external_id": OFFERS.name_of(row),
        "status": row.status,
        **{name: said[name] for name in _SAID_OF_OFFER if name in said and name not in _BY_NAME},
        "menu_external_id": None if row.menu_id is None else menus.get(row.menu_id),
        "fences": places,
    }


def exported_cap(row_and_offers: tuple[CapRow, Mapping[int, str]]) -> dict[str, Any]:
    row, offers = row_and_offers
    return {
        "scope": row.scope,
        "at_most": row.at_most,
        "window": window_of(row),
        "channel": row.channel,
        "tag": row.tag,
        "offer_external_id": None if row.offer_id is None else offers.get(row.offer_id),
    }


def line_of_site(row: Site) -> dict[str, Any]:
    """As a row of a table: the position beside the properties."""
    feature = exported_site(row)
    lon, lat = feature["geometry"]["coordinates"]
    return {"lat": lat, "lon": lon, **feature["properties"]}


def line_of_fence(row_and_sites: tuple[Fence, Mapping[int, str]]) -> dict[str, Any]:
    """The same: a circle by its centre, any other shape as well-known text."""
    feature = exported_fence(row_and_sites)
    geometry = feature["geometry"]
    if geometry["type"] != "Point":
        return {"wkt": write_wkt(geometry), **feature["properties"]}
    lon, lat = geometry["coordinates"]
    return {"lat": lat, "lon": lon, **feature["properties"]}


def _said_by_people(wire: type[msgspec.Struct]) -> tuple[str, ...]:
    """The members that the server does not write by itself."""
    return tuple(
        field.encode_name for field in msgspec.structs.fields(wire) if field.default is not msgspec.UNSET
    )


# Told by names, which mean the same wherever they are imported.
_BY_NAME: Final = frozenset({"external_id", "fences", "menu_id"})
_SAID_OF_FENCE: Final = [name for name in _said_by_people(ImportedProperties) if name != "site_id"]
_SAID_OF_OFFER: Final = _said_by_people(ImportedOffer)
