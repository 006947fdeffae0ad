"""Bulk imports of GeoJSON FeatureCollections, lists of offers and CSV: rows in, errors by row out.

All or nothing by default: one wrong row, and none is written. `partial=true` writes the good ones and
reports on the others. `dry_run=true` does the same and undoes it, so that its report is exact. Rows are
numbered from 0, as in `features[0]`, `offers[0]` and, for CSV, `rows[0]`.
Owns no row's meaning: the routes of sites and fences bring their own readers.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

import msgspec
import shapely
from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import Parameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.csv_cells import members_of, read_table
from api.database import open_session
from api.problems import overloaded
from api.refusals import fault_of, read_json
from api.requests import only_rehearse
from geo.errors import Fault, InvalidInput
from geo.geojson import refuse_crs
from geo.places import Written

MOST_ROWS: Final = 10_000
LARGEST_IMPORT_BYTES: Final = 32 * 1024 * 1024
IMPORTS_AT_ONCE: Final = 2  # per worker: each may hold a body of 32 MiB and what was read of it
_TOLD_ERRORS: Final = 1_000
_TOLD_FAULTS: Final = 100

DryRun = Annotated[bool, Parameter(description="Report what would be written, and write nothing.")]
Partial = Annotated[bool, Parameter(description="Write the good rows even if others are refused.")]

Edit = TypeVar("Edit")
Wire = TypeVar("Wire")


class RowError(msgspec.Struct, kw_only=True):
    """Why one row cannot be used; `field` is a path within the body."""

    row: int
    field: str
    reason: str


class ImportReport(msgspec.Struct, kw_only=True):
    """What an import did, or in a dry run would do. `errors` holds the first 1,000; `refused` counts rows."""

    dry_run: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    refused: int
    errors: list[RowError]


class Rows(Generic[Edit]):
    """The rows of one import while they are judged: the good ones, and the errors of the others."""

    def __init__(self, total: int, list_name: str = "features") -> None:
        self.total = total
        self.list_name = list_name
        self.good: dict[int, Edit] = {}
        self.errors: list[RowError] = []

    def refuse(self, row: int, faults: Iterable[Fault]) -> None:
        """Take a row out; nothing happens without faults."""
        told = [RowError(row=row, field=fault.field, reason=fault.reason) for fault in faults]
        if told:
            self.good.pop(row, None)
            self.errors += told

    def at(self, row: int) -> str:
        """What stands before the fields of a row."""
        return f"{self.list_name}[{row}]."

    def edits(self, key: Callable[[Edit], str]) -> list[Edit]:
        """The good rows in the order of their keys, so that two imports lock rows in one order."""
        return sorted(self.good.values(), key=key)

    @property
    def refused(self) -> int:
        return self.total - len(self.good)

    def are_to_be_written(self, *, dry_run: bool, partial: bool) -> bool:
        """Whether to write the good ones now; in a dry run the request will be undone.

        Raises InvalidInput where one wrong row refuses all. A dry run only reports it.
        """
        if dry_run:
            only_rehearse()
        elif not partial:
            self.refuse_unless_all_good()
        return bool(self.good) and (partial or not self.errors)

    def refuse_unless_all_good(self) -> None:
        """Raise InvalidInput with what is wrong, if anything is."""
        if self.errors:
            faults = tuple(Fault(error.field, error.reason) for error in self.errors[:_TOLD_FAULTS])
            raise InvalidInput(
                f"{self.refused} of {self.total} rows cannot be used; nothing was written.",
                faults=faults,
                code="rows_refused",
            )

    def report(self, written: Written, *, dry_run: bool) -> ImportReport:
        return ImportReport(
            dry_run=dry_run,
            rows=self.total,
            created=written.created,
            updated=written.updated,
            unchanged=written.unchanged,
            refused=self.refused,
            errors=self.errors[:_TOLD_ERRORS],
        )


class _Collection(msgspec.Struct):
    type: str
    features: list[Any]
    crs: Any = None


class Source(NamedTuple, Generic[Wire, Edit]):
    """Where rows come from: the form of one, and how it becomes an edit.

    `read` is given what to write before a row's fields, and raises InvalidInput. `list_name` is the member
    that holds the rows in JSON, `named` where a row has its external id. `feature_of` makes the members of a
    line of CSV what a row of JSON would be.
    """

    wire: type[Wire]
    read: Callable[[Wire, str], Edit]
    key: Callable[[Edit], Hashable]
    list_name: str = "features"
    named: str = "properties.external_id"
    feature_of: Callable[[Mapping[str, str]], Any] = dict


def read_rows(body: bytes, source: Source[Wire, Edit], *, is_table: bool = False) -> Rows[Edit]:
    """Judge every row by itself. Pure and slow: run it in a thread.

    Raises InvalidInput when the body is not what it should be or has more than 10,000 rows.
    """
    wire, list_name = source.wire, "rows" if is_table else source.list_name
    items = _lines(body, source) if is_table else _items(body, source.list_name)
    rows = Rows[Edit](len(items), list_name)
    seen: dict[Hashable, int] = {}
    for number, item in enumerate(items):
        at = f"{list_name}[{number}]."
        try:
            if source.list_name == "features":
                refuse_crs(item, at=at)
            edit = source.read(msgspec.convert(item, wire, strict=not is_table), at)
        except msgspec.ValidationError as error:
            fault = fault_of(str(error), wire)
            rows.refuse(number, [Fault((at + fault.field).removesuffix(".body"), fault.reason)])
        except InvalidInput as error:
            rows.refuse(number, error.faults)
        else:
            first = seen.setdefault(source.key(edit), number)
            rows.good[number] = edit
            if first != number:
                twice = Fault(f"{at}{source.named}", f"is the same as that of {list_name}[{first}]")
                rows.refuse(number, [twice])
    return rows


class Room:
    """How many imports this worker has under way; more than `IMPORTS_AT_ONCE` are turned away."""

    def __init__(self) -> None:
        self._under_way = 0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        if self._under_way >= IMPORTS_AT_ONCE:
            raise overloaded()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


_room = Room()


def rows_of(source: Source[Any, Any]) -> dict[str, Provide]:
    """The dependencies of an import: `rows`, and a `session` that begins only once they are read.

    Reading takes seconds, which no transaction should stay open for.
    """

    async def provide_rows(request: Request[Any, Any, Any]) -> AsyncIterator[Rows[Any]]:
        is_table = request.content_type[0] == "text/csv"
        with _room.taken():
            body = await request.body()
            yield await asyncio.to_thread(read_rows, body, source, is_table=is_table)

    async def provide_session(
        request: Request[Any, Any, Any],
        rows: NamedDependency[Any],  # noqa: ARG001  # asked for so that they come first
    ) -> AsyncIterator[AsyncSession]:
        async with contextlib.asynccontextmanager(open_session)(request) as session:
            yield session

    return {"rows": Provide(provide_rows), "session": Provide(provide_session)}


def _lines(body: bytes, source: Source[Any, Any]) -> list[Any]:
    return [source.feature_of(cells) for cells in read_table(body, MOST_ROWS)]


def _items(body: bytes, list_name: str) -> list[Any]:
    if list_name == "features":
        return _features(body)
    items = read_json(body, dict[str, Any]).get(list_name)
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ROWS:
        raise _not_a_collection(Fault(list_name, f"must be a list of 1 to {MOST_ROWS}"))
    return items


def _features(body: bytes) -> list[Any]:
    collection = read_json(body, _Collection)
    refuse_crs({"crs": collection.crs})
    if collection.type != "FeatureCollection":
        raise _not_a_collection(Fault("type", "must be FeatureCollection"))
    if not 1 <= len(collection.features) <= MOST_ROWS:
        raise _not_a_collection(Fault("features", f"must be 1 to {MOST_ROWS} features"))
    features: list[Any] = collection.features
    return features


def feature_of(cells: Mapping[str, str], properties: type) -> dict[str, Any]:
    """A line of CSV as the GeoJSON Feature it stands for; what is no place is told when it is read."""
    members = dict(cells)
    position = [_number(members.pop(name, "")) for name in ("lon", "lat")]
    geometry: Any = {"type": "Point", "coordinates": position}
    if (wkt := members.pop("wkt", None)) is not None:
        geometry = _shape_in(wkt)
    return {"type": "Feature", "geometry": geometry, "properties": members_of(members, properties)}


def _number(cell: str) -> float | str:
    """As it stands where it is none: reading says so."""
    try:
        return float(cell)
    except ValueError:
        return cell


def _shape_in(wkt: str) -> Any:
    try:
        shape = shapely.from_wkt(wkt)
    except shapely.errors.ShapelyError:
        return {"type": "none that is well-known text"}
    return msgspec.json.decode(shapely.to_geojson(shape))


def _not_a_collection(fault: Fault) -> InvalidInput:
    return InvalidInput("The body cannot be imported.", faults=(fault,))


@dataclass  # so that the inherited constructor calls __post_init__
class OffersImportOperation(Operation):
    """The same of an import of offers."""

    def __post_init__(self) -> None:
        offers = Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT), max_items=MOST_ROWS)
        shown = OpenAPIMediaType(
            schema=Schema(type=OpenAPIType.OBJECT, required=["offers"], properties={"offers": offers})
        )
        table = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.request_body = RequestBody(content={"application/json": shown, "text/csv": table}, required=True)


@dataclass  # so that the inherited constructor calls __post_init__
class ImportOperation(Operation):
    """The OpenAPI operation of an import, whose body is read by hand and so not seen by the framework."""

    def __post_init__(self) -> None:
        shown = OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.OBJECT,
                required=["type", "features"],
                properties={
                    "type": Schema(type=OpenAPIType.STRING, enum=["FeatureCollection"]),
                    "features": Schema(
                        type=OpenAPIType.ARRAY,
                        items=Schema(type=OpenAPIType.OBJECT),
                        min_items=1,
                        max_items=MOST_ROWS,
                    ),
                },
            )
        )
        table = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        content = {"application/geo+json": shown, "application/json": shown, "text/csv": table}
        self.request_body = RequestBody(content=content, required=True)
