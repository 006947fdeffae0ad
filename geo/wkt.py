"""Well-known text (OGC 06-103r4 § 7) of the shapes that fences have: POINT, POLYGON, MULTIPOLYGON.

Between text and a GeoJSON geometry, number by number: what was written is read again to the last bit, so
that a shape which went through a spreadsheet is the same shape. Judges no shape; `geo.geojson` does.
"""

import re
from typing import Any, Final

import msgspec

from geo.errors import Fault, InvalidInput

_KINDS: Final = {"POINT": "Point", "POLYGON": "Polygon", "MULTIPOLYGON": "MultiPolygon"}
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_POSITION: Final = re.compile(rf"{_NUMBER}(?:\s+{_NUMBER}){{1,3}}")
_TEXT: Final = re.compile(r"\s*([A-Za-z]+)\s*(?:Z|M|ZM|z|m|zm)?\s*(\([-+().,\seE\d]*\))\s*")
_SHOWN: Final = 40


def read_wkt(text: str, field: str) -> dict[str, Any]:
    """The GeoJSON geometry; heights are kept and mean nothing. Raises InvalidInput that names `field`."""
    match = _TEXT.fullmatch(text)
    kind = _KINDS.get(match[1].upper()) if match else None
    if match is None or kind is None:
        raise _wrong(field, text)
    lists = _POSITION.sub(_as_list, match[2]).replace("(", "[").replace(")", "]")
    try:
        coordinates = msgspec.json.decode(lists)
    except (msgspec.DecodeError, RecursionError):
        raise _wrong(field, text) from None
    if kind == "Point":
        if len(coordinates) != 1:
            raise _wrong(field, text)
        (coordinates,) = coordinates
    return {"type": kind, "coordinates": coordinates}


def write_wkt(geometry: dict[str, Any]) -> str:
    """The text of a GeoJSON Point, Polygon or MultiPolygon, longitude first."""
    coordinates = geometry["coordinates"]
    inner = [coordinates] if geometry["type"] == "Point" else coordinates
    return f"{geometry['type'].upper()} {_listed(inner)}"


def _listed(items: Any) -> str:
    return "(" + ", ".join(_position(one) if _is_position(one) else _listed(one) for one in items) + ")"


def _position(position: Any) -> str:
    return " ".join(repr(number) for number in position)


def _is_position(item: Any) -> bool:
    return not isinstance(item[0], list | tuple)


def _as_list(position: re.Match[str]) -> str:
    return "[" + ",".join(repr(float(number)) for number in position[0].split()) + "]"


def _wrong(field: str, text: str) -> InvalidInput:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    reason = f"is not well-known text such as POLYGON ((2.34 48.85, …)): {shown}"
    return InvalidInput("The geometry cannot be used.", faults=(Fault(field, reason),))
