"""The client against a small server that misbehaves on purpose."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from simulator import client
from simulator.client import Api, UnexpectedAnswerError

Handler = Callable[[web.Request], Awaitable[web.Response]]
Start = Callable[[Handler], Awaitable[Api]]


@pytest.fixture
async def api_for() -> AsyncIterator[Start]:
    """A client of a server that answers everything with one handler."""
    opened: list[tuple[Api, TestServer]] = []

    async def start(handler: Handler) -> Api:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        api = await Api(str(server.make_url("/")), count()).__aenter__()
        opened.append((api, server))
        return api

    yield start
    for api, server in opened:
        await api.__aexit__(None, None, None)
        await server.close()


def problem(status: int, code: str, **headers: str) -> web.Response:
    body = msgspec.json.encode({"code": code, "detail": "no"})
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=headers)


async def test_a_good_answer_is_read_and_takes_two_marks_in_order(api_for: Start) -> None:
    async def echo(request: web.Request) -> web.Response:
        said = await request.json()
        return web.json_response({**said, "key": request.headers["Authorization"]})

    api = await api_for(echo)
    first = await api.call("POST", "/v1/echo", key="k", body={"a": 1})
    second = await api.call("POST", "/v1/echo", key="k", body={"a": 2})
    assert first.read(dict) == {"a": 1, "key": "Bearer k"}
    assert first.span.sent < first.span.answered < second.span.sent < second.span.answered
    assert not api.errors


async def test_an_overloaded_server_is_asked_again_after_the_time_it_names(
    api_for: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("simulator.client.asyncio.sleep", wait)
    answers = iter(
        [
            problem(429, "too_many_requests", **{"Retry-After": "0.3"}),
            problem(503, "unavailable"),
            web.json_response(7),
        ]
    )

    async def recovering(_: web.Request) -> web.Response:
        return next(answers)

    api = await api_for(recovering)
    answer = await api.call("GET", "/v1/x", key="k")
    assert answer.read(int) == 7
    assert waited[0] == 0.3
    assert 0 < waited[1] <= client.LONGEST_WAIT_S
    assert api.retries == {"GET /v1/x 429": 1, "GET /v1/x 503": 1}
    assert not api.errors


async def test_a_server_that_never_recovers_is_an_error_and_not_an_endless_loop(
    api_for: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait(_: float) -> None: ...

    monkeypatch.setattr("simulator.client.asyncio.sleep", wait)

    async def overloaded(_: web.Request) -> web.Response:
        return problem(503, "unavailable")

    api = await api_for(overloaded)
    answer = await api.call("GET", "/v1/x?cursor=abc", key="k")
    assert (answer.status, answer.code) == (503, "unavailable")
    assert api.errors == {"GET /v1/x 503 unavailable": 1}
    assert api.retries == {"GET /v1/x 503": client.MOST_ATTEMPTS}


async def test_a_server_that_is_not_there_is_an_error_without_a_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def wait(_: float) -> None: ...

    monkeypatch.setattr("simulator.client.asyncio.sleep", wait)
    async with Api("http://127.0.0.1:1", count()) as api:
        answer = await api.call("GET", "/v1/x", key="k")
    assert answer.status == client.UNREACHABLE
    assert sum(api.errors.values()) == 1


async def test_an_unexpected_refusal_is_counted_by_route_and_code_but_an_expected_one_is_not(
    api_for: Start,
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return problem(403, "no_location_consent")

    api = await api_for(refuse)
    for number in range(2):
        await api.call("POST", f"/v1/things/{number}", key="k", route="/v1/things/{id}")
    await api.call("POST", "/v1/fixes", key="k", expected={"no_location_consent"})
    assert api.errors == {"POST /v1/things/{id} 403 no_location_consent": 2}


async def test_an_error_that_is_no_problem_json_is_told_apart(api_for: Start) -> None:
    async def crash(_: web.Request) -> web.Response:
        return web.Response(status=500, text="Internal Server Error")

    api = await api_for(crash)
    answer = await api.call("GET", "/v1/x", key="k")
    assert answer.code == "no_problem_json"
    with pytest.raises(UnexpectedAnswerError, match="500 no_problem_json"):
        answer.read(dict)


async def test_an_answer_of_another_shape_is_refused_with_the_reason(api_for: Start) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.json_response({"n": "seven"})

    api = await api_for(odd)
    answer = await api.call("GET", "/v1/x", key="k")
    with pytest.raises(UnexpectedAnswerError, match="Expected `int`"):
        answer.read(dict[str, int])
