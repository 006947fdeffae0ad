"""The API describes itself completely, and the page that shows it needs nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import pytest

from api.app import create_app
from api.docs_page import render
from api.docs_page.frame import CONTENT_POLICY
from api.openapi import TAGS, document
from api.settings import Settings

Operation = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The document of the whole application; no database is asked for it."""
    app: Any = create_app(Settings(database_url="postgresql://nobody@nowhere/nothing"))
    return document(app._otherwise.litestar)


def operations(described: dict[str, Any]) -> Iterator[Operation]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_says_what_it_does_and_where_it_belongs(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        assert operation.get("summary"), name
        assert operation.get("description"), name
        assert operation["tags"], name
        assert set(operation["tags"]) <= set(TAGS), name


def test_every_id_is_given_once(described: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(described)]
    assert len(ids) == len(set(ids))


def test_every_operation_has_its_examples(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        for parameter in operation.get("parameters", []):
            assert {"example", "examples"} & parameter.keys(), (name, parameter["name"])
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media_type, content in body.get("content", {}).items():
                if "json" in media_type:
                    assert {"example", "examples"} & content.keys(), (name, media_type)


def test_every_example_is_what_its_schema_allows(described: dict[str, Any]) -> None:
    wrong = [
        f"{name}: {error}"
        for name, operation in operations(described)
        for schema, example in examples(operation)
        for error in complaints(schema, example, described["components"])
    ]
    assert wrong == []


def examples(operation: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    bodies = (operation.get("requestBody", {}), *operation["responses"].values())
    contents = [content for body in bodies for content in body.get("content", {}).values()]
    for described in (*operation.get("parameters", []), *contents):
        if "example" in described:
            yield described["schema"], described["example"]
        given = described.get("examples", {})
        for example in given.values() if isinstance(given, dict) else given:
            yield described["schema"], example["value"]


def complaints(schema: dict[str, Any], example: Any, components: dict[str, Any]) -> list[str]:
    whole = {"allOf": [schema], "components": components}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{error.message} at {list(error.instance_path)}" for error in validator.iter_errors(example)]


def test_every_guarded_operation_says_what_opens_it(described: dict[str, Any]) -> None:
    assert set(described["components"]["securitySchemes"]) == {"retailerKey", "deviceToken"}
    open_to_all = {name for name, operation in operations(described) if not operation.get("security")}
    assert open_to_all == {
        "GET /health/live", "GET /health/ready", "GET /metrics", "GET /problems", "GET /problems/{code}",
        "GET /v1/notices", "POST /v1/devices",
    }  # fmt: skip


def test_every_refusal_is_described_as_a_problem(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        assert "default" in operation["responses"], name
        for status, answer in operation["responses"].items():
            if status[0] in "45d" and not name.startswith("GET /health"):
                assert set(answer["content"]) == {"application/problem+json"}, (name, status)


def test_a_body_that_is_too_large_is_described_with_the_routes_own_limit(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        if refused := operation["responses"].get("413"):
            limit = "32 MiB" if name.endswith("/import") else "1 MiB"
            assert limit in refused["description"], name


def test_no_example_of_an_offer_or_a_fence_names_an_id_of_another_system(described: dict[str, Any]) -> None:
    for name in ("POST /v1/offers", "PUT /v1/offers/{offer_id}", "POST /v1/fences", "POST /v1/redemptions"):
        given = [example for _, example in examples(dict(operations(described))[name] | {"responses": {}})]
        assert given, name
        assert not re.search(r"'(site_ids?|ids|retailer_id)'", str(given)), name


def test_the_fixes_and_the_offline_city_are_all_there(described: dict[str, Any]) -> None:
    wanted = {
        "POST /v1/fixes", "POST /v1/devices", "POST /v1/consents", "GET /v1/nearby", "GET /v1/fences/sync",
        "GET /v1/inbox", "GET /v1/live", "POST /v1/redemptions", "POST /v1/offers", "POST /v1/fences",
        "PUT /v1/sites/{external_id}", "POST /v1/caps", "POST /v1/retailers", "GET /v1/clock",
    }  # fmt: skip
    assert wanted <= {name for name, _ in operations(described)}


class Loads(HTMLParser):
    """Collects every address that a browser would fetch by itself, and the anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "src" in given or tag == "link":
            self.fetched.append(given.get("src") or given.get("href", ""))
        elif "href" in given:
            self.links.append(given["href"])
        if "id" in given:
            self.ids.append(given["id"])


def test_the_page_loads_nothing_and_leads_to_every_operation(described: dict[str, Any]) -> None:
    page = render(described)
    loads = Loads()
    loads.feed(page)
    assert loads.fetched == []
    assert not re.search(r"@import|url\(", page)
    assert len(loads.ids) == len(set(loads.ids))
    inner = [link.removeprefix("#") for link in loads.links if link.startswith("#")]
    assert len(inner) == len(list(operations(described)))
    assert set(inner) <= set(loads.ids)
    assert "unsafe" not in CONTENT_POLICY


def test_the_page_escapes_what_it_shows(described: dict[str, Any]) -> None:
    operation = {"summary": "<script>alert(1)</script>", "tags": ["Sites"], "responses": {}}
    page = render({**described, "paths": {"/<b>": {"get": operation}}})
    assert "<script>alert" not in page
    assert "/<b>" not in page
