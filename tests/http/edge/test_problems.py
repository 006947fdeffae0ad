"""Whatever is refused is a problem+json with a stable code, and tells nothing of the inside."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import asyncpg
import msgspec
import pytest
import sqlalchemy.exc
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import problems
from api.database import PLAIN, Tx
from api.problems import STATUS_OF, problem_body, problem_of
from api.refusals import read_json
from geo import errors
from geo.errors import AlentourError, Fault, InvalidInput, TooMany, Unavailable
from tests.http.edge.asking import Client, KnownPhone, Open, code_of

Channel = Literal["push", "inbox"]


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]


class Word(msgspec.Struct, forbid_unknown_fields=True):
    channel: Channel | None = None
    note: str = ""


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    fixes: list[Inner]
    label: str | None = None
    words: dict[str, list[Word]] = {}


@post("/echo")
async def echo(data: JSONBody[Outer]) -> Outer:
    return data


@post("/wide", request_max_body_size=3 * 1024 * 1024)
async def wide(data: JSONBody[Outer]) -> Outer:
    return data


@post("/maybe")
async def maybe(data: JSONBody[Outer | None] = None) -> str:
    return "nothing" if data is None else "something"


@get("/around")
async def around(
    lat: Annotated[float, QueryParameter(ge=-90, le=90)],
    limit: FromQuery[int] = 5,
    channel: FromQuery[Channel | None] = None,
    name: FromQuery[str | None] = None,
) -> float:
    return lat


@get("/named/{name:str}")
async def named(name: FromPath[str]) -> str:
    return name


@get("/page", include_in_schema=False)
async def page() -> str:
    return "for people"


@get("/hands-over", dependencies=PLAIN)
async def hand_over(tx: Tx) -> str:
    await tx.execute("INSERT INTO retailers (name, created_at) VALUES ('x', alentour_now())")
    return "yours"


@get("/boom")
async def boom() -> None:
    raise RuntimeError("customer at 48.8534,2.3488")


@pytest.fixture
async def small(open_app: Open) -> Client:
    return await open_app(routers=[echo, wide, maybe, around, named, page, hand_over, boom])


def all_errors() -> list[type[AlentourError]]:
    known = [*vars(errors).values(), *vars(problems).values()]
    return [one for one in known if isinstance(one, type) and issubclass(one, AlentourError)]


@pytest.mark.parametrize(
    "error", sorted(set(all_errors()) - {AlentourError}, key=str), ids=lambda one: one.__name__
)
def test_every_error_has_a_status(error: type[AlentourError]) -> None:
    assert error in STATUS_OF


def test_a_problem_names_its_fields() -> None:
    error = InvalidInput("No.", faults=(Fault("fixes[3].lat", "too far north"),), code="odd")
    status, headers, body = problem_body(error, "abc")
    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(body) == {
        "type": "/problems/odd",
        "title": "Invalid input",
        "status": 400,
        "detail": "No.",
        "code": "odd",
        "request_id": "abc",
        "errors": [{"field": "fixes[3].lat", "reason": "too far north"}],
    }


def test_whoever_must_wait_is_told_how_long_in_whole_seconds() -> None:
    assert problem_of(TooMany("No.", retry_after_s=0.2)).headers["retry-after"] == "1"
    assert problem_of(TooMany("No.", retry_after_s=7.1)).headers["retry-after"] == "8"
    assert 1 <= int(problem_of(Unavailable("No.")).headers["retry-after"]) <= 3


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (asyncpg.UniqueViolationError("secret"), 409, "already_exists"),
        (asyncpg.ForeignKeyViolationError("secret"), 409, "conflict"),
        (asyncpg.CheckViolationError("secret"), 400, "invalid_input"),
        (asyncpg.NumericValueOutOfRangeError("secret"), 400, "invalid_input"),
        (asyncpg.CharacterNotInRepertoireError("secret"), 400, "invalid_input"),
        (asyncpg.DataError("secret"), 400, "invalid_input"),
        (asyncpg.LockNotAvailableError("secret"), 503, "unavailable"),
        (asyncpg.QueryCanceledError("secret"), 503, "unavailable"),
        (asyncpg.DeadlockDetectedError("secret"), 503, "unavailable"),
        (asyncpg.SerializationError("secret"), 503, "unavailable"),
        (asyncpg.AdminShutdownError("secret"), 503, "unavailable"),
        (asyncpg.CannotConnectNowError("secret"), 503, "unavailable"),
        (asyncpg.TooManyConnectionsError("secret"), 503, "unavailable"),
        (asyncpg.ConnectionDoesNotExistError("secret"), 503, "unavailable"),
        (asyncpg.InterfaceError("secret"), 503, "unavailable"),
        (ConnectionResetError("secret"), 503, "unavailable"),
        (sqlalchemy.exc.TimeoutError("secret"), 429, "overloaded"),
        (asyncpg.UndefinedTableError("secret"), 500, "internal_error"),
        (asyncpg.NotNullViolationError("secret"), 500, "internal_error"),
        (KeyError("secret"), 500, "internal_error"),
        (ExceptionGroup("secret", [asyncpg.UniqueViolationError("secret")]), 409, "already_exists"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_database_errors_are_told_by_sqlstate_and_without_their_words(
    raised: Exception, status: int, code: str
) -> None:
    problem = problem_of(raised)
    assert (problem.status, problem.code) == (status, code)
    assert "secret" not in repr(problem.members("abc"))


def test_errors_wrapped_by_sqlalchemy_are_told_the_same() -> None:
    wrapped = sqlalchemy.exc.IntegrityError("INSERT", {}, asyncpg.UniqueViolationError("secret"))
    assert problem_of(wrapped).code == "already_exists"


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b'{"fixes": [{"lat": 1}, {"lat": "48.8"}]}', "fixes[1].lat", "expected `float`, got `str`"),
        (b'{"fixes": [{"lat": 91}]}', "fixes[0].lat", "expected `float` <= 90.0"),
        (b'{"fixes": [{}]}', "fixes[0]", "object missing required field `lat`"),
        (b'{"fixes": [], "label": 3}', "label", "expected `str | null`, got `int`"),
        (b'{"fixes": [], "odd": 3}', "body", "object contains unknown field `odd`"),
        (b"[]", "body", "expected `object`, got `array`"),
        (b"null", "body", "expected `object`, got `null`"),
    ],
)
async def test_a_wrong_body_is_told_with_path_and_reason(
    small: Client, body: bytes, field: str, reason: str
) -> None:
    answer = await small.post("/echo", content=body)
    assert answer.status_code == 400
    assert code_of(answer) == "invalid_input"
    assert answer.json()["errors"] == [{"field": field, "reason": reason}]


@pytest.mark.parametrize(
    "body",
    [b'{"fixes": [', b"not json", b'{"fixes": [{"lat": NaN}]}', b'{"fixes": [{"lat": Infinity}]}', b"\xff"],
    ids=["cut off", "no json", "NaN", "infinity", "not utf-8"],
)  # fmt: skip
async def test_what_is_not_json_is_malformed(small: Client, body: bytes) -> None:
    answer = await small.post("/echo", content=body)
    assert answer.status_code == 400
    assert code_of(answer) == "malformed_json"


def test_a_body_nested_beyond_reason_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_json(b"[" * 100_000, Any)
    assert refused.value.code == "nested_too_deeply"


async def test_a_body_that_is_missing_is_asked_for_unless_it_may_be(small: Client) -> None:
    answer = await small.post("/echo")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "body", "reason": "is required"}]
    assert (await small.post("/maybe")).text == "nothing"
    assert (await small.post("/maybe", json={"fixes": []})).text == "something"


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("lat=91", "lat", "expected `float` <= 90.0"),
        ("lat=nan", "lat", "expected `float` >= -90.0"),
        ("lat=here", "lat", "expected `float`, got `str`"),
        ("limit=2", "lat", "is required"),
        ("lat=1&limit=1.5", "limit", "expected `int`, got `str`"),
    ],
)
async def test_a_wrong_parameter_is_told_with_name_and_reason(
    small: Client, query: str, field: str, reason: str
) -> None:
    answer = await small.get(f"/around?{query}")
    assert answer.status_code == 400
    assert code_of(answer) == "invalid_input"
    assert answer.json()["errors"] == [{"field": field, "reason": reason}]


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", "application/xml"])
async def test_a_body_that_is_not_json_is_an_unsupported_media_type(small: Client, media_type: str) -> None:
    answer = await small.post("/echo", content=b"x", headers={"content-type": media_type})
    assert answer.status_code == 415
    assert code_of(answer) == "unsupported_media_type"


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/geo+json", None])
async def test_any_kind_of_json_is_read(small: Client, media_type: str | None) -> None:
    headers = {"content-type": media_type} if media_type else {}
    answer = await small.post("/echo", content=b'{"fixes":[]}', headers=headers)
    assert answer.status_code == 201


async def test_a_compressed_body_is_refused(small: Client) -> None:
    answer = await small.post(
        "/echo", content=gzip.compress(b'{"fixes":[]}'), headers={"content-encoding": "gzip"}
    )
    assert answer.status_code == 415
    assert code_of(answer) == "unsupported_media_type"


async def test_a_body_over_one_mebibyte_is_refused_however_it_is_sent(small: Client) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 32_768

    for body in (b" " * (1024 * 1024 + 1), in_pieces()):
        answer = await small.post("/echo", content=body)
        assert answer.status_code == 413
        assert code_of(answer) == "body_too_large"


@pytest.mark.parametrize(("path", "limit_mib"), [("/echo", 1), ("/wide", 3)])
async def test_a_body_that_is_too_large_is_told_the_routes_own_limit(
    small: Client, path: str, limit_mib: int
) -> None:
    answer = await small.post(path, content=b" " * (limit_mib * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["detail"] == f"The body is larger than {limit_mib} MiB."


async def test_an_unknown_address_is_a_problem(small: Client) -> None:
    answer = await small.get("/v2/nothing")
    assert answer.status_code == 404
    assert code_of(answer) == "route_not_found"


async def test_a_wrong_method_is_told_the_right_ones(small: Client) -> None:
    answer = await small.delete("/echo")
    assert answer.status_code == 405
    assert code_of(answer) == "method_not_allowed"
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert "OPTIONS, POST" in answer.json()["detail"]


async def test_whatever_can_be_got_can_be_asked_for_its_head(small: Client) -> None:
    refused = await small.delete("/around")
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await small.options("/around")).headers["allow"] == "GET, HEAD, OPTIONS"
    for path in ("/around?lat=1", "/around?lat=91", "/around", "/boom", "/nothing"):
        got, asked = await small.get(path), await small.head(path)
        assert asked.status_code == got.status_code
        assert asked.content == b""
        for name in ("content-type", "content-length"):
            assert asked.headers[name] == got.headers[name], path
    assert (await small.head("/echo")).status_code == 405


async def test_a_head_changes_nothing(small: Client, pool: asyncpg.Pool) -> None:
    assert (await small.head("/hands-over")).status_code == 200
    assert await pool.fetchval("SELECT count(*) FROM retailers") == 0
    assert (await small.get("/hands-over")).status_code == 200
    assert await pool.fetchval("SELECT count(*) FROM retailers") == 1


@pytest.mark.parametrize("path", ["/v1/live", "/v1/live/", "/v1//live"])
async def test_a_stream_without_end_has_no_head(client: Client, phone: KnownPhone, path: str) -> None:
    answer = await client.head(path, headers=phone.headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, OPTIONS")


async def test_a_parameter_that_nobody_knows_is_refused_by_its_name(small: Client) -> None:
    for path, known in (("/around?lat=1&", "channel, lat, limit, name"), ("/boom?", "none")):
        answer = await small.get(f"{path}limits=5")
        assert answer.status_code == 400
        assert code_of(answer) == "invalid_input"
        reason = f"is not a parameter of this address; it knows {known}"
        assert answer.json()["errors"] == [{"field": "limits", "reason": reason}]
    for query in ("lat=1&lat=2", "lat=1&limit=7"):
        assert (await small.get(f"/around?{query}")).status_code == 200
    assert (await small.get("/page?utm_source=elsewhere")).status_code == 200


async def test_a_typo_never_makes_a_dry_run_write(client: Client, admin: dict[str, str]) -> None:
    answer = await client.post("/v1/sites/import?dryrun=true", headers=admin, json={})
    assert answer.json()["errors"][0]["field"] == "dryrun"
    assert "dry_run" in answer.json()["errors"][0]["reason"]


async def test_whoever_sends_fixes_may_ask_for_more_than_is_known(client: Client, phone: KnownPhone) -> None:
    answer = await client.post("/v1/fixes?version=9", headers=phone.headers, json={})
    assert "sent_at" in answer.json()["errors"][0]["reason"]


async def test_words_to_choose_from_are_all_named(small: Client) -> None:
    body = {"fixes": [], "words": {"fr": [{"channel": "fax"}]}}
    answer = await small.post("/echo", json=body)
    told = {"field": "words[...][0].channel", "reason": "must be one of inbox, push"}
    assert answer.json()["errors"] == [told]
    answer = await small.get("/around?lat=1&channel=fax")
    assert answer.json()["errors"] == [{"field": "channel", "reason": "must be one of inbox, push"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"fixes": [], "label": "a\\u0000b"}', "label"),
        (b'{"fixes": [], "words": {"fr": [{"channel": "push", "note": "\\u0000"}]}}', "words.fr[0].note"),
        (b'{"fixes": [], "words": {"f\\u0000": []}}', "words"),
    ],
)
async def test_a_nul_in_a_body_is_told_by_its_place(small: Client, body: bytes, field: str) -> None:
    answer = await small.post("/echo", content=body)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": field, "reason": "holds a NUL character"}]


async def test_a_backslash_before_a_nul_makes_it_harmless(small: Client) -> None:
    answer = await small.post("/echo", content=rb'{"fixes": [], "label": "\\u0000"}')
    assert answer.json()["label"] == r"\u0000"


async def test_a_nul_in_a_parameter_is_told_by_its_name(small: Client) -> None:
    for path, field in (("/around?lat=1&name=%00", "name"), ("/named/a%00", "name")):
        answer = await small.get(path)
        assert answer.status_code == 400
        assert answer.json()["errors"] == [{"field": field, "reason": "holds a NUL character"}]


async def test_an_unexpected_error_tells_its_id_and_nothing_else(
    capsys: pytest.CaptureFixture[str], small: Client
) -> None:
    answer = await small.get("/boom", headers={"x-request-id": "mine-1"})
    assert answer.status_code == 500
    assert code_of(answer) == "internal_error"
    assert answer.json()["request_id"] == "mine-1"
    logged = capsys.readouterr().err
    for told in (answer.text, logged):
        assert "48.8534" not in told
    assert "mine-1" in logged
    assert "RuntimeError" in logged
    assert "boom" in logged  # where it happened


@pytest.mark.parametrize("odd", ["", "two words", "x" * 65, "line\tbreak", "é"])
async def test_a_request_id_that_could_spoil_a_log_is_replaced(small: Client, odd: str) -> None:
    answer = await small.get("/around?lat=1", headers={"x-request-id": odd.encode()})
    assert answer.headers["x-request-id"] != odd
    assert len(answer.headers["x-request-id"]) == 16


async def test_a_body_that_ends_early_is_the_senders_matter(small: Client) -> None:
    scope = {
        "type": "http", "method": "POST", "path": "/echo", "raw_path": b"/echo", "query_string": b"",
        "headers": [(b"content-length", b"100")], "http_version": "1.1", "scheme": "http",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return next(parts)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await small.application(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_an_odd_host_is_refused_as_a_problem(small: Client) -> None:
    answer = await small.get("/around?lat=1", headers={"host": "a b"})
    assert answer.status_code == 400
    assert code_of(answer) == "invalid_input"


async def test_every_answer_carries_the_security_headers(small: Client) -> None:
    for answer in (await small.get("/around?lat=1"), await small.get("/nothing"), await small.get("/boom")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
