"""Whatever is refused is a problem+json with a stable code, and tells nothing of the inside."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Annotated, Any

import asyncpg
import msgspec
import pytest
import sqlalchemy.exc
from litestar import get, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from api import problems
from api.problems import STATUS_OF, problem_body, problem_of
from api.refusals import read_json
from geo import errors
from geo.errors import AlentourError, Fault, InvalidInput, TooMany, Unavailable
from tests.http.edge.asking import Client, Open, code_of


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    fixes: list[Inner]
    label: str | None = None


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
async def around(lat: Annotated[float, QueryParameter(ge=-90, le=90)], limit: FromQuery[int] = 5) -> float:
    return lat


@get("/boom")
async def boom() -> None:
    raise RuntimeError("customer at 48.8534,2.3488")


@pytest.fixture
async def small(open_app: Open) -> Client:
    return await open_app(routers=[echo, wide, maybe, around, boom])


def all_errors() -> list[type[AlentourError]]:
    known = [*vars(errors).values(), *vars(problems).values()]
    return [one for one in known if isinstance(one, type) and issubclass(one, AlentourError)]


@pytest.mark.parametrize("error", set(all_errors()) - {AlentourError}, ids=lambda one: one.__name__)
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


def test_a_body_nested_beyond_reason_is_malformed() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_json(b"[" * 100_000, Any)
    assert refused.value.code == "malformed_json"


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
    assert set(answer.headers["allow"].split(", ")) == {"POST", "OPTIONS"}


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
