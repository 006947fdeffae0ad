"""The API describes itself completely, and the page that shows it needs nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import jsonschema_rs
import msgspec
import pytest

from api.docs_page import render
from api.docs_page.frame import CONTENT_POLICY
from api.openapi import TAGS
from api.openapi_problems import OWN
from api.problem_types import CLASS_OF
from api.problems import STATUS_OF
from api.routes.live import event_of
from api.routes.receipt_forms import Receipt
from api.story.told import CUSTOMER_ID
from offers.buckets import bucket_of
from offers.codes import bucket_of_code, normalise_code
from offers.engine.answers import Delivered
from offers.people.linking import LENGTH, normalise_link_code
from tests.http import documented

Operation = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The document of the whole application."""
    return documented.described()


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


def test_every_id_is_a_verb_and_a_noun_and_given_once(described: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(described)]
    assert len(ids) == len(set(ids))
    assert [one for one in ids if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", one)] == []


def test_every_schema_has_a_name_that_says_nothing_of_the_inside(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []
    assert {"KeyPage", "QuietHours", "Receipt"} <= set(schemas)
    referred = set(re.findall(r"#/components/schemas/([^'\"]+)", str(described)))
    assert referred <= set(schemas)


@pytest.mark.parametrize(
    ("schema", "member", "refused"),
    [
        ("OfferBudget", "deliveries", -1),
        ("OfferBudget", "redemptions", 1_000_000_001),
        ("Limits", "re_eligible_after_s", -1),
        ("FenceProperties", "radius_m", 19.9),
        ("Cap", "offer_id", 0),
        ("DeviceDraft", "label", ""),
    ],
)
def test_a_member_that_may_be_null_keeps_its_bounds(
    described: dict[str, Any], schema: str, member: str, refused: object
) -> None:
    said = described["components"]["schemas"][schema]["properties"][member]
    assert complaints(said, None, described["components"]) == []
    assert complaints(said, refused, described["components"])


def test_a_parameter_that_may_be_left_out_keeps_its_bounds(described: dict[str, Any]) -> None:
    parameters = dict(operations(described))["GET /v1/nearby"]["parameters"]
    (accuracy,) = [one["schema"] for one in parameters if one["name"] == "accuracy_m"]
    assert complaints(accuracy, -1.0, {})


def test_members_that_are_refused_are_not_allowed_by_the_schema(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert complaints(schemas["KeyDraft"], {"role": "till", "lable": "x"}, described["components"])
    assert "additionalProperties" not in schemas["FixesReport"]


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


def told(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in every example, and the operation it stands in."""
    for name, operation in operations(described):
        for _, example in examples(operation):
            yield from ((name, one) for one in objects(example))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


def test_examples_are_no_placeholders(described: dict[str, Any]) -> None:
    for name, told_object in told(described):
        for member, value in told_object.items():
            assert value != member, (name, member)
            assert not (isinstance(value, str) and re.search(r"xxx|string$|^text$", value)), (name, value)
    for name, operation in operations(described):
        assert all(shown != {} for _, shown in examples(operation)), name


def test_all_examples_tell_one_story(described: dict[str, Any]) -> None:
    seen: dict[str, set[Any]] = {}
    for _, told_object in told(described):
        for member, value in told_object.items():
            if member.endswith("_id") and value is not None:
                seen.setdefault(member, set()).add(value)
    for _, operation in operations(described):
        for parameter in operation.get("parameters", []):
            if parameter["name"].endswith("_id"):
                seen.setdefault(parameter["name"], set()).add(parameter["example"])
    one_of_each = {
        "retailer_id", "site_id", "offer_id", "customer_id", "delivery_id", "crossing_id", "code_id",
    }  # fmt: skip
    assert {member: seen[member] for member in one_of_each if len(seen[member]) != 1} == {}
    assert len(seen["fence_id"]) == 2  # around the café, and its terrace
    assert len(seen["device_id"]) == 2  # a phone, and a tablet that joined


def test_the_codes_and_tokens_of_the_story_are_those_of_its_customer(described: dict[str, Any]) -> None:
    bucket = bucket_of(UUID(CUSTOMER_ID))
    for name, told_object in told(described):
        if token := told_object.get("token"):
            assert token.startswith(f"dt_{bucket:02x}_"), name
        code = told_object.get("link_code") or (told_object.get("code") if "code_id" in told_object else None)
        if code:
            assert len(code) == LENGTH
            assert normalise_link_code(code) == code, name
            assert bucket_of_code(code) == bucket, name
        if "delivery_id" in told_object and "code" in told_object:
            assert bucket_of_code(normalise_code(told_object["code"])) == bucket, name


def test_the_numbers_of_the_story_add_up(described: dict[str, Any]) -> None:
    for name, told_object in told(described):
        if "unchanged" in told_object and "rows" in told_object:
            counted = sum(told_object[one] for one in ("created", "updated", "unchanged", "refused"))
            assert counted == told_object["rows"], name
            assert not told_object["dry_run"], name
        if "open_now" in told_object and "opens_at" in told_object:
            assert told_object["open_now"] == (told_object["opens_at"] is None), name
        if "coarse" in told_object and not told_object["coarse"]:
            assert round(told_object["lat"], 2) != told_object["lat"], name
        if "revoked_at" in told_object and "device_id" in told_object:
            assert (told_object["status"] == "revoked") == (told_object["revoked_at"] is not None), name


def example(described: dict[str, Any], name: str, status: str) -> Any:
    content = next(iter(dict(operations(described))[name]["responses"][status]["content"].values()))
    return content["example"]


def test_what_was_done_shows_in_the_answer(described: dict[str, Any]) -> None:
    assert example(described, "POST /v1/retailers/{retailer_id}/keys", "201")["role"] == "manage"
    assert example(described, "POST /v1/me/link-codes/{code_id}/confirm", "200")["state"] == "confirmed"
    assert example(described, "POST /v1/me/devices/{device_id}/revoke", "200")["status"] == "revoked"
    assert example(described, "GET /health/ready", "503")["status"] == "not_ready"
    assert example(described, "PUT /v1/offers/{offer_id}", "200")["revision"] == 3
    for name in ("GET /v1/sites/by-id/{site_id}", "GET /v1/offers/{offer_id}"):
        shown = example(described, name, "200")
        assert {"retailer_id", "created_at", "updated_at"} <= shown.keys(), name
    assert "fence_id" in example(described, "GET /v1/fences/{fence_id}", "200")["properties"]


def test_the_live_stream_sends_what_its_example_shows(described: dict[str, Any]) -> None:
    shown = example(described, "GET /v1/live", "200")
    assert "shown_at" not in shown
    sent = event_of(msgspec.convert(shown, Delivered, strict=False))
    data = sent.decode().split("data: ")[1]
    assert msgspec.json.decode(data) == shown


def test_a_receipt_is_described_member_by_member(described: dict[str, Any]) -> None:
    receipt = example(described, "GET /v1/consents/{consent_id}/receipt", "200")
    assert msgspec.to_builtins(msgspec.convert(receipt, Receipt, strict=False)) == receipt


def test_fences_are_described_as_geojson_too(described: dict[str, Any]) -> None:
    listed = dict(operations(described))["GET /v1/fences"]["responses"]["200"]["content"]
    assert set(listed) == {"application/json", "application/geo+json"}
    assert listed["application/geo+json"]["example"]["type"] == "FeatureCollection"


def test_every_operation_lists_the_codes_it_can_answer_with(described: dict[str, Any]) -> None:
    ids = {operation["operationId"] for _, operation in operations(described)}
    assert set(OWN) <= ids
    for name, operation in operations(described):
        for status, answer in operation["responses"].items():
            for code in documented.documented_codes(answer):
                assert str(STATUS_OF[CLASS_OF[code]]) == status, (name, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "/v1/offers/58", 412, "changed_meanwhile"),
        ("PUT", "/v1/offers/58", 409, "offer_has_ended"),
        ("PUT", "/v1/fences/31", 412, "changed_meanwhile"),
        ("PUT", "/v1/fences/31", 409, "already_exists"),
        ("POST", "/v1/offers/58/activate", 409, "schedule_is_over"),
        ("POST", "/v1/offers/58/pause", 409, "wrong_move"),
        ("DELETE", "/v1/sites/by-id/12", 409, "in_use"),
        ("DELETE", "/v1/fences/31", 409, "in_use"),
        ("POST", "/v1/devices", 409, "link_code_refused"),
        ("POST", "/v1/devices", 429, "overloaded"),
        ("POST", "/v1/me/link-codes/VWFQ/confirm", 409, "link_code_waiting"),
        ("POST", "/v1/deliveries/6a1f8cd2/events", 409, "delivery_not_handed"),
        ("POST", "/v1/clock/set", 409, "clock_goes_forward"),
        ("POST", "/v1/clock/tick", 409, "clock_not_simulated"),
        ("POST", "/v1/offers", 404, "not_found"),
        ("POST", "/v1/fences", 404, "not_found"),
        ("POST", "/v1/caps", 404, "not_found"),
        ("POST", "/v1/redemptions", 404, "code_unknown"),
        ("POST", "/v1/redemptions", 400, "idempotency_key_required"),
        ("POST", "/v1/fixes", 503, "outcome_unknown"),
        ("GET", "/v1/live", 429, "too_many_live_streams"),
    ],
)
def test_what_was_once_answered_unannounced_is_documented(method, path, status, code) -> None:
    answer = documented.documented_answer(method, path, status)
    assert answer is not None
    assert code in documented.documented_codes(answer)


def test_every_guarded_operation_says_what_opens_it(described: dict[str, Any]) -> None:
    assert set(described["components"]["securitySchemes"]) == {"retailerKey", "deviceToken"}
    open_to_all = {name for name, operation in operations(described) if not operation.get("security")}
    assert open_to_all == {
        "GET /health/live", "GET /health/ready", "GET /metrics", "GET /problems", "GET /problems/{code}",
        "GET /v1/notices", "GET /v1/controllers", "GET /.well-known/jwks.json", "POST /v1/receipts/verify",
        "POST /v1/devices", "POST /v1/payments/webhooks/stripe",
    }  # fmt: skip


def test_every_refusal_is_described_as_a_problem(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        assert "default" in operation["responses"], name
        for status, answer in operation["responses"].items():
            if status[0] in "45d" and not name.startswith("GET /health"):
                assert set(answer["content"]) == {"application/problem+json"}, (name, status)


WHOLE_MENUS = {"POST /v1/menus", "PUT /v1/menus/{menu_id}", "PATCH /v1/menus/{menu_id}"}


def test_a_body_that_is_too_large_is_described_with_the_routes_own_limit(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        if refused := operation["responses"].get("413"):
            limit = "32 MiB" if name.endswith("/import") else "8 MiB" if name in WHOLE_MENUS else "1 MiB"
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
