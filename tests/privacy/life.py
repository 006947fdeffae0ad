"""A whole life in a running server: one person, by way of the API, who leaves a row in every table.

What identifies the person is collected on the way, so that a test can search for it afterwards. A new table
of people is filled here: `tests/privacy/test_data_map.py` says when that is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from offers.buckets import bucket_of
from tests.http.phones import Phone, Shop, new_phone, yes
from tests.world import HELSINKI, METRES_PER_DEGREE, World

# What people type where they should not.
PLATE = "AB-123-CD"
# What they type where they should: a plate of their own.
CAR = "GX-482-ZT"
FENCE_APART_M = 2_000.0
EDITS_ARE_SEEN_AFTER_S = 1.2


@dataclass
class Street:
    """Two shops; the offers of one are limited, so that its deliveries carry leases."""

    first: Shop
    second: Shop
    limited_offer: int
    other_offer: int
    till: dict[str, str]

    @property
    def retailer_ids(self) -> list[int]:
        return [self.first.retailer_id, self.second.retailer_id]


@dataclass
class Life:
    """Somebody with two phones, one of which was somebody else's before."""

    phone: Phone
    second: Phone
    former: Phone
    needles: dict[str, str] = field(default_factory=dict)

    @property
    def phones(self) -> list[Phone]:
        return [self.phone, self.second, self.former]

    @property
    def customer_ids(self) -> list[UUID]:
        return [UUID(self.phone.customer_id), UUID(self.former.customer_id)]

    @property
    def device_ids(self) -> list[UUID]:
        return [UUID(phone.device_id) for phone in self.phones]

    def is_known_by(self, **texts: Any) -> None:
        for name, text in texts.items():
            self.needles[f"{name} {len(self.needles)}"] = str(text)


async def open_street(rows: asyncpg.Pool) -> Street:
    """Two shops 2 km apart; return when every worker must have heard of them."""
    world = World(rows)
    first = await Shop.opens(rows, "Bakery")
    retailer_id = await world.retailer("Garage")
    fence_id = await world.fence(retailer_id, north_m=FENCE_APART_M)
    site_id = await rows.fetchval("SELECT site_id FROM fences WHERE fence_id = $1", fence_id)
    second = Shop(rows, retailer_id, site_id, fence_id)
    limited = await first.offers(budget=50, stock=20, ignores_caps=True)
    other = await second.offers(ignores_caps=True)
    await asyncio.sleep(EDITS_ARE_SEEN_AFTER_S)
    return Street(first, second, limited, other, await first.till())


async def live(http: httpx.AsyncClient, rows: asyncpg.Pool, street: Street) -> Life:
    """Everything that a person can do here."""
    phone = await new_phone(http, label=f"Mine {PLATE}", language="fr")
    await settles_in(phone, street)
    former = await new_phone(http, label=f"Van {PLATE}")
    await settles_in(former, street)
    life = Life(phone, phone, former)
    life.is_known_by(plate=PLATE, crossing=await walks_in(former, 0.0, life))
    code = (await phone.post("/v1/me/link-codes")).json()
    second = await new_phone(http, installation_id=former.installation_id, link_code=code["code"])
    assert (await phone.post(f"/v1/me/link-codes/{code['code_id']}/confirm")).status_code == 200
    life.second = second
    life.is_known_by(link_code=code["code"])
    await walks_in(phone, 0.0, life, before_s=60)
    await walks_in(phone, FENCE_APART_M, life)
    await _says_what_it_eats(life)
    await _redeems(life, street)
    await _looked_at(rows, life)
    await _parks(rows, life)
    await _rotates(life)
    await _is_held_and_held_out(rows, life, street)
    await _knows_itself(rows, life)
    return life


