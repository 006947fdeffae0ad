"""Operators, tariffs and zones as tests of parking make them: a street in Paris, over HTTP."""

from __future__ import annotations

from typing import Any

from tests.http.shops import Shop

PARIS = (2.3522, 48.8566)
_METRES_PER_LAT = 111_195.0
_METRES_PER_LON = 73_350.0  # at the latitude of Paris, within 0.3 %


def at(east_m: float, north_m: float) -> list[float]:
    """A position so many metres from the middle of Paris."""
    return [PARIS[0] + east_m / _METRES_PER_LON, PARIS[1] + north_m / _METRES_PER_LAT]


def rectangle(west_m: float, south_m: float, east_m: float, north_m: float) -> dict[str, Any]:
    corners = [(west_m, south_m), (east_m, south_m), (east_m, north_m), (west_m, north_m), (west_m, south_m)]
    return {"type": "Polygon", "coordinates": [[at(*corner) for corner in corners]]}


def kerb(*points: tuple[float, float]) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": [at(*point) for point in points]}


def zone(code: str = "75 A1", geometry: Any = None, **properties: Any) -> dict[str, Any]:
    said = {"code": code, "time_zone": "Europe/Paris", **properties}
    shape = geometry or rectangle(-50, -50, 50, 50)
    return {"type": "Feature", "geometry": shape, "properties": said}


def tariff(name: str = "centre", version: int = 1, *, price_minor: int = 100, **said: Any) -> dict[str, Any]:
    """A euro for every started 15 minutes, on weekdays from 9 to 19."""
    line = {"type": "increment", "per_minutes": 15, "price_minor": price_minor}
    rate = {"hours": "Mo-Fr 09:00-19:00", "lines": [line], "max_stay_minutes": 120}
    return {"id": name, "version": version, "currency": "EUR", "rates": [rate], **said}


def features(*zones: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(zones)}


async def publish(shop: Shop, *tariffs: dict[str, Any]) -> list[dict[str, Any]]:
    """Each in turn; what was answered."""
    said = []
    for one in tariffs:
        answer = await shop.client.post("/v1/parking/tariffs", json=one)
        assert answer.status_code == 201, answer.text
        said.append(answer.json())
    return said


async def make_zone(shop: Shop, *about: Any, **properties: Any) -> dict[str, Any]:
    answer = await shop.client.post("/v1/parking/zones", json=zone(*about, **properties))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
