"""The story that the document's examples tell, told to a real server: it answers as they say."""

from __future__ import annotations

from typing import Any

import pytest

from api.story import TOLD
from tests.http.shops import Shop, shop, sql

__all__ = ["shop", "sql"]  # fixtures

# What every server numbers and dates for itself.
OF_THIS_SERVER = {
    "id", "retailer_id", "site_id", "fence_id", "offer_id", "cap_id", "created_at", "updated_at",
}  # fmt: skip


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_ids(inner) for name, inner in value.items() if name not in OF_THIS_SERVER}
    return [without_ids(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        ("putSite", "PUT", "/v1/sites/paris-04"),
        ("createFence", "POST", "/v1/fences"),
        ("createOffer", "POST", "/v1/offers"),
        ("createCap", "POST", "/v1/caps"),
    ],
)
async def test_what_the_cafe_makes_is_answered_as_the_example_says(
    shop: Shop, operation: str, method: str, path: str
) -> None:
    told = TOLD[operation]
    for name, asked in told.asked.items():
        if "offer_id" in asked:  # of the story's own server
            continue
        answer = await shop.client.request(method, path, json=asked)
        assert answer.status_code == 201, answer.text
        shown = told.answers["201"][name]
        assert without_ids(answer.json()) == without_ids(shown)
        assert answer.json().keys() == shown.keys()


async def test_importing_the_cafe_again_changes_nothing(shop: Shop) -> None:
    await shop.client.put("/v1/sites/paris-04", json=TOLD["putSite"].asked[""])
    answer = await shop.client.post("/v1/sites/import", json=TOLD["importSites"].asked[""])
    assert answer.json() == TOLD["importSites"].answers["200"][""]
    answer = await shop.client.post("/v1/fences/import", json=TOLD["importFences"].asked[""])
    assert answer.json() == TOLD["importFences"].answers["200"][""]