async def settles_in(phone: Phone, street: Street) -> None:
    """Says who they are and yes to everything, once more by a retry, and never sleeps."""
    preferences = {"quiet_hours": {"start": "00:00", "end": "00:00"}, "age_band": "adult"}
    answer = await phone.patch("/v1/me/preferences", {**preferences, "interests": ["soup", PLATE]})
    assert answer.status_code == 200, answer.text
    marketing = [yes("marketing", retailer_id=one, channel="push") for one in street.retailer_ids]
    body = {
        "decisions": [yes("location_offers"), yes("personalisation"), yes("measurement"), *marketing],
        "notice_version": 1,
        "language": "en",
        "method": f"screen {PLATE}",
    }
    key = {"idempotency-key": f"consents-{uuid4().hex}"}
    for _ in range(2):
        said = await phone.post("/v1/consents", body, headers=key)
        assert said.status_code == 201, said.text


async def walks_in(phone: Phone, north_m: float, life: Life, *, before_s: int = 0) -> str:
    """To where a shop is; the crossing. What was told is known of the person from then on."""
    answer = await phone.post("/v1/fixes", batch(north_m, before_s=before_s))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["deliveries"], said
    for delivery in said["deliveries"]:
        life.is_known_by(delivery=delivery["delivery_id"], code=delivery["code"])
    for crossing in said["crossings"]:
        life.is_known_by(crossing=crossing["crossing_id"])
    crossing_id: str = said["crossings"][0]["crossing_id"]
    return crossing_id


def batch(north_m: float, *, before_s: int = 0) -> dict[str, Any]:
    """A report of one fix so many metres north of the middle of the world."""
    now = datetime.now(UTC)
    lat, lon = HELSINKI
    fix = {
        "fix_id": f"{PLATE}-{uuid4().hex}",
        "lat": lat + north_m / METRES_PER_DEGREE,
        "lon": lon,
        "accuracy_m": 5,
        "recorded_at": (now - timedelta(seconds=before_s)).isoformat(),
    }
    return {"sent_at": now.isoformat(), "fixes": [fix]}


async def _says_what_it_eats(life: Life) -> None:
    await life.phone.answers(yes("dietary"))
    eats = {"allergens": ["lupin"], "diets": ["vegan"]}
    said = await life.phone.http.put("/v1/me/diet", json=eats, headers=life.phone.headers)
    assert said.status_code == 200, said.text
    asked = {"lat": HELSINKI[0], "lon": HELSINKI[1], "kinds": "menu", "diet": "mine", "without": "lupin"}
    found = await life.phone.get("/v1/nearby", params=asked)
    assert found.status_code == 200, found.text
    life.is_known_by(eaten="lupin")


async def _redeems(life: Life, street: Street) -> None:
    items = (await life.phone.get("/v1/inbox")).json()["items"]
    code = next(item["code"] for item in items if item["offer_id"] == street.limited_offer)
    headers = street.till | {"idempotency-key": f"till-{uuid4().hex}"}
    done = await life.phone.http.post("/v1/redemptions", json={"code": code}, headers=headers)
    assert done.status_code == 201, done.text
    life.is_known_by(redemption=done.json()["redemption_id"])


async def _looked_at(rows: asyncpg.Pool, life: Life) -> None:
    customer_id = UUID(life.phone.customer_id)
    await rows.execute(
        "INSERT INTO customer_looks (bucket, customer_id, look_id, key_id, reason, looked_at)"
        " VALUES ($1, $2, $3, 'aaaaaaaaaaaa', $4, alentour_now())",
        bucket_of(customer_id),
        customer_id,
        uuid4(),
        f"complaint about {PLATE}",
    )


