"""What tests of the edge share: the client's type, headers, a phone as the database knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self
from uuid import UUID, uuid4

import asyncpg
import httpx
from litestar import Litestar
from litestar.datastructures import State

from offers.buckets import bucket_of
from offers.people.tokens import hash_of_token, new_token
from tests.http.documented import must_be_documented


class Client(httpx.AsyncClient):
    """Asks an application in this process and this event loop, many questions at once if need be."""

    def __init__(self, application: Any) -> None:
        self.application = application
        behind_cors = getattr(application, "application", application)
        edge = behind_cors._otherwise
        # As a real server does, answer errors instead of raising them into the test.
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        super().__init__(
            transport=transport,
            base_url="http://alentour.test",
            event_hooks={"response": [must_be_documented]},
        )
        self.litestar: Litestar = edge.litestar
        self.state: State = edge.litestar.state

        self._started, self._ended = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        # In a task of its own: a fixture's two halves run in different ones.
        self._living = asyncio.create_task(self._live())
        started = asyncio.create_task(self._started.wait())
        await asyncio.wait((self._living, started), return_when=asyncio.FIRST_COMPLETED)
        if self._living.done():
            started.cancel()
            self._living.result()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
        self._ended.set()
        await self._living

    async def _live(self) -> None:
        async with self.litestar.lifespan():
            self._started.set()
            await self._ended.wait()


Open = Callable[..., Awaitable[Client]]
HeadersOf = Callable[[str], Awaitable[dict[str, str]]]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def code_of(answer: httpx.Response) -> str:
    """The stable code of a problem, which must be one."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    return str(body["code"])


class KnownPhone:
    """A registered phone, with its token."""

    def __init__(self) -> None:
        self.customer_id: UUID = uuid4()
        self.bucket = bucket_of(self.customer_id)
        self.device_id: UUID = uuid4()
        self.token = new_token(self.bucket)

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.token)

    async def register(self, pool: asyncpg.Pool) -> None:
        customer = (self.bucket, self.customer_id)
        await pool.execute(
            "INSERT INTO customers (bucket, customer_id, language, created_at)"
            " VALUES ($1, $2, 'fr', alentour_now())",
            *customer,
        )
        await pool.execute(
            "INSERT INTO devices (bucket, customer_id, device_id, platform, created_at)"
            " VALUES ($1, $2, $3, 'android', alentour_now())",
            *customer,
            self.device_id,
        )
        await self.add_token(pool, self.token, "current")

    async def add_token(self, pool: asyncpg.Pool, token: str, status: str) -> None:
        await pool.execute(
            "INSERT INTO device_tokens (bucket, token_hash, device_id, customer_id, status, created_at)"
            " VALUES ($1, $2, $3, $4, $5, alentour_now())",
            self.bucket,
            hash_of_token(token),
            self.device_id,
            self.customer_id,
            status,
        )
