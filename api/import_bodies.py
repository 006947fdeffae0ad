"""The bodies of bulk imports: JSON, GeoJSON and CSV, read row by row, each judged by itself.

Rows are numbered from 0 in JSON, as in `features[0]` and `offers[0]`, and in CSV as a spreadsheet shows them:
`rows[2]` is the first below the names. Owns no row's meaning: whoever imports brings a `Form` for each body.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from api.columns import Kind
from api.csv_cells import Line, Reading, read_table
from api.import_rows import PlacesInTable, Rows
from api.refusals import fault_of, read_json, refuse_nul
from geo.errors import Fault, InvalidInput
from geo.geojson import refuse_crs, write_point
from geo.wkt import read_wkt

MOST_ROWS: Final = 10_000
CSV: Final = "text/csv"
GEOJSON: Final = "application/geo+json"

POSITION: Final[Mapping[str, Kind]] = MappingProxyType({"lat": "number", "lon": "number"})
POSITION_OR_SHAPE: Final[Mapping[str, Kind]] = MappingProxyType({**POSITION, "wkt": "text"})

Edit = TypeVar("Edit")
Item = tuple[int, Any]


class Form(NamedTuple, Generic[Edit]):
    """One way to write rows.

    `items_in` finds them in a body, each with its number, as what msgspec takes for a `wire` (an InvalidInput
    in its place refuses it). `read` makes an edit of a `wire`, given what to write before its fields; raises
    InvalidInput. `named` is where a row has its external id.
    """

    list_name: str
    items_in: Callable[[bytes], Iterable[Item]]
    wire: Any
    read: Callable[[Any, str], Edit]
    named: str = "external_id"
    is_strict: bool = True
    rows: type[Rows[Any]] = Rows


def read_rows(body: bytes, form: Form[Edit], key: Callable[[Edit], str]) -> Rows[Edit]:
    """Judge every row by itself. Pure and slow: run it in a thread.

    Raises InvalidInput when the body is not what it should be or has more than 10,000 rows.
    """
    items = list(form.items_in(body))
    rows: Rows[Edit] = form.rows(items, form.list_name)
    seen: dict[str, int] = {}
    for number, item in items:
        at = rows.at(number)
        try:
            if isinstance(item, InvalidInput):
                raise item
            edit = form.read(msgspec.convert(item, form.wire, strict=form.is_strict), at)
        except msgspec.ValidationError as error:
            fault = fault_of(str(error), form.wire)
            rows.refuse(number, [Fault((at + fault.field).removesuffix(".body"), fault.reason)])
        except InvalidInput as error:
            rows.refuse(number, error.faults)
        else:
            first = seen.setdefault(key(edit), number)
            rows.good[number] = edit
            if first != number:
                reason = f"is the same as that of {form.list_name}[{first}]"
                rows.refuse(number, [Fault(f"{at}{form.named}", reason)])
    return rows


def is_collection(body: bytes) -> bool:
    """Whether a JSON body says that it is a FeatureCollection."""
    try:
        return bool(msgspec.json.decode(body, type=_Typed).type == "FeatureCollection")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False  # what is wrong with it is told when it is read


def features_in(body: bytes) -> Iterator[Item]:
    """The features of a FeatureCollection."""
    collection = read_json(body, _Collection)
    refuse_crs({"crs": collection.crs})
    if collection.type != "FeatureCollection":
        raise _refused(Fault("type", "must be FeatureCollection"))
    _refuse_number(collection.features, "features")
    refuse_nul(body)
    return (_feature(number, feature) for number, feature in enumerate(collection.features))


def listed_in(name: str) -> Callable[[bytes], Iterator[Item]]:
    """The items of one member of an object, whatever else is in it."""

    def items_in(body: bytes) -> Iterator[Item]:
        items = read_json(body, dict[str, Any]).get(name)
        _refuse_number(items, name)
        refuse_nul(body)
        return enumerate(items or [])

    return items_in


def lines_in(wire: Any) -> Callable[[bytes], Iterator[Item]]:
    """The rows of a table whose columns are the members of `wire`."""

    def items_in(body: bytes) -> Iterator[Item]:
        table = read_table(body, MOST_ROWS)
        reading = Reading(table, wire)
        return ((line.row, _told(reading.members_of, line)) for line in table.lines)

    return items_in


def places_in(properties: Any, also: Mapping[str, Kind]) -> Callable[[bytes], Iterator[Item]]:
    """The rows of a table as the GeoJSON Features they stand for: `also` are the columns of the geometry."""

    def items_in(body: bytes) -> Iterator[Item]:
        table = read_table(body, MOST_ROWS)
        reading = Reading(table, properties, also)

        def feature_of(line: Line) -> dict[str, Any]:
            members = reading.members_of(line)
            geometry = _geometry_of({name: members.pop(name, None) for name in also}, f"rows[{line.row}].")
            return {"type": "Feature", "geometry": geometry, "properties": members}

        return ((line.row, _told(feature_of, line)) for line in table.lines)

    return items_in


def table_of_places(
    wire: Any, properties: Any, also: Mapping[str, Kind], read: Callable[[Any, str], Edit]
) -> Form[Edit]:
    """The form of a table whose rows stand for features of the form `wire`."""
    items_in = places_in(properties, also)
    return Form("rows", items_in, wire, read, "properties.external_id", is_strict=False, rows=PlacesInTable)


class _Typed(msgspec.Struct):
    type: Any = None


class _Collection(msgspec.Struct):
    type: str
    features: list[Any]
    crs: Any = None


def _feature(number: int, feature: Any) -> Item:
    try:
        refuse_crs(feature, at=f"features[{number}].")
    except InvalidInput as error:
        return number, error
    return number, feature


def _told(made_of: Callable[[Line], Any], line: Line) -> Any:
    """What is made of a line, or why it cannot be."""
    try:
        return made_of(line)
    except InvalidInput as error:
        return error


def _geometry_of(said: Mapping[str, str | None], at: str) -> dict[str, Any]:
    """`wkt`, or `lat` and `lon`. Raises InvalidInput that names the column."""
    if (wkt := said.get("wkt")) is not None:
        if said["lat"] or said["lon"]:
            raise _refused(Fault(f"{at}wkt", "goes without lat and lon"))
        return read_wkt(wkt, f"{at}wkt")
    missing = [name for name in ("lat", "lon") if said[name] is None]
    if missing:
        raise _refused(*(Fault(f"{at}{name}", "is missing") for name in missing))
    return write_point(_number(said["lon"], f"{at}lon"), _number(said["lat"], f"{at}lat"))


def _number(cell: str | None, field: str) -> float:
    try:
        return msgspec.convert(cell, float, strict=False)
    except msgspec.ValidationError:
        raise _refused(Fault(field, "is not a number such as 48.85")) from None


def _refuse_number(items: Any, name: str) -> None:
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ROWS:
        raise _refused(Fault(name, f"must be a list of 1 to {MOST_ROWS}"))


def _refused(*faults: Fault) -> InvalidInput:
    return InvalidInput("The body cannot be imported.", faults=faults)
