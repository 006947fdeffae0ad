"""Whatever the OpenAPI document allows or forbids, no request makes the server fail or contradict it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from typing import Any

import asyncpg
import msgspec
import pytest

from api.auth import create_admin_key
from tests.serving import CHECKOUT, Server
from tests.world import World

EXAMPLES = "8"
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"
# Endless by design: a stream of events.
ENDLESS = "/v1/live"
PHONES = "^/v1/(fixes|devices|me|notices|consents|nearby|fences/sync|inbox|deliveries)"


async def _credentials(url: str) -> tuple[str, str]:
    connection = await asyncpg.connect(url)
    try:
        world = World(connection)
        shop = await world.retailer()
        phone = await world.phone(await world.customer(shop))
        return await create_admin_key(connection), phone.token
    finally:
        await connection.close()


def try_everything(server: Server, credential: str, *selection: str) -> str:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
            *("-H", f"Authorization: Bearer {credential}", "--checks", CHECKS),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "7"),
            *("--exclude-path", ENDLESS, "--warnings", "off", *selection),
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


def test_no_request_of_a_phone_makes_the_server_fail_or_contradict_the_document(server: Server) -> None:
    _, token = asyncio.run(_credentials(server.database_url))
    assert "No issues found" in try_everything(server, token, "--include-path-regex", PHONES)


def test_no_request_of_an_operator_makes_the_server_fail_or_contradict_the_document(server: Server) -> None:
    key, _ = asyncio.run(_credentials(server.database_url))
    assert "No issues found" in try_everything(server, key, "--exclude-path-regex", PHONES)


@pytest.fixture
def document(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url}/openapi.json") as answer:
        read: dict[str, Any] = msgspec.json.decode(answer.read())
        return read


def test_every_route_is_described_with_an_example(document: dict[str, Any]) -> None:
    without = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not operation.get("summary") or not operation.get("description"):
                without.append(f"{method} {path}: no summary or description")
            body = operation.get("requestBody")
            if body and "example" not in str(body):
                without.append(f"{method} {path}: no example of a request")
    assert len(document["paths"]) > 30
    assert without == []
