"""A little of everything in a running server, so that tries reach beyond "not found"."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from api.auth import create_admin_key, create_retailer_key
from tests.concurrency.asking import fix_at, report_of
from tests.serving import StartServer
from tests.world import LONG_AGO, Phone, World

VISITS = 3
FREE = {"type": "step", "price_minor": 0}


@dataclass
class Seeded:
    """What there is: four credentials, and ids (or codes) by the name that the document gives them."""

    url: str
    admin_key: str
    till_key: str
    inspector_key: str
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
            inspector_key = await create_retailer_key(connection, shop, "enforce")
            await create_retailer_key(connection, shop, "read")
            spare = await connection.fetchval("SELECT key_id FROM api_keys WHERE role = 'read'")
            known["key_id"] = [spare]
        known["zone_id"] = [await _free_zone(rows, shop)]
    server = start_server(database_url, clock=clock)
    known |= await _visits(server.url, phone)
    known |= await _parks(server.url, phone, known["zone_id"][0])
    return Seeded(server.url, admin_key, till_key, inspector_key, phone.token, known)


async def _visits(url: str, phone: Phone) -> dict[str, list[Any]]:
    """What one phone hears that walks from shop to shop and says yes to being measured."""
    headers = {"authorization": f"Bearer {phone.token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        fixes = [fix_at(n * 2_000.0, before_s=60 * (VISITS - 1 - n)) for n in range(VISITS)]
        told = [await _post(http, "/v1/fixes", report_of(fix)) for fix in fixes]
        deliveries = [delivery for answer in told for delivery in answer["deliveries"]]
        answer = {"purpose": "measurement", "granted": True}
        body = {"decisions": [answer], "notice_version": 1, "language": "en"}
        await _post(http, "/v1/consents", body)
        consents = (await http.get("/v1/consents")).json()["history"]
        link = await _post(http, "/v1/me/link-codes", {})
    assert deliveries, told
    return {
        "delivery_id": [delivery["delivery_id"] for delivery in deliveries],
        "code": [delivery["code"] for delivery in deliveries],
        "consent_id": [consent["consent_id"] for consent in consents],
        "code_id": [link["code_id"]],
    }


async def _free_zone(rows: asyncpg.Pool, retailer_id: int) -> int:
    """A parking zone in which nothing is to be paid, and a stay begins without a payment."""
    terms = {"id": "free", "version": 1, "currency": "EUR", "rates": [{"lines": [FREE]}]}
    tariff_id = await rows.fetchval(
        "INSERT INTO parking_tariffs (retailer_id, external_id, created_at) VALUES ($1, 'free', $2)"
        " RETURNING tariff_id",
        *(retailer_id, LONG_AGO),
    )
    await rows.execute(
        "INSERT INTO parking_tariff_versions (tariff_id, version, terms, published_at)"
        " VALUES ($1, 1, $2, $3)",
        *(tariff_id, json.dumps(terms), LONG_AGO),
    )
    zone_id: int = await rows.fetchval(
        "INSERT INTO parking_zones (retailer_id, code, code_key, name, shape, time_zone, country, tariff_id,"
        " created_at, updated_at) VALUES ($1, 'F1', 'F1', 'Free', ST_GeomFromText('POLYGON((24.9 60.1,"
        " 24.9 60.2, 25 60.2, 24.9 60.1))', 4326), 'Europe/Helsinki', 'FI', $2, $3, $3) RETURNING zone_id",
        *(retailer_id, tariff_id, LONG_AGO),
    )
    return zone_id


async def _parks(url: str, phone: Phone, zone_id: int) -> dict[str, list[Any]]:
    """A stay of the phone's, and a quote that waits."""
    headers = {"authorization": f"Bearer {phone.token}"}
    wish = {"zone_id": zone_id, "plate": "ABC-123", "country": "FI", "duration_min": 60}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        quotes = [await _post(http, "/v1/parking/quotes", wish) for _ in range(2)]
        session = await _post(http, "/v1/parking/sessions", {"quote_id": quotes[0]["quote_id"]})
    return {"session_id": [session["session_id"]], "quote_id": [quotes[1]["quote_id"]]}


async def _post(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    answer = await http.post(path, json=body, headers={"idempotency-key": uuid4().hex})
    assert answer.is_success, answer.text
    return answer.json()
