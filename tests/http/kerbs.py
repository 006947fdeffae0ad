"""A kerb where parking is paid by the quarter of an hour, whenever it is, and who asks about it over HTTP."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from api.auth import create_retailer_key
from tests.http.phones import Phone
from tests.stays.street import QUARTERS, steps
from tests.world import LONG_AGO, World

# Whenever the tests run, parking is paid: by the quarter of an hour, day and night.
ALWAYS = {"hours": "24/7", "lines": steps(*QUARTERS)}


class Kerb:
    """A zone of this test alone, its operator, and who asks about it."""

    def __init__(self, http: httpx.AsyncClient, rows: asyncpg.Pool) -> None:
        self.http = http
        self.rows = rows
        self.zone_id = 0
        self.operator_id = 0
        self.code = uuid4().hex[:10].upper()

    async def opens(self, *, pays_actual_time: bool = True, **rate: Any) -> Kerb:
        self.operator_id = await World(self.rows).retailer("Ville")
        terms = {"id": "T", "version": 1, "currency": "EUR", "rates": [ALWAYS | rate], "fps_minor": 1200}
        tariff_id = await self.rows.fetchval(
            "INSERT INTO parking_tariffs (retailer_id, external_id, created_at) VALUES ($1, 'T', $2)"
            " RETURNING tariff_id",
            self.operator_id,
            LONG_AGO,
        )
        await self.rows.execute(
            "INSERT INTO parking_tariff_versions (tariff_id, version, terms, published_at)"
            " VALUES ($1, 1, $2, $3)",
            tariff_id,
            json.dumps(terms),
            LONG_AGO,
        )
        self.zone_id = await self.rows.fetchval(
            "INSERT INTO parking_zones (retailer_id, code, code_key, name, shape, time_zone, country,"
            " tariff_id, created_at, updated_at) VALUES ($1, $4, $4, 'Rue du Pont', ST_Multi(ST_Buffer("
            "ST_SetSRID(ST_MakePoint(2.35, 48.85), 4326)::geography, 50)::geometry), 'Europe/Paris', 'FR',"
            " $2, $3, $3) RETURNING zone_id",
            self.operator_id,
            tariff_id,
            LONG_AGO,
            self.code,
        )
        office = {"authorization": f"Bearer {await self.key('manage')}"}
        said = {"pays_actual_time": pays_actual_time, "vat_basis_points": 2000}
        answer = await self.http.put(
            f"/v1/parking/zones/{self.zone_id}/stay-rules", json=said, headers=office
        )
        assert answer.status_code == 200, answer.text
        return self

    async def key(self, role: Any) -> str:
        return await create_retailer_key(self.rows, self.operator_id, role)

    async def inspector(self) -> dict[str, str]:
        return {"authorization": f"Bearer {await self.key('enforce')}"}

    async def quote(self, phone: Phone, **said: Any) -> httpx.Response:
        body = {"code": self.code, "plate": "AB-123-CD", "country": "FR", "duration_min": 60} | said
        return await phone.post(
            "/v1/parking/quotes", {name: value for name, value in body.items() if value is not None}
        )

    async def begins(
        self, phone: Phone, quote_id: str, key: str | None = None, **said: Any
    ) -> httpx.Response:
        return await phone.post(
            "/v1/parking/sessions",
            {"quote_id": quote_id, "payment_method": "pm_sandbox_ok"} | said,
            headers={"idempotency-key": key or uuid4().hex},
        )

    async def parks(self, phone: Phone, **said: Any) -> dict[str, Any]:
        quote = await self.quote(phone, **said)
        assert quote.status_code == 201, quote.text
        answer = await self.begins(phone, quote.json()["quote_id"])
        assert answer.status_code == 201, answer.text
        session: dict[str, Any] = answer.json()
        return session

    async def extends(self, phone: Phone, session: dict[str, Any], **said: Any) -> httpx.Response:
        return await phone.post(
            f"/v1/parking/sessions/{session['session_id']}/extend",
            {"payment_method": "pm_sandbox_ok"} | said,
            headers={"idempotency-key": uuid4().hex},
        )

    async def captured_minor(self, phone: Phone) -> list[int]:
        found = await self.rows.fetch(
            "SELECT captured_minor - refunded_minor - refunding_minor AS kept FROM payments"
            " WHERE bucket = $1 AND customer_id = $2 ORDER BY created_at",
            *phone.key,
        )
        return [row["kept"] for row in found]

    async def sessions(self) -> int:
        count: int = await self.rows.fetchval(
            "SELECT count(*) FROM parking_sessions WHERE zone_id = $1", self.zone_id
        )
        return count
