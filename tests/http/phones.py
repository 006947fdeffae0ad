"""Phones, tills and deliveries for tests of the API; deliveries are written as a flush writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec

from api.auth import create_retailer_key
from offers.buckets import bucket_of
from offers.codes import new_code
from offers.terms import Reason, Rule
from tests.world import World

TRACE = [
    Rule(name=Reason.STOPPED, passed=True),
    Rule(name=Reason.NO_CONSENT, passed=True, numbers={"missing": None}),
    Rule(
        name=Reason.QUIET_HOURS,
        passed=True,
        numbers={"clock": "12:30:00", "start": "21:00", "end": "08:00"},
    ),
    Rule(
        name=Reason.FREQUENCY_CAP,
        passed=True,
        numbers={
            "cap_id": 1,
            "scope": "system",
            "at_most": 2,
            "counted": 1,
            "window_start": "2026-05-03T22:00:00Z",
        },
    ),
]


@dataclass
class Phone:
    """A registered phone: what the answer to its registration said, and a way to ask as it."""

    http: httpx.AsyncClient
    installation_id: str
    device_id: str
    customer_id: str
    token: str
    status: str = "active"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    @property
    def key(self) -> tuple[int, UUID]:
        customer_id = UUID(self.customer_id)
        return bucket_of(customer_id), customer_id

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(path, headers=self.headers | more.pop("headers", {}), **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.http.post(path, json=body, headers=self.headers | more.pop("headers", {}), **more)

    async def patch(self, path: str, body: Any) -> httpx.Response:
        return await self.http.patch(path, json=body, headers=self.headers)

    async def answers(self, *decisions: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Record decisions under the first English notice."""
        body = {"decisions": list(decisions), "notice_version": 1, "language": "en", **more}
        answer = await self.post("/v1/consents", body)
        assert answer.status_code == 201, answer.text
        said: dict[str, Any] = answer.json()
        return said

    async def consents_to(self, *retailer_ids: int, channel: str = "push") -> None:
        """Location for offers, and marketing of these retailers."""
        await self.answers(
            yes("location_offers"),
            *(yes("marketing", retailer_id=one, channel=channel) for one in retailer_ids),
        )


def yes(purpose: str, **more: Any) -> dict[str, Any]:
    return {"purpose": purpose, "granted": True, **more}


def no(purpose: str, **more: Any) -> dict[str, Any]:
    return {"purpose": purpose, "granted": False, **more}


def fresh_installation() -> str:
    return uuid4().hex


async def register(http: httpx.AsyncClient, **said: Any) -> httpx.Response:
    """Of an adult, where nothing else is said: nobody else can consent to anything."""
    body = {"installation_id": fresh_installation(), "platform": "android", "age_band": "adult"} | said
    return await http.post("/v1/devices", json=body)


async def new_phone(http: httpx.AsyncClient, **said: Any) -> Phone:
    installation_id = said.pop("installation_id", fresh_installation())
    answer = await register(http, installation_id=installation_id, **said)
    assert answer.status_code in {200, 201}, answer.text
    return Phone(http, installation_id, **answer.json())


async def held_for(pool: asyncpg.Pool, phone: Phone) -> list[int]:
    """Ids of the offers that wait for this phone's customer, ascending."""
    kept = await pool.fetch(
        "SELECT offer_id FROM held_offers WHERE bucket = $1 AND customer_id = $2 ORDER BY offer_id",
        *phone.key,
    )
    return [row["offer_id"] for row in kept]


class Shop:
    """A retailer with one site, one fence and one offer, and deliveries of that offer."""

    def __init__(self, pool: asyncpg.Pool, retailer_id: int, site_id: int, fence_id: int) -> None:
        self.pool = pool
        self.retailer_id = retailer_id
        self.site_id = site_id
        self.fence_id = fence_id

    @classmethod
    async def opens(cls, pool: asyncpg.Pool, name: str = "Bakery") -> Shop:
        world = World(pool)
        retailer_id = await world.retailer(name)
        fence_id = await world.fence(retailer_id)
        site_id = await pool.fetchval("SELECT site_id FROM fences WHERE fence_id = $1", fence_id)
        return cls(pool, retailer_id, site_id, fence_id)

    async def offers(self, **said: Any) -> int:
        return await World(self.pool).offer(self.retailer_id, self.fence_id, **said)

    async def till(self) -> dict[str, str]:
        """Headers of a request by a till of this shop."""
        key = await create_retailer_key(self.pool, self.retailer_id, "till")
        return {"authorization": f"Bearer {key}"}

    async def gives(self, phone: Phone, offer_id: int, **said: Any) -> Given:
        """A delivery in a transaction of its own."""
        async with self.pool.acquire() as connection, connection.transaction():
            return await self.writes(connection, phone, offer_id, **said)

    async def holds(self, phone: Phone, offer_id: int) -> None:
        """The offer waits for the end of this person's night, after this phone came by."""
        await self.pool.execute(
            "INSERT INTO held_offers (bucket, customer_id, offer_id, device_id, fence_id, crossing_id,"
            " trigger, crossed_at, held_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, 'enter', alentour_now(),"
            " alentour_now(), alentour_now() + interval '8 hours')",
            *phone.key,
            offer_id,
            UUID(phone.device_id),
            self.fence_id,
            uuid4(),
        )

    async def writes(
        self,
        connection: asyncpg.Connection,
        phone: Phone,
        offer_id: int,
        *,
        channel: str = "push",
        expires_in: timedelta = timedelta(hours=1),
        handed: bool = False,
    ) -> Given:
        """A delivery as a flush writes it: with the next seq, under the customer's lock."""
        bucket, customer_id = phone.key
        seq = await connection.fetchval(
            "UPDATE customers SET last_seq = last_seq + 1 WHERE bucket = $1 AND customer_id = $2"
            " RETURNING last_seq",
            bucket,
            customer_id,
        )
        now = await connection.fetchval("SELECT alentour_now()")
        given = Given(uuid4(), new_code(bucket), seq, now)
        row = {
            "bucket": bucket,
            "customer_id": customer_id,
            "delivery_id": given.delivery_id,
            "seq": seq,
            "device_id": UUID(phone.device_id),
            "offer_id": offer_id,
            "retailer_id": self.retailer_id,
            "site_id": self.site_id,
            "fence_id": self.fence_id,
            "crossing_id": uuid4(),
            "trigger": "enter",
            "channel": channel,
            "tags": ["food"],
            "counts_toward_caps": True,
            "content": json.dumps({"title": "Soup", "text": "Half price.", "language": "en"}),
            "code": given.code,
            "trace": msgspec.json.encode(TRACE).decode(),
            "decided_at": now,
            "expires_at": now + expires_in,
            "handed_at": now if handed else None,
        }
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await connection.execute(
            f"INSERT INTO deliveries ({', '.join(row)}) VALUES ({places})", *row.values()
        )
        return given


@dataclass
class Given:
    """A delivery that was written."""

    delivery_id: UUID
    code: str
    seq: int
    decided_at: datetime

    async def column(self, pool: asyncpg.Pool, name: str) -> Any:
        return await pool.fetchval(f"SELECT {name} FROM deliveries WHERE delivery_id = $1", self.delivery_id)


def code_of(answer: httpx.Response) -> str:
    """The stable code of a problem."""
    code: str = answer.json()["code"]
    return code
