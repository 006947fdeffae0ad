"""Many offers over HTTP: imported from JSON or CSV, and exported as the import takes them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
import shapely
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy import select

from api import audit
from api.audit.changes import written_rows
from api.auth import AuthKey, requires, tenant_of
from api.csv_cells import members_of, written_table
from api.database import ORM, Now, Session, config_changed
from api.imports import (
    LARGEST_IMPORT_BYTES,
    DryRun,
    ImportReport,
    OffersImportOperation,
    Partial,
    Rows,
    Source,
    rows_of,
)
from api.routes.fence_forms import shown as shown_fence
from api.routes.offer_forms import Fences, Offer, budget_of, edit_of, shown
from api.routes.resources import RetailerId, existing_tenant
from api.routes.sites import shown as shown_site
from geo.errors import Fault, InvalidInput
from geo.places import NOTHING
from geo.tables import Fence, Site
from offers.retail.budgets import Budget, budgets_of
from offers.retail.bulk import OfferLine, hold_places, placed, write_offers
from offers.retail.offer_edits import offer_faults
from offers.tables import CapRow, OfferRow

Format = Annotated[Literal["json", "csv"], QueryParameter(name="format")]
# What the server says of a thing by itself: another database says it anew.
_OF_SERVER: Final = frozenset(
    {
        *("offer_id", "site_id", "fence_id", "retailer_id", "status", "stopped_at", "stopped_by"),
        *("revision", "created_at", "updated_at", "area_m2", "effective_radius_m"),
    }
)


class NamedFences(Fences, forbid_unknown_fields=True, kw_only=True):
    """As of an offer; `external_ids` and `site_external_ids` are your own ids of fences and sites."""

    external_ids: Annotated[list[str], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)
    site_external_ids: Annotated[list[str], msgspec.Meta(max_length=1000)] = msgspec.field(
        default_factory=list
    )


class ImportedOffer(Offer, forbid_unknown_fields=True, kw_only=True):
    """One row of an import."""

    fences: NamedFences


def _line_of(data: ImportedOffer, at: str) -> OfferLine:
    edit = edit_of(data)
    names = data.fences
    faults = [Fault("external_id", "is missing")] if edit.external_id is None else []
    is_placed = bool(names.external_ids or names.site_external_ids)
    faults += [one for one in offer_faults(edit) if not (is_placed and one.field == "fences")]
    if faults:
        raise InvalidInput("", faults=tuple(Fault(f"{at}{one.field}", one.reason) for one in faults))
    return OfferLine(
        edit=edit,
        budget=budget_of(data),
        fence_names=tuple(names.external_ids),
        site_names=tuple(names.site_external_ids),
    )


def _members_of(cells: Mapping[str, str]) -> dict[str, Any]:
    return members_of(cells, ImportedOffer)


def _name_of(line: OfferLine) -> str:
    return line.edit.external_id or ""


@post(
    "/v1/offers/import",
    guards=[requires("manage")],
    status_code=200,
    request_max_body_size=LARGEST_IMPORT_BYTES,
    dependencies={
        **ORM,
        **rows_of(Source(ImportedOffer, _line_of, _name_of, "offers", "external_id", _members_of)),
    },
    operation_class=OffersImportOperation,
    operation_id="importOffers",
    summary="Import offers from JSON or CSV",
    description='`{"offers": […]}` with up to 10,000 offers, or `text/csv` whose columns are the paths of'
    " their members (`content.fr.title`, `budget.per_day`; lists with `|` between). New ones begin as drafts,"
    " others are edited by their `external_id` under the rules of a single edit. `fences.external_ids` and"
    " `fences.site_external_ids` name places by your own ids. One wrong row refuses all, unless"
    " `partial=true`.",
)
async def import_offers(
    rows: NamedDependency[Rows[OfferLine]],
    session: Session,
    now: Now,
    key: AuthKey,
    dry_run: DryRun = False,
    partial: Partial = False,
    retailer_id: RetailerId = None,
) -> ImportReport:
    tenant = await existing_tenant(session, key, retailer_id)
    if key.retailer_id is not None:
        _refuse_loosened_caps(rows)
    places = await hold_places(session, tenant, list(rows.good.values()))
    ready = {}
    for number, line in list(rows.good.items()):
        edit, faults = placed(line, places)
        rows.refuse(number, [Fault(f"{rows.at(number)}{one.field}", one.reason) for one in faults])
        ready[number] = (edit, line.budget)
    written = NOTHING
    if rows.are_to_be_written(dry_run=dry_run, partial=partial):
        good = {number: ready[number] for number in rows.good}
        written, refused = await write_offers(session, tenant, good, now)
        for number, faults in refused.items():
            rows.refuse(number, [Fault(f"{rows.at(number)}{one.field}", one.reason) for one in faults])
        if not (dry_run or partial):
            rows.refuse_unless_all_good()
    if written.created or written.updated:
        await config_changed(session)
    else:
        audit.nothing_changed()
    audit.tell("offer", changed=written_rows(written))
    return rows.report(written, dry_run=dry_run)


def _refuse_loosened_caps(rows: Rows[OfferLine]) -> None:
    """As for a single offer: one retailer cannot step out of what protects people from all together."""
    for number, line in list(rows.good.items()):
        loosened = {
            "limits.ignores_caps": line.edit.ignores_caps,
            "limits.counts_toward_caps": not line.edit.counts_toward_caps,
        }
        faults = [
            Fault(f"{rows.at(number)}{field}", "is for an admin to change")
            for field, is_so in loosened.items()
            if is_so
        ]
        rows.refuse(number, faults)


@get(
    "/v1/offers/export",
    guards=[requires("read")],
    dependencies=ORM,
    operation_id="exportOffers",
    summary="Export your offers",
    description="As the import takes them: `format=json` or `csv`.",
)
async def export_offers(
    session: Session, key: AuthKey, form: Format = "json", retailer_id: RetailerId = None
) -> Response[Any]:
    offers = await _offers(session, tenant_of(key, retailer_id))
    return _answer({"offers": offers}, offers, form)


@get(
    "/v1/sites/export",
    guards=[requires("read")],
    dependencies=ORM,
    operation_id="exportSites",
    summary="Export your sites",
    description="As the import takes them: `format=json` is GeoJSON, or `csv`.",
)
async def export_sites(
    session: Session, key: AuthKey, form: Format = "json", retailer_id: RetailerId = None
) -> Response[Any]:
    sites = await _sites(session, tenant_of(key, retailer_id))
    rows = [
        {"lat": lat, "lon": lon, **one["properties"]}
        for one in sites
        for lon, lat in [one["geometry"]["coordinates"]]
    ]
    return _answer(_collection(sites), rows, form)


@get(
    "/v1/fences/export",
    guards=[requires("read")],
    dependencies=ORM,
    operation_id="exportFences",
    summary="Export your fences",
    description="As the import takes them: `format=json` is GeoJSON, or `csv` with `lat`, `lon` and"
    " `radius_m`, or `wkt`.",
)
async def export_fences(
    session: Session, key: AuthKey, form: Format = "json", retailer_id: RetailerId = None
) -> Response[Any]:
    fences = await _fences(session, tenant_of(key, retailer_id))
    return _answer(_collection(fences), [_line_of_fence(one) for one in fences], form)


def _line_of_fence(feature: dict[str, Any]) -> dict[str, Any]:
    geometry = feature["geometry"]
    if geometry["type"] == "Point":
        lon, lat = geometry["coordinates"]
        return {"lat": lat, "lon": lon, **feature["properties"]}
    wkt = shapely.to_wkt(shapely.from_geojson(msgspec.json.encode(geometry)), rounding_precision=7)
    return {"wkt": wkt, **feature["properties"]}


@get(
    "/v1/export",
    guards=[requires("read")],
    dependencies=ORM,
    operation_id="exportEverything",
    summary="Export all you defined",
    description="Sites and fences as FeatureCollections, offers as their import takes them, and caps.",
)
async def export_everything(session: Session, key: AuthKey, retailer_id: RetailerId = None) -> Response[Any]:
    tenant = tenant_of(key, retailer_id)
    caps = await session.scalars(select(CapRow).where(CapRow.retailer_id == tenant).order_by(CapRow.cap_id))
    said = ("scope", "at_most", "rolling_s", "calendar_unit", "channel", "tag", "offer_id")
    body = {
        "sites": _collection(await _sites(session, tenant)),
        "fences": _collection(await _fences(session, tenant)),
        "offers": await _offers(session, tenant),
        "caps": [{name: getattr(cap, name) for name in said} for cap in caps],
    }
    return _answer(body, [], "json")


async def _offers(session: Session, tenant: int) -> list[dict[str, Any]]:
    query = select(OfferRow).where(OfferRow.retailer_id == tenant).order_by(OfferRow.offer_id)
    rows = (await session.scalars(query)).all()
    budgets = await budgets_of(session, [row.offer_id for row in rows])
    fences = await _names(session, Fence, tenant)
    sites = await _names(session, Site, tenant)
    offers = []
    for row in rows:
        said = _plain(shown(row, budgets.get(row.offer_id, Budget())))
        if row.code_format is not None:
            said["budget"]["deliveries"] = None  # it follows from the codes, which stay where they are
        said["fences"] = {
            "tags": row.fence_tags,
            "ids": [one for one in row.fence_ids if one not in fences],
            "external_ids": [fences[one] for one in row.fence_ids if one in fences],
            "site_ids": [one for one in row.site_ids if one not in sites],
            "site_external_ids": [sites[one] for one in row.site_ids if one in sites],
        }
        offers.append(said)
    return offers


async def _sites(session: Session, tenant: int) -> list[dict[str, Any]]:
    query = select(Site).where(Site.retailer_id == tenant).order_by(Site.site_id)
    features = []
    for row in await session.scalars(query):
        said = _plain(shown_site(row))
        position = [said.pop("lon"), said.pop("lat")]
        features.append(
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": position}, "properties": said}
        )
    return features


async def _fences(session: Session, tenant: int) -> list[dict[str, Any]]:
    query = select(Fence).where(Fence.retailer_id == tenant).order_by(Fence.fence_id)
    sites = await _names(session, Site, tenant)
    features = []
    for row in await session.scalars(query):
        said: dict[str, Any] = msgspec.to_builtins(shown_fence(row))
        properties = {name: value for name, value in said["properties"].items() if name not in _OF_SERVER}
        if row.site_id in sites:
            properties["site_external_id"] = sites[row.site_id]
        elif row.site_id is not None:
            properties["site_id"] = row.site_id
        features.append({"type": "Feature", "geometry": said["geometry"], "properties": properties})
    return features


async def _names(session: Session, table: Any, tenant: int) -> dict[int, str]:
    id_ = table.fence_id if table is Fence else table.site_id
    query = select(id_, table.external_id).where(table.retailer_id == tenant, table.external_id.is_not(None))
    return {row[0]: row[1] for row in await session.execute(query)}


def _plain(said: Any) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(said)
    return {name: value for name, value in members.items() if name not in _OF_SERVER}


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


def _answer(body: Any, rows: list[dict[str, Any]], form: str) -> Response[Any]:
    if form == "csv":
        return Response(written_table(rows), media_type="text/csv")
    return Response(msgspec.json.encode(body), media_type="application/json")


router: Final = Router(
    "/",
    route_handlers=[import_offers, export_offers, export_sites, export_fences, export_everything],
    tags=["Import and export"],
    security=[{"retailerKey": []}],
)
