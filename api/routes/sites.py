"""Sites over HTTP: upsert by external id, list, read, delete, bulk import."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery, JSONBody, Parameter
from litestar.types import Scope
from msgspec import UNSET, UnsetType

from api import audit
from api.audit.changes import written_rows
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Now, Session, config_changed
from api.imports import (
    LARGEST_IMPORT_BYTES,
    DryRun,
    ImportOperation,
    ImportReport,
    Partial,
    Rows,
    Source,
    feature_of,
    rows_of,
)
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.resources import (
    Id,
    IfMatch,
    RetailerId,
    SimpleText,
    etag_of,
    existing_tenant,
    of_server,
    refuse_unmatched,
)
from geo.errors import Fault, InvalidInput
from geo.fences import fences_on
from geo.geojson import read_point
from geo.places import NOTHING
from geo.sensitive import refuse_becoming_sensitive, sites_becoming_sensitive
from geo.sites import (
    SiteEdit,
    faults_of,
    list_sites,
    position_of,
    put_site,
    revision_of_site,
    site_of,
    write_sites,
)
from geo.tables import Site as SiteRow
from offers.retail.catalogue import refuse_while_named
from offers.retail.offer_edits import hours_faults


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


@put(
    "/{external_id:path}",
    guards=[requires("manage")],
    operation_id="putSite",
    summary="Create or replace a site",
    description="201 for a new one, 200 otherwise. The external id is yours: exactly what the address holds"
    " after `/v1/sites/`, percent-decoded. It begins with a letter or digit and may hold slashes; `import`"
    " and `by-id` cannot come first, nor can a part be `.` or `..`.",
    responses={201: ResponseSpec(data_container=Site, description="It is new.")},
)
async def put_one(
    session: Session,
    now: Now,
    key: AuthKey,
    scope: Scope,
    external_id: Annotated[  # noqa: ARG001 - documents it; the router hands it over with slashes changed
        str, Parameter(description="Your own id of the site, up to 200 characters.")
    ],
    data: JSONBody[Site],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Site]:
    edit = SiteEdit(
        external_id=_external_id_in(scope["raw_path"]),
        **{name: getattr(data, name) for name in SiteEdit.__struct_fields__ if name != "external_id"},
    )
    if faults := (*faults_of(edit), *hours_faults(edit.opening_hours, "opening_hours")):
        raise InvalidInput("The site cannot be used.", faults=tuple(faults))
    tenant = await existing_tenant(session, key, retailer_id)
    if if_match is not None:
        refuse_unmatched(if_match, await revision_of_site(session, tenant, edit.external_id))
    await refuse_becoming_sensitive(session, tenant, edit)
    site, written = await put_site(session, tenant, edit, now)
    if not written.unchanged:
        await config_changed(session)
    else:
        audit.nothing_changed()
    return _answer(site, status_code=201 if written.created else 200)


@get(
    "/",
    guards=[requires("read")],
    operation_id="listSites",
    summary="List your sites",
    description="In the order of their ids; `external_id` finds one by your own id.",
)
async def list_all(
    session: Session,
    key: AuthKey,
    retailer_id: RetailerId = None,
    external_id: FromQuery[str | None] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Site]:
    tenant, after = await existing_tenant(session, key, retailer_id), read_cursor(cursor)
    rows = await list_sites(session, tenant, after_id=after, limit=limit + 1, external_id=external_id)
    page = page_of(rows, limit, lambda row: row.site_id)
    return Page(items=[shown(row) for row in page.items], next_cursor=page.next_cursor)


@get(
    "/by-id/{site_id:int}",
    guards=[requires("read")],
    operation_id="getSite",
    summary="Read a site",
    description="By the id that Alentour gave it.",
)
async def get_one(
    session: Session, key: AuthKey, site_id: Id, retailer_id: RetailerId = None
) -> Response[Site]:
    return _answer(await site_of(session, tenant_of(key, retailer_id), site_id))


@delete(
    "/by-id/{site_id:int}",
    guards=[requires("manage")],
    operation_id="deleteSite",
    summary="Delete a site",
    description="Its fences go with it. 409 `in_use` while an offer that has not ended names either.",
)
async def delete_one(
    session: Session,
    key: AuthKey,
    site_id: Id,
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> None:
    tenant = tenant_of(key, retailer_id)
    site = await site_of(session, tenant, site_id, for_update=True)
    refuse_unmatched(if_match, site.revision)
    fence_ids = await fences_on(session, tenant, site_id)
    await refuse_while_named(session, tenant, site_ids=[site_id], fence_ids=fence_ids)
    await session.delete(site)
    await config_changed(session)


def _edit_of(feature: SiteFeature, at: str) -> SiteEdit:
    said, at_properties = feature.properties, f"{at}properties."
    external_id = said.external_id or (feature.id if isinstance(feature.id, str) else None)
    if external_id is None:
        raise InvalidInput("", faults=(Fault(f"{at_properties}external_id", "is missing"),))
    lon, lat = read_point(feature.geometry, at=at)
    named = {name: getattr(said, name) for name in said.__struct_fields__ if name != "external_id"}
    edit = SiteEdit(external_id=external_id, lon=lon, lat=lat, **named)
    faults = [
        *faults_of(edit, at_properties),
        *hours_faults(edit.opening_hours, f"{at_properties}opening_hours"),
    ]
    if faults:
        raise InvalidInput("", faults=tuple(faults))
    return edit


def _feature_of(cells: Mapping[str, str]) -> dict[str, Any]:
    """A line of CSV: `lat`, `lon`, and the properties of a site."""
    return feature_of(cells, SiteProperties)


def _external_id_of(edit: SiteEdit) -> str:
    return edit.external_id


@post(
    "/import",
    guards=[requires("manage")],
    status_code=200,
    request_max_body_size=LARGEST_IMPORT_BYTES,
    dependencies=rows_of(Source(SiteFeature, _edit_of, _external_id_of, feature_of=_feature_of)),
    operation_class=ImportOperation,
    operation_id="importSites",
    summary="Import sites from GeoJSON or CSV",
    description="A FeatureCollection of up to 10,000 Points, created or replaced by `external_id` (a"
    " property, or the feature's own text id), or `text/csv` with the columns `lat`, `lon` and the names of"
    " the properties. One wrong row refuses all, unless `partial=true`.",
)
async def import_all(
    rows: NamedDependency[Rows[SiteEdit]],
    session: Session,
    now: Now,
    key: AuthKey,
    dry_run: DryRun = False,
    partial: Partial = False,
    retailer_id: RetailerId = None,
) -> ImportReport:
    tenant = await existing_tenant(session, key, retailer_id)
    for number, fault in (await sites_becoming_sensitive(session, tenant, rows.good)).items():
        rows.refuse(number, [Fault(f"features[{number}].properties.{fault.field}", fault.reason)])
    written = NOTHING
    if rows.are_to_be_written(dry_run=dry_run, partial=partial):
        written = await write_sites(session, tenant, rows.edits(_external_id_of), now)
    if written.created or written.updated:
        await config_changed(session)
    else:
        audit.nothing_changed()
    audit.tell("site", changed=written_rows(written))
    return rows.report(written, dry_run=dry_run)


def _external_id_in(raw_path: bytes) -> str:
    """The id as it was sent: what routes by the path drops and merges slashes, and guesses at bytes."""
    _, _, sent = raw_path.partition(b"/v1/sites/")
    try:
        return unquote_to_bytes(sent).decode()
    except UnicodeDecodeError:
        fault = Fault("external_id", "is not UTF-8")
        raise InvalidInput("The site cannot be used.", faults=(fault,)) from None


def _answer(site: SiteRow, status_code: int = 200) -> Response[Site]:
    return Response(shown(site), status_code=status_code, headers={"etag": etag_of(site.revision)})


def shown(site: SiteRow) -> Site:
    lon, lat = position_of(site)
    same = {name: getattr(site, name) for name in Site.__struct_fields__ if name not in {"lon", "lat"}}
    return Site(lon=lon, lat=lat, **same)


router: Final = Router(
    "/v1/sites",
    route_handlers=[put_one, list_all, get_one, delete_one, import_all],
    dependencies=ORM,
    tags=["Sites"],
    security=[{"retailerKey": []}],
)
