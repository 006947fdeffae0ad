"""What tests of imports and exports share: bringing rows to a shop, and taking them out again."""

from __future__ import annotations

from typing import Any

import httpx

from tests.http.shops import Shop, soup

CSV = {"content-type": "text/csv"}
SITES = "external_id,name,lat,lon,time_zone,opening_hours,tags.cuisine\r\n"
BREAD = 'bread,"Bread, and more",60.1646,24.9385,Europe/Helsinki,Mo-Fr 08:00-18:00,bakery\r\n'


async def bring(shop: Shop, what: str, body: Any, **query: Any) -> httpx.Response:
    """A text as CSV, everything else as JSON."""
    if isinstance(body, str | bytes):
        return await shop.client.post(f"/v1/{what}/import", content=body, headers=CSV, params=query)
    return await shop.client.post(f"/v1/{what}/import", json=body, params=query)


async def take(shop: Shop, path: str, **query: Any) -> Any:
    answer = await shop.read_only.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.text if query.get("format") == "csv" else answer.json()


async def counted(shop: Shop, what: str, body: Any, **query: Any) -> tuple[int, int, int, int]:
    """New, changed, left alone and refused, of an import that was taken."""
    answer = await bring(shop, what, body, **query)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    return report["created"], report["updated"], report["unchanged"], report["refused"]


def named(number: int, **said: Any) -> dict[str, Any]:
    return soup(external_id=f"offer-{number}", **said)


def collection(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


async def offer_called(shop: Shop, name: str) -> dict[str, Any]:
    [offer] = (await shop.client.get("/v1/offers", params={"external_id": name})).json()["items"]
    found: dict[str, Any] = offer
    return found