async def _is_held_and_held_out(rows: asyncpg.Pool, life: Life, street: Street) -> None:
    """What only time, chance and shops bring: written as the engine and the shops would."""
    customer_id, device_id = UUID(life.phone.customer_id), UUID(life.phone.device_id)
    who = (bucket_of(customer_id), customer_id)
    crossing_id, delivery_id = (
        uuid4(),
        await rows.fetchval("SELECT delivery_id FROM deliveries WHERE customer_id = $1 LIMIT 1", customer_id),
    )
    await rows.execute(
        "INSERT INTO held_offers (bucket, customer_id, offer_id, device_id, fence_id, crossing_id, trigger,"
        " crossed_at, held_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, 'enter', alentour_now(),"
        " alentour_now(), alentour_now() + interval '8 hours')",
        *(*who, street.limited_offer, device_id, street.first.fence_id, crossing_id),
    )
    await rows.execute(
        "INSERT INTO holdouts (bucket, customer_id, offer_id, retailer_id, fence_id, crossing_id, drawn_for,"
        " trace, decided_at) VALUES ($1, $2, $3, $4, $5, $6, 'offer', '[]', alentour_now())",
        *(*who, street.other_offer, street.second.retailer_id, street.second.fence_id, crossing_id),
    )
    reference = uuid4().hex
    await rows.execute(
        "INSERT INTO customer_references (bucket, customer_id, retailer_id, reference_hash, created_at)"
        " VALUES ($1, $2, $3, $4, alentour_now())",
        *(*who, street.first.retailer_id, hashlib.sha256(reference.encode()).digest()),
    )
    await rows.execute(
        "INSERT INTO customer_attributes (bucket, customer_id, retailer_id, attributes, updated_at)"
        " VALUES ($1, $2, $3, $4, alentour_now())",
        *(*who, street.first.retailer_id, f'{{"car": "{PLATE}"}}'),
    )
    await rows.execute(
        "INSERT INTO test_phones (bucket, customer_id, device_id, retailer_id, test_phone_id, label,"
        " accepted_at) VALUES ($1, $2, $3, $4, $5, 'Counter', alentour_now())",
        *(*who, device_id, street.first.retailer_id, f"tp_{uuid4().hex}"),
    )
    preview_id = uuid4()
    await rows.execute(
        "INSERT INTO previews (bucket, customer_id, device_id, preview_id, retailer_id, offer_id, channel,"
        " tags, content, created_at, expires_at) VALUES ($1, $2, $3, $5, $4, $6, 'push', '{}', '{}',"
        " alentour_now(), alentour_now() + interval '1 hour')",
        *(*who, device_id, street.first.retailer_id, preview_id, street.limited_offer),
    )
    payment_id, refund_id, operation_id = uuid4(), uuid4(), uuid4()
    await rows.execute(
        "INSERT INTO payments (bucket, customer_id, payment_id, operation_id, subject, subject_id,"
        " retailer_id, amount_minor, currency, state, provider, provider_ref, captured_minor, refunded_minor,"
        " created_at, settled_at)"
        " VALUES ($1, $2, $3, $4, 'parking', $3, $5, 240, 'EUR', 'partially_refunded', 'stripe',"
        " $6, 240, 100, alentour_now(), alentour_now())",
        *(*who, payment_id, operation_id, street.first.retailer_id, f"pi_{payment_id.hex}"),
    )
    await rows.execute(
        "INSERT INTO refunds (bucket, customer_id, refund_id, payment_id, operation_id, amount_minor, state,"
        " reason, provider_ref, created_at, settled_at) VALUES ($1, $2, $3, $4, $5, 100, 'refunded', $6,"
        " $7, alentour_now(), alentour_now())",
        *(*who, refund_id, payment_id, uuid4(), f"left early, {PLATE}", f"re_{refund_id.hex}"),
    )
    for kind, cause_id, minor in (("capture", payment_id, 240), ("refund", refund_id, 100)):
        await rows.execute(
            "INSERT INTO ledger_entries (bucket, customer_id, payment_id, kind, cause_id, debit, credit,"
            " amount_minor, currency, retailer_id, posted_at) VALUES ($1, $2, $3, $4, $5, 'provider:stripe',"
            " 'payee:1:parking', $6, 'EUR', 1, alentour_now())",
            *(*who, payment_id, kind, cause_id, minor),
        )
    life.is_known_by(payment=payment_id, refund=refund_id)
    await rows.execute(
        "INSERT INTO offer_codes (offer_id, code, bucket, customer_id, delivery_id, claimed_at)"
        " VALUES ($1, 'SHOP-CODE', $2, $3, $4, alentour_now())",
        *(street.limited_offer, *who, delivery_id),
    )
    prompt_id = uuid4()
    await rows.execute(
        "INSERT INTO parking_prompts (bucket, customer_id, prompt_id, device_id, kind, zone_ids, asked_at,"
        " expires_at) VALUES ($1, $2, $4, $3, 'pay', '{1}', alentour_now(),"
        " alentour_now() + interval '30 minutes')",
        *(*who, device_id, prompt_id),
    )
    life.is_known_by(
        crossing=crossing_id,
        prompt=prompt_id,
        preview=preview_id,
        reference=reference,
        reference_hash=_sha(reference),
    )


