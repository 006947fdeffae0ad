"""Caps and defaults over HTTP: how often people may be spoken to, and when not at all."""

from datetime import datetime, time
from typing import Annotated, Final

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import JSONBody
from msgspec import UNSET, Meta, UnsetType

from api import audit
from api.auth import AuthKey, requires
from api.database import ORM, Now, Session, config_changed
from api.idempotency import once
from api.pages import Cursor, Limit, Page, page_of, read_cursor
from api.routes.resources import (
    Id,
    IfMatch,
    RetailerId,
    etag_of,
    existing_tenant,
    of_server,
    refuse_unmatched,
)
from offers.retail.cap_edits import (
    CalendarUnit,
    CapEdit,
    Editor,
    Scope,
    SystemDefaults,
    cap_of,
    cap_to_edit,
    create_cap,
    delete_cap,
    edit_cap,
    list_caps,
    set_system_defaults,
    system_defaults,
)
from offers.tables import CapRow
from offers.terms import Channel

WallClock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Window(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Either the last so many seconds, or the customer's own calendar day, week (from Monday) or month."""

    rolling_s: Annotated[int, Meta(ge=60, le=31_622_400)] | None = None
    calendar: CalendarUnit | None = None


class Cap(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """At most so many deliveries per person, window and scope; narrowed to a channel or a tag."""

    scope: Scope
    at_most: Annotated[int, Meta(ge=0, le=10_000)]
    window: Window
    channel: Channel | None = None
    tag: str | None = None
    offer_id: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    cap_id: Annotated[int | UnsetType, of_server] = UNSET
    retailer_id: Annotated[int | UnsetType | None, of_server] = UNSET
    revision: Annotated[int | UnsetType, of_server] = UNSET
    created_at: Annotated[datetime | UnsetType, of_server] = UNSET


class DefaultQuietHours(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Wall-clock times in the customer's zone; `start` after `end` wraps midnight, equal ones mean none."""

    start: WallClock
    end: WallClock


class Defaults(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What holds for the whole system.

    `holdout_percent`: so many people in a hundred, always the same ones, are given no offer at all, so that
    what all offers together do can be measured.
    """

    quiet_hours: DefaultQuietHours
    holdout_percent: Annotated[int, msgspec.Meta(ge=0, le=50)] = 0


@post(
    "/caps",
    guards=[requires("manage")],
    before_request=once,
    operation_id="createCap",
    summary="Create a cap",
    description="`system` and `each_retailer` are for admins; `retailer` and `offer` for the retailer's own."
    " `offer_id` is an offer of your own.",
)
async def create_one(
    session: Session,
    now: Now,
    key: AuthKey,
    data: JSONBody[Cap],
    retailer_id: RetailerId = None,
) -> Response[Cap]:
    editor = await _editor(session, key, retailer_id)
    row = await create_cap(session, editor, _edit_of(data), now)
    await config_changed(session)
    return _answer(row, status_code=201)


@get(
    "/caps",
    guards=[requires("read")],
    operation_id="listCaps",
    summary="List the caps",
    description="The system's and your own; an admin who names no retailer sees all.",
)
async def list_all(
    session: Session, key: AuthKey, retailer_id: RetailerId = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[Cap]:
    editor, after = await _editor(session, key, retailer_id), read_cursor(cursor)
    rows = await list_caps(session, editor, after_id=after, limit=limit + 1)
    page = page_of(rows, limit, lambda row: row.cap_id)
    return Page(items=[_shown(row) for row in page.items], next_cursor=page.next_cursor)


@get(
    "/caps/{cap_id:int}",
    guards=[requires("read")],
    operation_id="getCap",
    summary="Read a cap",
    description="One of the system's or your own.",
)
async def get_one(
    session: Session, key: AuthKey, cap_id: Id, retailer_id: RetailerId = None
) -> Response[Cap]:
    return _answer(await cap_of(session, await _editor(session, key, retailer_id), cap_id))


@put(
    "/caps/{cap_id:int}",
    guards=[requires("manage")],
    operation_id="editCap",
    summary="Replace a cap",
    description="All but its scope may change.",
)
async def put_one(
    session: Session,
    key: AuthKey,
    cap_id: Id,
    data: JSONBody[Cap],
    retailer_id: RetailerId = None,
    if_match: IfMatch = None,
) -> Response[Cap]:
    editor = await _editor(session, key, retailer_id)
    row = await cap_to_edit(session, editor, cap_id)
    refuse_unmatched(if_match, row.revision)
    if await edit_cap(session, editor, row, _edit_of(data)):
        await config_changed(session)
    else:
        audit.nothing_changed()
    return _answer(row)


@delete(
    "/caps/{cap_id:int}",
    guards=[requires("manage")],
    operation_id="deleteCap",
    summary="Delete a cap",
    description="The others go on to hold.",
)
async def delete_one(
    session: Session, key: AuthKey, cap_id: Id, retailer_id: RetailerId = None, if_match: IfMatch = None
) -> None:
    row = await cap_to_edit(session, await _editor(session, key, retailer_id), cap_id)
    refuse_unmatched(if_match, row.revision)
    await delete_cap(session, row)
    await config_changed(session)


@get(
    "/defaults",
    guards=[requires("read")],
    operation_id="getDefaults",
    summary="Read the defaults",
    description="The quiet hours that hold where a person chose none.",
)
async def get_defaults(session: Session) -> Defaults:
    return _defaults(await system_defaults(session))


@put(
    "/defaults",
    guards=[requires("admin")],
    operation_id="editDefaults",
    summary="Set the defaults",
    description="People who set quiet hours of their own keep them. What is left out is as it was at first.",
)
async def put_defaults(
    session: Session,
    data: JSONBody[Defaults],
) -> Defaults:
    start, end = (time.fromisoformat(text) for text in (data.quiet_hours.start, data.quiet_hours.end))
    said = SystemDefaults(start, end, data.holdout_percent)
    if said == await system_defaults(session):
        audit.nothing_changed()
    else:
        await set_system_defaults(session, said)
        await config_changed(session)
    return _defaults(said)


async def _editor(session: Session, key: AuthKey, retailer_id: int | None) -> Editor:
    if key.retailer_id is None and retailer_id is None:
        return Editor(True, None)
    return Editor(key.retailer_id is None, await existing_tenant(session, key, retailer_id))


def _edit_of(data: Cap) -> CapEdit:
    return CapEdit(
        scope=data.scope,
        at_most=data.at_most,
        rolling_s=data.window.rolling_s,
        calendar_unit=data.window.calendar,
        channel=data.channel,
        tag=data.tag,
        offer_id=data.offer_id,
    )


def _answer(row: CapRow, status_code: int = 200) -> Response[Cap]:
    return Response(_shown(row), status_code=status_code, headers={"etag": etag_of(row.revision)})


def _shown(row: CapRow) -> Cap:
    return msgspec.convert(
        {
            **{name: getattr(row, name) for name in Cap.__struct_fields__ if name != "window"},
            "window": window_of(row),
        },
        Cap,
    )


def window_of(row: CapRow) -> Window:
    return msgspec.convert({"rolling_s": row.rolling_s, "calendar": row.calendar_unit}, Window)


def _defaults(said: SystemDefaults) -> Defaults:
    return Defaults(
        quiet_hours=DefaultQuietHours(start=f"{said.quiet_start:%H:%M}", end=f"{said.quiet_end:%H:%M}"),
        holdout_percent=said.holdout_percent,
    )


router: Final = Router(
    "/v1",
    route_handlers=[create_one, list_all, get_one, put_one, delete_one, get_defaults, put_defaults],
    dependencies=ORM,
    tags=["Limits"],
    security=[{"retailerKey": []}],
)
