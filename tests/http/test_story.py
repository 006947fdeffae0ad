"""The story that the document's examples tell, told to a real server: it answers as they say."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize("form", ["GeoJSON", "CSV"])
async def test_the_cafe_can_be_imported_as_the_examples_say(shop: Shop, form: str) -> None:
    for what, operation in (("sites", "importSites"), ("fences", "importFences"), ("offers", "importOffers")):
        told = TOLD[operation]
        is_table = form == "CSV"
        answer = await shop.client.post(
            f"/v1/{what}/import",
            content=told.asked[form] if is_table else json.dumps(told.asked[form]),
            headers={"content-type": "text/csv" if is_table else "application/geo+json"},
        )
        shown = told.answers["200"]
        assert answer.json() in shown.values(), answer.text


async def test_the_cafe_is_exported_as_the_examples_say(shop: Shop) -> None:
    for what in ("sites", "fences", "offers"):
        body = TOLD[f"export{what.capitalize()}"].answers["200"]["CSV"]
        answer = await shop.client.post(
            f"/v1/{what}/import", content=body, headers={"content-type": "text/csv"}
        )
        assert answer.json()["created"] == 1, answer.text
    shown = TOLD["exportEverything"].answers["200"][""]
    everything = (await shop.client.get("/v1/export")).json()
    assert everything.keys() == shown.keys()
    for what in ("sites", "fences"):
        assert says(everything[what], shown[what])


def says(value: Any, example: Any) -> bool:
    """Whether a value has all that the example has."""
    if isinstance(example, dict):
        return all(name in value and says(value[name], inner) for name, inner in example.items())
    if isinstance(example, list):
        return len(value) == len(example) and all(map(says, value, example))
    return bool(value == example)
