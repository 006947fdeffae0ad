"""Fences over HTTP, as GeoJSON Features in and out: create, list, read, edit, delete, bulk import."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import FromQuery, HeaderParameter, JSONBody

from api import audit
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Now, Session, config_changed
from api.idempotency import once
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.fence_forms import FenceFeature, edit_of, shown
from api.routes.fence_imports import import_all
from api.routes.resources import Id, IfMatch, RetailerId, etag_of, existing_tenant, refuse_unmatched
from geo.errors import Fault, InvalidInput, NotFound
from geo.fences import (
    FenceEdit,
    create_fence,
    edit_fence,
    faults_of,
    fence_of,
    list_fences,
)
from geo.geojson import Position
from geo.sensitive import refuse_sensitive_fence
from geo.sites import positions_of_sites
from offers.retail.catalogue import refuse_while_named

GEOJSON: Final = "application/geo+json"
_NEGOTIATED: Final = {"vary": "Accept"}

Accept = Annotated[str, HeaderParameter(name="Accept", max_length=1000)]


@post(
    "/",
    guards=[requires("manage")],
    before_request=once,
    operation_id="createFence",
    summary="Create a fence",
    description="A circle (Point and `radius_m`, 20 m to 10 km), a Polygon or a MultiPolygon of 100 m² to"
    " 2,000 km² and up to 2,000 vertices. A fault names the position that is wrong. `site_id`, if any, is"
    " a site of your own. None may stand for a place of worship, health care, a union or a party.",
)
async def create_one(
    session: Session,
    now: Now,
    key: AuthKey,
    data: JSONBody[FenceFeature],
    retailer_id: RetailerId = None,
) -> Response[FenceFeature]:
    tenant = await existing_tenant(session, key, retailer_id)
    edit = edit_of(data, "")
    await refuse_faulty(session, tenant, edit)
    fence = await create_fence(session, tenant, edit, now)
    await config_changed(session)
    return Response(shown(fence), status_code=201, headers={"etag": etag_of(fence.revision)})


@get(
    "/",
    guards=[requires("read")],
    operation_id="listFences",
    summary="List your fences",
    description="With `Accept: application/geo+json` a FeatureCollection that carries `next_cursor`;"
    " `external_id` finds one by your own id.",
)
async def list_all(
    session: Session,
    key: AuthKey,
    accept: Accept = "",
    retailer_id: RetailerId = None,
    site_id: FromQuery[Id | None] = None,
    external_id: FromQuery[str | None] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response[Page[FenceFeature]]:
    tenant, after = await existing_tenant(session, key, retailer_id), read_cursor(cursor)
    rows = await list_fences(
        session, tenant, after_id=after, limit=limit + 1, site_id=site_id, external_id=external_id
    )
    page = page_of(rows, limit, lambda row: row.fence_id)
    items = [shown(row) for row in page.items]
    if GEOJSON not in accept:
        return Response(Page(items=items, next_cursor=page.next_cursor), headers=_NEGOTIATED)
    collection = {"type": "FeatureCollection", "features": items, "next_cursor": page.next_cursor}
    return _as_geojson(collection, _NEGOTIATED)


@get(
    "/{fence_id:int}",
    guards=[requires("read")],
    operation_id="getFence",
    summary="Read a fence",
    description="As a Feature, with its area and the radius of a circle that covers as much. Called"
    " `application/geo+json` if that is what you `Accept`.",
)
async def get_one(
    session: Session, key: AuthKey, fence_id: Id, accept: Accept = "", retailer_id: RetailerId = None
) -> Response[FenceFeature]:
    fence = await fence_of(session, tenant_of(key, retailer_id), fence_id)
    headers = {"etag": etag_of(fence.revision), **_NEGOTIATED}
    return (
        _as_geojson(shown(fence), headers) if GEOJSON in accept else Response(shown(fence), headers=headers)
    )


@put(
    "/{fence_id:int}",
    guards=[requires("manage")],
    operation_id="editFence",
    summary="Replace a fence",
    description="Every change raises `revision`. In a new shape phones begin anew, without crossings.",
)
async def put_one(
    session: Session,
    now: Now,
    key: AuthKey,
    fence_id: Id,
    data: JSONBody[FenceFeature],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[FenceFeature]:
    tenant = tenant_of(key, retailer_id)
    await fence_of(session, tenant, fence_id)
    edit = edit_of(data, "")
    # Its site is held before the fence: the order in which a deletion of the site locks them.
    await refuse_faulty(session, tenant, edit)
    fence = await fence_of(session, tenant, fence_id, for_update=True)
    refuse_unmatched(if_match, fence.revision)
    if await edit_fence(session, fence, edit, now):
        await config_changed(session)
    else:
        audit.nothing_changed()
    return Response(shown(fence), headers={"etag": etag_of(fence.revision)})


@delete(
    "/{fence_id:int}",
    guards=[requires("manage")],
    operation_id="deleteFence",
    summary="Delete a fence",
    description="Refused with 409 `in_use` while an offer that has not ended names it.",
)
async def delete_one(
    session: Session,
    key: AuthKey,
    fence_id: Id,
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> None:
    tenant = tenant_of(key, retailer_id)
    fence = await fence_of(session, tenant, fence_id, for_update=True)
    refuse_unmatched(if_match, fence.revision)
    await refuse_while_named(session, tenant, fence_ids=[fence_id])
    await session.delete(fence)
    await config_changed(session)


def _as_geojson(content: object, headers: Mapping[str, str]) -> Response[Any]:
    return Response(msgspec.json.encode(content), media_type=GEOJSON, headers=headers)


async def refuse_faulty(session: Session, tenant: int, edit: FenceEdit) -> None:
    """NotFound for a site that is not the tenant's; InvalidInput for the rest."""
    sites: Mapping[int, Position] = {}
    if edit.site_id is not None:
        sites = await positions_of_sites(session, tenant, [edit.site_id])
        if edit.site_id not in sites:
            fault = Fault("properties.site_id", "there is no such site")
            raise NotFound(f"There is no site {edit.site_id}.", faults=(fault,))
    if faults := faults_of(edit, sites):
        raise InvalidInput("The fence cannot be used.", faults=tuple(faults))
    await refuse_sensitive_fence(session, tenant, edit)


router: Final = Router(
    "/v1/fences",
    route_handlers=[create_one, list_all, get_one, put_one, delete_one, import_all],
    dependencies=ORM,
    tags=["Fences"],
    security=[{"retailerKey": []}],
)
