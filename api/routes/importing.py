"""Bulk imports over HTTP: the one course that all of them take, from the body to the report.

Owns how many there may be at once, that reading a body holds no transaction open, and what an import's
operation looks like in the document. What a row means, and how rows are judged and written, each brings.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

from litestar import Request, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from api import audit
from api.audit.changes import written_rows
from api.auth import AuthKey, Key, requires
from api.database import Now, Session, config_changed, open_session
from api.import_bodies import CSV, GEOJSON, MOST_ROWS, Form, is_collection, read_rows
from api.import_rows import ImportReport, Rows
from api.problems import UnsupportedMediaType
from api.room import Room
from api.routes.resources import RetailerId, existing_tenant
from geo.places import NOTHING, Written

LARGEST_IMPORT_BYTES: Final = 32 * 1024 * 1024
IMPORTS_AT_ONCE: Final = 2  # per worker: each may hold a body of 32 MiB and what was read of it

DryRun = Annotated[bool, Parameter(description="Report what would be written, and write nothing.")]
Partial = Annotated[bool, Parameter(description="Write the good rows even if others are refused.")]

Edit = TypeVar("Edit")


class Bulk(NamedTuple, Generic[Edit]):
    """What is particular to one import.

    `kind` is the audit log's word. `key` is a row's external id. `judge` refuses rows that the database
    knows better about; `write` is given what it found out and writes the good ones; it may refuse some, which
    it then leaves unwritten. Both find the application's state in the session's `info["state"]`.
    `in_json` is for JSON that is no FeatureCollection. An import has those of the three that it can use.
    """

    kind: str
    key: Callable[[Edit], str]
    judge: Callable[[AsyncSession, int, Key, Rows[Edit]], Awaitable[Any]]
    write: Callable[[AsyncSession, int, Rows[Edit], Any, datetime], Awaitable[Written]]
    in_geojson: Form[Edit] | None = None
    in_table: Form[Edit] | None = None
    in_json: Form[Edit] | None = None
    most: str = "10,000 rows"

    def form_of(self, media_type: str, body: bytes) -> Form[Edit]:
        """Raises UnsupportedMediaType for a table where there is no form of one."""
        if media_type == CSV:
            form = self.in_table
        elif self.in_json is None or (self.in_geojson is not None and is_collection(body)):
            form = self.in_geojson
        else:
            form = self.in_json
        if form is None:
            raise UnsupportedMediaType("This import takes JSON.")
        return form

    def bodies(self) -> dict[str, Schema]:
        """The form of each body that it takes, by media type."""
        collection = _object("features", type=Schema(type=OpenAPIType.STRING, enum=["FeatureCollection"]))
        in_json = [] if self.in_json is None else [_object(self.in_json.list_name)]
        in_json += [] if self.in_geojson is None else [collection]
        bodies = {"application/json": in_json[0] if len(in_json) == 1 else Schema(one_of=in_json)}
        if self.in_geojson is not None:
            bodies = {GEOJSON: collection, **bodies}
        if self.in_table is not None:
            bodies[CSV] = Schema(type=OpenAPIType.STRING)
        return bodies


def importing(bulk: Bulk[Any], *, operation_id: str, summary: str, description: str) -> Any:
    """The route of one import, `/import` below its router."""

    @post(
        "/import",
        guards=[requires("manage")],
        status_code=200,
        request_max_body_size=LARGEST_IMPORT_BYTES,
        dependencies=_rows_of(bulk),
        operation_class=_operation_of(bulk),
        operation_id=operation_id,
        summary=summary,
        description=f"{description} Up to {bulk.most}. One wrong row refuses all, unless `partial=true`.",
    )
    async def import_all(
        rows: NamedDependency[Rows[Any]],
        session: Session,
        now: Now,
        key: AuthKey,
        dry_run: DryRun = False,
        partial: Partial = False,
        retailer_id: RetailerId = None,
    ) -> ImportReport:
        tenant = await existing_tenant(session, key, retailer_id)
        judged = await bulk.judge(session, tenant, key, rows)
        written = NOTHING
        if rows.are_to_be_written(dry_run=dry_run, partial=partial):
            written = await bulk.write(session, tenant, rows, judged, now)
            written = rows.settled(written, dry_run=dry_run, partial=partial)
        if any(one.created or one.updated for one in (written, rows.fences) if isinstance(one, Written)):
            await config_changed(session)
        else:
            audit.nothing_changed()
        audit.tell(bulk.kind, changed=written_rows(written))
        return rows.report(written, dry_run=dry_run)

    return import_all


_room = Room(IMPORTS_AT_ONCE)


def _rows_of(bulk: Bulk[Any]) -> dict[str, Provide]:
    """The dependencies of an import: `rows`, and a `session` that begins only once they are read.

    Reading takes seconds, which no transaction should stay open for.
    """

    async def provide_rows(request: Request[Any, Any, Any]) -> AsyncIterator[Rows[Any]]:
        media_type = request.content_type[0]
        with _room.taken():
            body = await request.body()
            yield await asyncio.to_thread(read, bulk, media_type, body)

    async def provide_session(
        request: Request[Any, Any, Any],
        rows: NamedDependency[Any],  # noqa: ARG001  # asked for so that they come first
    ) -> AsyncIterator[AsyncSession]:
        async with contextlib.asynccontextmanager(open_session)(request) as session:
            session.info["state"] = request.app.state
            yield session

    return {"rows": Provide(provide_rows), "session": Provide(provide_session)}


def read(bulk: Bulk[Any], media_type: str, body: bytes) -> Rows[Any]:
    """The rows of a body, each judged by itself. Pure and slow: run it in a thread."""
    return read_rows(body, bulk.form_of(media_type, body), bulk.key)


def _operation_of(bulk: Bulk[Any]) -> type[Operation]:
    """The OpenAPI operation: its body is read by hand and so not seen by the framework."""
    schemas = bulk.bodies()

    @dataclass  # so that the inherited constructor calls __post_init__
    class ImportOperation(Operation):
        """An import's, with the bodies that it takes."""

        def __post_init__(self) -> None:
            content = {name: OpenAPIMediaType(schema=schema) for name, schema in schemas.items()}
            self.request_body = RequestBody(content=content, required=True)

    return ImportOperation


def _object(list_name: str, **others: Schema) -> Schema:
    rows = Schema(
        type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT), min_items=1, max_items=MOST_ROWS
    )
    properties: Mapping[str, Any] = {**others, list_name: rows}
    return Schema(type=OpenAPIType.OBJECT, required=list(properties), properties=dict(properties))
