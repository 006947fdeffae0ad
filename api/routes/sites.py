"""Sites over HTTP: upsert by external id, list, read, delete, bulk import."""

from typing import Annotated, Final
from urllib.parse import unquote_to_bytes

from litestar import Response, Router, delete, get, put
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery, JSONBody, Parameter
from litestar.types import Scope

from api import audit
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Now, Session, config_changed
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.resources import (
    Id,
    IfMatch,
    RetailerId,
    etag_of,
    existing_tenant,
    refuse_unmatched,
)
from api.routes.site_forms import Site, shown
from api.routes.site_imports import import_all
from geo.errors import Fault, InvalidInput
from geo.fences import fences_on
from geo.sensitive import refuse_becoming_sensitive
from geo.sites import (
    SiteEdit,
    faults_of,
    list_sites,
    put_site,
    revision_of_site,
    site_of,
)
from geo.tables import Site as SiteRow
from offers.menus.menu_edits import refuse_while_published
from offers.retail.catalogue import refuse_while_named
from offers.retail.offer_edits import hours_faults


@put(
    "/{external_id:path}",
    guards=[requires("manage")],
    operation_id="putSite",
    summary="Create or replace a site",
    description="201 for a new one, 200 otherwise. The external id is yours: exactly what the address holds"
    " after `/v1/sites/`, percent-decoded. It begins with a letter or digit and may hold slashes; `import`,"
    " `export` and `by-id` cannot come first, nor can a part be `.` or `..`.",
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
    description="Its fences and menus go with it, and what was published of them. 409 `in_use` while"
    " an offer that has not ended names either, or a menu is published.",
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
    await refuse_while_published(session, site_id)
    await session.delete(site)
    await config_changed(session)


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


router: Final = Router(
    "/v1/sites",
    route_handlers=[put_one, list_all, get_one, delete_one, import_all],
    dependencies=ORM,
    tags=["Sites"],
    security=[{"retailerKey": []}],
)
