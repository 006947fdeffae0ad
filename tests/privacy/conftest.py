"""A server of a test's own that logs all it can, and the street in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from api.erasure_key import proof_key_of
from api.settings import Settings
from offers.people.proofs import ProofKey
from tests.http.documented import must_be_documented
from tests.privacy.life import Street, open_street
from tests.serving import Server, StartServer


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "erasure.key"


@pytest.fixture
def proof_key(key_file: Path) -> ProofKey:
    """The key that the server's proofs are under; made by whoever is first."""
    return proof_key_of(Settings(erasure_key_file=key_file))


@pytest.fixture
def server(start_server: StartServer, database_url: str, key_file: Path) -> Server:
    environ = {"ALENTOUR_ERASURE_KEY_FILE": str(key_file), "ALENTOUR_LOG_LEVEL": "debug"}
    return start_server(database_url, workers=2, environ=environ)


@pytest.fixture
async def rows(server: Server) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(server.database_url, min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    hooks = {"response": [must_be_documented]}
    async with httpx.AsyncClient(base_url=server.url, timeout=30, event_hooks=hooks) as client:
        yield client


@pytest.fixture
async def street(rows: asyncpg.Pool) -> Street:
    return await open_street(rows)