async def _parks(rows: asyncpg.Pool, life: Life) -> None:
    answer = await life.phone.post("/v1/me/plates", {"plate": CAR, "country": "FR", "label": f"Van {PLATE}"})
    assert answer.status_code == 201, answer.text
    plate_id = answer.json()["plate_id"]
    found = await rows.fetchval("SELECT plate_hmac FROM parking_plates WHERE plate_id = $1", UUID(plate_id))
    life.is_known_by(car=CAR, plate_id=plate_id, plate_hmac=found.hex())
    zone_id = await _free_zone(rows)
    wish = {"zone_id": zone_id, "plate_id": plate_id, "duration_min": 60}
    quote = await life.phone.post("/v1/parking/quotes", wish)
    assert quote.status_code == 201, quote.text
    quote_id = quote.json()["quote_id"]
    begun = await life.phone.post(
        "/v1/parking/sessions", {"quote_id": quote_id}, headers={"idempotency-key": f"park-{uuid4().hex}"}
    )
    assert begun.status_code == 201, begun.text
    session = begun.json()
    ended = await life.phone.post(f"/v1/parking/sessions/{session['session_id']}/stop")
    assert ended.status_code == 200, ended.text
    purchase_id = session["purchases"][0]["purchase_id"]
    life.is_known_by(quote=quote_id, session=session["session_id"], purchase=purchase_id)


async def _free_zone(rows: asyncpg.Pool) -> int:
    """Where parking costs nothing: what a payment leaves is payments' to tell."""
    operator_id = await World(rows).retailer("City")
    rate = {"lines": [{"type": "step", "price_minor": 0}]}
    terms = {"id": "F", "version": 1, "currency": "EUR", "rates": [rate]}
    tariff_id = await rows.fetchval(
        "INSERT INTO parking_tariffs (retailer_id, external_id, created_at) VALUES ($1, 'F', alentour_now())"
        " RETURNING tariff_id",
        operator_id,
    )
    await rows.execute(
        "INSERT INTO parking_tariff_versions (tariff_id, version, terms, published_at)"
        " VALUES ($1, 1, $2, alentour_now())",
        tariff_id,
        json.dumps(terms),
    )
    zone_id: int = await rows.fetchval(
        "INSERT INTO parking_zones (retailer_id, code, code_key, name, shape, time_zone, country, tariff_id,"
        " created_at, updated_at) VALUES ($1, 'F1', 'F1', 'Free', ST_Multi(ST_Buffer(ST_SetSRID("
        "ST_MakePoint(2.35, 48.85), 4326)::geography, 50)::geometry), 'Europe/Paris', 'FR', $2,"
        " alentour_now(), alentour_now()) RETURNING zone_id",
        operator_id,
        tariff_id,
    )
    return zone_id


async def _rotates(life: Life) -> None:
    fresh = (await life.phone.post("/v1/me/token/rotate")).json()["token"]
    life.is_known_by(token=fresh, token_hash=_sha(fresh))


async def _knows_itself(rows: asyncpg.Pool, life: Life) -> None:
    for phone in life.phones:
        life.is_known_by(
            customer=phone.customer_id,
            device=phone.device_id,
            token=phone.token,
            token_hash=_sha(phone.token),
            installation=phone.installation_id,
            installation_hash=_sha(phone.installation_id),
        )
    for name in ("consent", "look"):
        table = {"consent": "consents", "look": "customer_looks"}[name]
        ids = await rows.fetch(
            f"SELECT {name}_id FROM {table} WHERE customer_id = ANY($1)", life.customer_ids
        )
        assert ids
        for (one,) in ids:
            life.is_known_by(**{name: one})


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def found_in(text: str, needles: Iterable[str]) -> list[str]:
    """Which of these a text holds, however it writes letters; ids also without their dashes."""
    low = text.lower()
    return [one for one in needles if one.lower() in low or one.lower().replace("-", "") in low]
