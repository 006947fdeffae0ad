"""Retailers as clients of the real server, for the tests of their routes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from api.auth import create_admin_key, create_retailer_key
from tests.http.documented import must_be_documented
from tests.serving import Server

BREAD = {"lat": 60.1646, "lon": 24.9385}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Shop:
    """One retailer with a manage key, and what it does most."""

    retailer_id: int
    client: httpx.AsyncClient
    read_only: httpx.AsyncClient
    till: httpx.AsyncClient

    async def site(self, external_id: str = "bread", **said: Any) -> int:
        body = {"name": "Bread", **BREAD, "time_zone": "Europe/Helsinki", **said}
        answer = await self.client.put(f"/v1/sites/{external_id}", json=body)
        assert answer.status_code in {200, 201}, answer.text
        site_id: int = answer.json()["site_id"]
        return site_id

    async def fence(self, **properties: Any) -> int:
        answer = await self.client.post("/v1/fences", json=circle(**properties))
        assert answer.status_code == 201, answer.text
        fence_id: int = answer.json()["id"]
        return fence_id

    async def offer(self, **said: Any) -> dict[str, Any]:
        answer = await self.client.post("/v1/offers", json=soup(**said))
        assert answer.status_code == 201, answer.text
        offer: dict[str, Any] = answer.json()
        return offer


def circle(**properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [BREAD["lon"], BREAD["lat"]]},
        "properties": {"name": "Around bread", "radius_m": 80, **properties},
    }


def soup(**said: Any) -> dict[str, Any]:
    return {
        "content": {"en": {"title": "Soup", "text": "Soup of the day at half price."}},
        "triggers": ["enter"],
        "channel": "push",
        "fences": {"tags": ["soup"]},
        **said,
    }


def faults_of(answer: httpx.Response) -> dict[str, str]:
    """Field to reason, of a refusal in the form that all refusals have."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return {fault["field"]: fault["reason"] for fault in problem.get("errors", [])}


@pytest.fixture
async def sql(shared_server: Server) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(shared_server.database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def admin(shared_server: Server, sql: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(shared_server, await create_admin_key(sql)) as client:
        yield client


@pytest.fixture
async def shop(shared_server: Server, sql: asyncpg.Connection) -> AsyncIterator[Shop]:
    async for opened in _open(shared_server, sql):
        yield opened


@pytest.fixture
async def other_shop(shared_server: Server, sql: asyncpg.Connection) -> AsyncIterator[Shop]:
    async for opened in _open(shared_server, sql):
        yield opened


def client_of(server: Server, key: str) -> httpx.AsyncClient:
    # verify=False: reading the machine's certificates takes longer than a test, and this is plain HTTP.
    return httpx.AsyncClient(
        base_url=server.url,
        headers={"authorization": f"Bearer {key}"},
        timeout=30,
        verify=False,
        event_hooks={"response": [must_be_documented]},
    )


async def version_of(sql: asyncpg.Connection) -> int:
    version: int = await sql.fetchval("SELECT version FROM config_version")
    return version


async def _open(server: Server, sql: asyncpg.Connection) -> AsyncIterator[Shop]:
    retailer_id = await sql.fetchval(
        "INSERT INTO retailers (name, created_at) VALUES ($1, alentour_now()) RETURNING retailer_id",
        f"Shop {next(_numbers)}",
    )
    keys = [await create_retailer_key(sql, retailer_id, role) for role in ("manage", "read", "till")]
    async with (
        client_of(server, keys[0]) as manage,
        client_of(server, keys[1]) as read_only,
        client_of(server, keys[2]) as till,
    ):
        yield Shop(retailer_id, manage, read_only, till)
