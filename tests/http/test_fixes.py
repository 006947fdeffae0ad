"""`POST /v1/fixes` over HTTP: what is accepted, what is refused and how, and that refusals leave no trace."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.world import Phone as Row
from tests.world import World

LAT, LON = 61.5, 23.76  # far from the fences of other tests


def fix(**changes: Any) -> dict[str, Any]:
    """A fix of this moment, with some members changed; None takes one out."""
    whole = {
        "fix_id": uuid4().hex,
        "lat": LAT,
        "lon": LON,
        "accuracy_m": 8,
        "recorded_at": datetime.now(UTC).isoformat(),
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def report(*fixes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"sent_at": datetime.now(UTC).isoformat(), "fixes": list(fixes or [fix()])} | changes


@pytest.fixture
async def phone(rows: asyncpg.Pool) -> Row:
    world = World(rows)
    return await world.phone(await world.customer())


def bearer(phone: Row) -> dict[str, str]:
    return {"authorization": f"Bearer {phone.token}", "content-type": "application/json"}


async def has_left_no_trace(rows: asyncpg.Pool, phone: Row) -> bool:
    state = await rows.fetchval(
        "SELECT state FROM device_states WHERE bucket = $1 AND device_id = $2", phone.bucket, phone.device_id
    )
    return state is None


async def test_a_fix_is_accepted_and_the_answer_says_when_to_send_the_next(
    http: httpx.AsyncClient, phone: Row
) -> None:
    answer = await http.post("/v1/fixes", json=report(), headers=bearer(phone))
    assert answer.status_code == 200
    body = answer.json()
    assert [one["status"] for one in body["fixes"]] == ["accepted"]
    assert body["crossings"] == body["deliveries"] == []
    assert body["next_fix_after_s"] >= 15
    assert body["quiet_radius_m"] >= 0


async def test_a_gzip_body_is_read(http: httpx.AsyncClient, phone: Row) -> None:
    body = gzip.compress(json.dumps(report()).encode())
    answer = await http.post("/v1/fixes", content=body, headers=bearer(phone) | {"content-encoding": "gzip"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (report(fix(lat="60.17")), "fixes[0].lat"),
        (report(fix(), fix(lat=90.5)), "fixes[1].lat"),
        (report(fix(lon=-180.1)), "fixes[0].lon"),
        (report(fix(accuracy_m=0)), "fixes[0].accuracy_m"),
        (report(fix(accuracy_m=None)), "fixes[0]"),
        (report(fix(recorded_at="2026-06-04T12:00:00")), "fixes[0].recorded_at"),
        (report(fix(recorded_at="yesterday")), "fixes[0].recorded_at"),
        (report(fix(fix_id="")), "fixes[0].fix_id"),
        (report(fix(speed_mps=-1)), "fixes[0].speed_mps"),
        (report(fix(heading_deg=361)), "fixes[0].heading_deg"),
        (report(sent_at="2026-06-04T12:00:00"), "sent_at"),
        (report(fixes=[]), "fixes"),
        (report(*(fix() for _ in range(101))), "fixes"),
        ({"fixes": [fix()]}, "body"),
        ([], "body"),
    ],
)
async def test_a_wrong_value_is_named_and_nothing_is_kept(
    http: httpx.AsyncClient, rows: asyncpg.Pool, phone: Row, body: Any, field: str
) -> None:
    answer = await http.post("/v1/fixes", json=body, headers=bearer(phone))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid_input"
    assert [fault["field"] for fault in problem["errors"]] == [field]
    assert problem["errors"][0]["reason"]
    assert await has_left_no_trace(rows, phone)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_what_is_not_a_finite_number_is_refused(
    http: httpx.AsyncClient, rows: asyncpg.Pool, phone: Row, number: str
) -> None:
    for name in ("lat", "accuracy_m", "speed_mps"):
        text = json.dumps(report(fix(**{name: 12345.5}))).replace("12345.5", number)
        answer = await http.post("/v1/fixes", content=text, headers=bearer(phone))
        assert answer.status_code == 400, name
        assert answer.json()["code"] in {"invalid_input", "malformed_json"}
    assert await has_left_no_trace(rows, phone)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "malformed_json"),
        (b"", {}, 400, "malformed_json"),
        (b'{"fixes": [{"fix_id": "\xff"}]}', {}, 400, "malformed_json"),
        (b'{"x":' + b"[" * 200_000, {}, 400, "nested_too_deeply"),
        (b" " * 2 * 1024 * 1024, {}, 413, "body_too_large"),
        (gzip.compress(b" " * 2 * 1024 * 1024, mtime=0), {"content-encoding": "gzip"}, 413, "body_too_large"),
        (b"no gzip", {"content-encoding": "gzip"}, 400, "malformed_gzip"),
        # Without a time in its header, so that the test has one name wherever it is collected.
        (gzip.compress(b"{}" * 1000, mtime=0)[:-9], {"content-encoding": "gzip"}, 400, "malformed_gzip"),
        (b"{}", {"content-encoding": "br"}, 415, "unsupported_media_type"),
        (b"{}", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {"authorization": ""}, 401, "unauthenticated"),
        (b"{}", {"authorization": "Bearer dt_zz_nonsense"}, 401, "unauthenticated"),
        (b"{}", {"authorization": "Bearer ak_" + "a" * 12 + "_" + "b" * 43}, 401, "unauthenticated"),
    ],
)
async def test_a_broken_request_is_told_what_is_broken(
    http: httpx.AsyncClient,
    rows: asyncpg.Pool,
    phone: Row,
    content: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = await http.post("/v1/fixes", content=content, headers=bearer(phone) | headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"]
    assert await has_left_no_trace(rows, phone)


async def test_a_wrong_method_says_which_is_right(http: httpx.AsyncClient, phone: Row) -> None:
    answer = await http.get("/v1/fixes", headers=bearer(phone))
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


async def test_the_token_of_a_revoked_phone_is_refused(
    http: httpx.AsyncClient, rows: asyncpg.Pool, phone: Row
) -> None:
    await rows.execute(
        "UPDATE devices SET status = 'revoked', revoked_at = $3 WHERE bucket = $1 AND device_id = $2",
        phone.bucket,
        phone.device_id,
        datetime.now(UTC),
    )
    answer = await http.post("/v1/fixes", json=report(), headers=bearer(phone))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert await has_left_no_trace(rows, phone)


async def test_without_a_location_purpose_nothing_is_kept(
    http: httpx.AsyncClient, rows: asyncpg.Pool
) -> None:
    world = World(rows)
    phone = await world.phone(await world.customer(grants=["personalisation"]))
    answer = await http.post("/v1/fixes", json=report(), headers=bearer(phone))
    assert (answer.status_code, answer.json()["code"]) == (403, "no_location_consent")
    assert await has_left_no_trace(rows, phone)


async def test_each_fix_gets_its_own_verdict(http: httpx.AsyncClient, phone: Row) -> None:
    now = datetime.now(UTC)

    def at(seconds: float) -> str:
        return (now + timedelta(seconds=seconds)).isoformat()

    first = await http.post(
        "/v1/fixes",
        json=report(fix(fix_id="known", recorded_at=at(-60)), sent_at=at(0)),
        headers=bearer(phone),
    )
    assert first.status_code == 200
    answer = await http.post(
        "/v1/fixes",
        json=report(
            fix(fix_id="known", recorded_at=at(-60)),
            fix(fix_id="old", recorded_at=at(-90_000)),
            fix(fix_id="late", recorded_at=at(-120)),
            fix(fix_id="mocked", recorded_at=at(-50), mocked=True),
            fix(fix_id="coarse", recorded_at=at(-40), accuracy_m=5000),
            fix(fix_id="fast", recorded_at=at(-30), lat=LAT + 5),
            fix(fix_id="good", recorded_at=at(-10)),
            fix(fix_id="future", recorded_at=at(3600)),
            sent_at=at(0),
        ),
        headers=bearer(phone),
    )
    said = {one["fix_id"]: (one["status"], one.get("reason")) for one in answer.json()["fixes"]}
    assert said == {
        "known": ("duplicate", None),
        "old": ("rejected", "too_old"),
        "late": ("late", None),
        "mocked": ("rejected", "mocked"),
        "coarse": ("rejected", "too_coarse"),
        "fast": ("rejected", "impossible_speed"),
        "good": ("accepted", None),
        "future": ("rejected", "after_sent_at"),
    }


async def test_a_phone_whose_clock_is_an_hour_ahead_is_believed_by_the_difference(
    http: httpx.AsyncClient, phone: Row
) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    answer = await http.post(
        "/v1/fixes",
        json=report(fix(recorded_at=ahead.isoformat()), sent_at=ahead.isoformat()),
        headers=bearer(phone),
    )
    assert [one["status"] for one in answer.json()["fixes"]] == ["accepted"]


async def test_the_framework_would_answer_the_same(pool: asyncpg.Pool, database_url: str) -> None:
    """The route in front of the framework and the described one behind it: one request each, one answer."""
    world = World(pool)
    phones = [await world.phone(await world.customer()) for _ in range(2)]
    front = create_app(Settings.from_environment({"ALENTOUR_DATABASE_URL": database_url}))
    behind = front._otherwise.litestar
    bodies = [report(fix(fix_id="same")), report(fix(lat=91)), report(fixes=[]), {"sent_at": 7}]
    async with behind.lifespan():
        described = [await _asked(behind, body, phones[0]) for body in bodies]
        lean = [await _asked(front, body, phones[1]) for body in bodies]
    assert [answer.status_code for answer in described] == [200, 400, 400, 400]
    for one, other in zip(described, lean, strict=True):
        own = {"server_time": None, "request_id": None}
        assert one.status_code == other.status_code
        assert one.json() | own == other.json() | own


async def _asked(app: Any, body: Any, phone: Row) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://alentour") as client:
        return await client.post("/v1/fixes", json=body, headers=bearer(phone))


async def test_members_of_newer_or_older_phones_are_ignored(http: httpx.AsyncClient, phone: Row) -> None:
    body = report(fix(altitude_m=12, battery=0.4), app_version="9.1")
    answer = await http.post("/v1/fixes", json=body, headers=bearer(phone))
    assert (answer.status_code, answer.json()["fixes"][0]["status"]) == (200, "accepted")
