"""How much a request may be before anybody looks into it: address, headers, body, nesting."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import post
from litestar.params import JSONBody

from api.bounds import DEEPEST_JSON, LARGEST_HEADERS_BYTES, LONGEST_URL_BYTES, MOST_HEADERS, refuse_deep
from api.problems import LARGEST_BODY_BYTES
from geo.errors import InvalidInput
from tests.http.edge.asking import Client, KnownPhone, Open, code_of
from tests.serving import Server

ROUTES = [("GET", "/v1/me"), ("POST", "/v1/fixes"), ("GET", "/nothing")]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_an_address_that_is_too_long_is_refused(client: Client, method: str, path: str) -> None:
    answer = await client.request(method, f"{path}?x={'y' * LONGEST_URL_BYTES}")
    assert (answer.status_code, code_of(answer)) == (414, "url_too_long")


async def test_an_address_up_to_the_limit_is_read(client: Client) -> None:
    path = f"/nothing?{'x' * (LONGEST_URL_BYTES - len('/nothing?'))}"
    assert (await client.get(path)).status_code == 404
    assert (await client.get(path + "x")).status_code == 414
    assert (await client.get("/" + "x" * LONGEST_URL_BYTES)).status_code == 414


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_headers_that_are_too_large_are_refused(client: Client, method: str, path: str) -> None:
    large = {"x-long": "y" * LARGEST_HEADERS_BYTES}
    answer = await client.request(method, path, headers=large)
    assert (answer.status_code, code_of(answer)) == (431, "headers_too_large")
    many = {f"x-{number}": "y" for number in range(MOST_HEADERS)}
    answer = await client.request(method, path, headers=many)
    assert (answer.status_code, code_of(answer)) == (431, "headers_too_large")
    answer = await client.request(method, path, headers={"x-long": "y" * (LARGEST_HEADERS_BYTES - 2_000)})
    assert answer.status_code != 431


@post("/anything")
async def anything(data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    return data


@pytest.mark.parametrize(
    ("levels", "status"), [(DEEPEST_JSON, 201), (DEEPEST_JSON + 1, 400), (500, 400), (400_000, 400)]
)
async def test_json_that_is_nested_too_deeply_is_told_so(open_app: Open, levels: int, status: int) -> None:
    client = await open_app(routers=[anything])
    inner = levels - 1
    body = b'{"member": ' + b"[" * inner + b"]" * inner + b"}"
    answer = await client.post("/anything", content=body)
    assert answer.status_code == status
    if status == 400:
        assert code_of(answer) == "nested_too_deeply"


def nested(levels: int, filling: Any) -> Any:
    value = filling
    for level in range(levels):
        value = [value] if level % 2 else {"a": value, "b": [1, "]}"]}
    return value


@given(
    st.integers(0, DEEPEST_JSON * 2),
    st.recursive(
        st.none() | st.integers() | st.text(alphabet='[]{}"\\/ab\u20ac'),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('"\\[{]}x'), inner, max_size=4),
    ),
)
def test_depth_is_counted_as_a_parser_would(levels: int, filling: Any) -> None:
    value = nested(levels, filling)
    body = json.dumps(value).encode()
    if depth_of(value) > DEEPEST_JSON:
        with pytest.raises(InvalidInput) as refused:
            refuse_deep(body)
        assert refused.value.code == "nested_too_deeply"
    else:
        refuse_deep(body)


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


async def test_a_deep_member_of_a_fix_that_nobody_knows_harms_nothing(
    client: Client, phone: KnownPhone
) -> None:
    levels = 200_000
    body = b'{"unknown": ' + b"[" * levels + b"]" * levels + b"}"
    answer = await client.post("/v1/fixes", content=body, headers=phone.headers)
    assert (answer.status_code, code_of(answer)) == (400, "nested_too_deeply")


async def test_a_body_that_is_too_large_is_refused_before_anything_is_looked_up(client: Client) -> None:
    answer = await client.post("/v1/devices", json={"label": "x" * LARGEST_BODY_BYTES})
    assert (answer.status_code, code_of(answer)) == (413, "body_too_large")


def test_a_head_that_is_too_large_to_be_told_why_is_ended_by_the_server(shared_server: Server) -> None:
    assert b" 431 " in answer_to(shared_server, LARGEST_HEADERS_BYTES * 2, wait_for=b"headers_too_large")
    assert b" 431 " in answer_to(shared_server, 300_000)
    assert answer_to(shared_server, 16 * 2**20)[:12] in {b"", b"HTTP/1.1 431"}, "not read to its end"
    assert shared_server.is_ready()


def answer_to(server: Server, header_bytes: int, *, wait_for: bytes = b" 431 ") -> bytes:
    """What the server says to a request with one header of that size; nothing if it hangs up."""
    told = b""
    address = ("127.0.0.1", server.port)
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=20) as connection:
        head = b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-long: "
        connection.sendall(head + b"y" * header_bytes + b"\r\n\r\n")
        while wait_for not in told and (more := connection.recv(10_000)):
            told += more
    return told
