"""The whole way of one offer, over HTTP alone: registered, consented, walked in, explained, redeemed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.auth import create_admin_key
from tests.http.phones import Phone, code_of, new_phone, no

LAT, LON = 48.8566, 2.3522


@pytest.fixture
async def admin(http: httpx.AsyncClient, rows) -> httpx.AsyncClient:
    http.headers["authorization"] = f"Bearer {await create_admin_key(rows)}"
    yield http
    del http.headers["authorization"]


async def _shop_with_an_offer(admin: httpx.AsyncClient) -> dict[str, Any]:
    retailer_id = await _made(admin.post("/v1/retailers", json={"name": "Boulangerie"}), "retailer_id")
    whose = {"retailer_id": retailer_id}
    site = {"name": "Rue de Rivoli", "lat": LAT, "lon": LON, "time_zone": "Europe/Paris"}
    site_id = await _made(admin.put("/v1/sites/rivoli", json=site, params=whose), "site_id")
    fence = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [LON, LAT]},
        "properties": {"name": "Rivoli", "radius_m": 120, "site_id": site_id},
    }
    await _made(admin.post("/v1/fences", json=fence, params=whose), "id")
    offer = {
        "content": {
            "en": {"title": "Bread", "text": "Two for one."},
            "fr": {"title": "Pain", "text": "Deux pour un."},
        },
        "triggers": ["enter"],
        "channel": "push",
        "fences": {"site_ids": [site_id]},
        "budget": {"redemptions": 1},
    }
    offer_id = await _made(admin.post("/v1/offers", json=offer, params=whose), "offer_id")
    activated = await admin.post(f"/v1/offers/{offer_id}/activate", params=whose)
    assert activated.status_code == 200, activated.text
    key = await admin.post(f"/v1/retailers/{retailer_id}/keys", json={"role": "till"})
    await asyncio.sleep(1.2)  # workers look for edits every half second
    return {"retailer_id": retailer_id, "offer_id": offer_id, "till": key.json()["key"]}


async def _made(asking: Any, member: str) -> Any:
    answer = await asking
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()[member]


async def _walks_in(phone: Phone) -> dict[str, Any]:
    """From 600 m north to the door, half a minute between fixes."""
    now = datetime.now(UTC)
    steps = [(0.0054, 90), (0.0027, 60), (0.0, 30), (0.0, 0)]
    fixes = [
        {
            "fix_id": uuid4().hex,
            "lat": LAT + north,
            "lon": LON,
            "accuracy_m": 8,
            "recorded_at": (now - timedelta(seconds=ago)).isoformat(),
        }
        for north, ago in steps
    ]
    answer = await phone.post("/v1/fixes", {"sent_at": now.isoformat(), "fixes": fixes})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def _customer(http: httpx.AsyncClient, shop: dict[str, Any]) -> Phone:
    phone = await new_phone(http, language="fr", time_zone="Europe/Paris")
    await phone.consents_to(shop["retailer_id"])
    # Whatever the hour of the test: no quiet hours.
    await phone.patch("/v1/me/preferences", {"quiet_hours": {"start": "00:00", "end": "00:00"}})
    return phone


async def test_phone_walks_in_gets_an_offer_learns_why_and_redeems_it_once(admin):
    shop = await _shop_with_an_offer(admin)
    phone = await _customer(admin, shop)
    delivery = (await _walks_in(phone))["deliveries"][0]
    assert (delivery["title"], delivery["language"]) == ("Pain", "fr")

    inbox = (await phone.get("/v1/inbox")).json()["items"]
    assert [item["delivery_id"] for item in inbox] == [delivery["delivery_id"]]
    assert {name: inbox[0][name] for name in delivery} == delivery

    why = (await phone.get(f"/v1/deliveries/{delivery['delivery_id']}/why")).json()
    assert why["summary"] == (
        "Boulangerie vous a donné cette offre parce que vous êtes arrivé à Rue de Rivoli."
    )
    assert len(why["rules"]) >= 8
    assert all(rule["passed"] and rule["text"] for rule in why["rules"])
    assert {one["purpose"] for one in why["consents"]} == {"location_offers", "marketing"}

    events = await phone.post(f"/v1/deliveries/{delivery['delivery_id']}/events", {"event": "opened"})
    assert events.status_code == 200

    till = {"authorization": f"Bearer {shop['till']}"}
    sold = [
        await admin.post(
            "/v1/redemptions",
            json={"code": delivery["code"]},
            headers=till | {"idempotency-key": uuid4().hex},
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in sold] == [201, 409]
    assert code_of(sold[1]) == "already_redeemed"


async def test_phone_that_took_its_yes_back_gets_nothing(admin):
    shop = await _shop_with_an_offer(admin)
    phone = await _customer(admin, shop)
    await phone.answers(no("marketing", retailer_id=shop["retailer_id"], channel="push"))
    said = await _walks_in(phone)
    assert {crossing["kind"] for crossing in said["crossings"]} == {"enter"}
    assert said["deliveries"] == []


async def test_phone_without_location_consent_is_not_even_looked_at(admin, rows):
    shop = await _shop_with_an_offer(admin)
    phone = await _customer(admin, shop)
    await phone.answers(no("location_offers"))
    answer = await phone.post(
        "/v1/fixes",
        {
            "sent_at": datetime.now(UTC).isoformat(),
            "fixes": [
                {
                    "fix_id": "one",
                    "lat": LAT,
                    "lon": LON,
                    "accuracy_m": 8,
                    "recorded_at": datetime.now(UTC).isoformat(),
                }
            ],
        },
    )
    assert (answer.status_code, code_of(answer)) == (403, "no_location_consent")
    state = await rows.fetchval(
        "SELECT state FROM device_states WHERE bucket = $1 AND customer_id = $2", *phone.key
    )
    assert state is None
