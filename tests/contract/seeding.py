"""A little of everything in a running server, so that tries reach beyond "not found"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from api.auth import create_admin_key, create_retailer_key
from tests.concurrency.asking import fix_at, report_of
from tests.serving import StartServer
from tests.world import Phone, World

VISITS = 3


@dataclass
class Seeded:
    """What there is: three credentials, and ids (or codes) by the name that the document gives them."""

    url: str
    admin_key: str
    till_key: str
    token: str
    known: dict[str, list[Any]]


async def seed(start_server: StartServer, database_url: str, *, clock: str = "normal") -> Seeded:
    """Start a server on an empty database and let one phone be given offers and receipts."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as rows:
        world = World(rows)
        shop = await world.retailer()
        fences = [await world.fence(shop, north_m=number * 2_000.0) for number in range(VISITS)]
        offer = await world.offer(shop, fences[0], fence_ids=fences, ignores_caps=True, stock=VISITS)
        customer = await world.customer(shop)
        phone, other_phone = await world.phone(customer), await world.phone(customer)
        known: dict[str, list[Any]] = {
            "retailer_id": [shop],
            "fence_id": fences,
            "offer_id": [offer],
            "site_id": [await rows.fetchval("SELECT min(site_id) FROM sites")],
            "cap_id": [await world.cap(5)],
            "device_id": [str(other_phone.device_id)],
        }
        async with rows.acquire() as connection:
            admin_key = await create_admin_key(connection)
            till_key = await create_retailer_key(connection, shop, "till")
            await create_retailer_key(connection, shop, "read")
            spare = await connection.fetchval("SELECT key_id FROM api_keys WHERE role = 'read'")
            known["key_id"] = [spare]
    server = start_server(database_url, clock=clock)
    known |= await _visits(server.url, phone)
    return Seeded(server.url, admin_key, till_key, phone.token, known)


async def _visits(url: str, phone: Phone) -> dict[str, list[Any]]:
    """What one phone hears that walks from shop to shop and says yes to being measured, and to a diet."""
    headers = {"authorization": f"Bearer {phone.token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        fixes = [fix_at(n * 2_000.0, before_s=60 * (VISITS - 1 - n)) for n in range(VISITS)]
        told = [await _post(http, "/v1/fixes", report_of(fix)) for fix in fixes]
        deliveries = [delivery for answer in told for delivery in answer["deliveries"]]
        for purpose in ("measurement", "dietary"):
            answer = {"purpose": purpose, "granted": True}
            body = {"decisions": [answer], "notice_version": 1, "language": "en"}
            await _post(http, "/v1/consents", body)
        eats = {"allergens": ["nuts"], "diets": ["vegetarian"]}
        assert (await http.put("/v1/me/diet", json=eats)).is_success
        consents = (await http.get("/v1/consents")).json()["history"]
        link = await _post(http, "/v1/me/link-codes", {})
    assert deliveries, told
    return {
        "delivery_id": [delivery["delivery_id"] for delivery in deliveries],
        "code": [delivery["code"] for delivery in deliveries],
        "consent_id": [consent["consent_id"] for consent in consents],
        "code_id": [link["code_id"]],
    }


async def _post(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    answer = await http.post(path, json=body, headers={"idempotency-key": uuid4().hex})
    assert answer.is_success, answer.text
    return answer.json()
