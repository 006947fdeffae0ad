"""Well-known text (OGC 06-103r4 § 7) of the shapes that fences have, as GeoJSON geometries and back.

To the last bit: a shape that went through a spreadsheet is the same shape. Judges none; `geo.geojson` does.
"""

from typing import Any, Final

import msgspec
import numpy as np
import shapely

from geo.errors import Fault, InvalidInput

_KINDS: Final = ("Point", "Polygon", "MultiPolygon")


def read_wkt(text: str, field: str) -> dict[str, Any]:
    """The GeoJSON geometry. Raises InvalidInput that names `field`."""
    try:
        with np.errstate(over="ignore"):  # 1e400 is infinite, and told as no position later
            shape = shapely.from_wkt(text)
        if shape.geom_type in _KINDS:
            geometry: dict[str, Any] = msgspec.json.decode(shapely.to_geojson(shape))
            return geometry
    except (shapely.errors.ShapelyError, NotImplementedError, msgspec.DecodeError):
        pass  # no such text, a curve, or nan, which JSON cannot say
    fault = Fault(field, f"must be the well-known text of a {', '.join(_KINDS[:-1])} or {_KINDS[-1]}")
    raise InvalidInput("The geometry cannot be used.", faults=(fault,))


def write_wkt(geometry: dict[str, Any]) -> str:
    """The text of a GeoJSON geometry, longitude first."""
    return shapely.to_wkt(shapely.from_geojson(msgspec.json.encode(geometry)), rounding_precision=-1)
