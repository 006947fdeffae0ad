"""Two tenants with one of everything, and requests that name the other one's things.

The requests come out of the OpenAPI document: whatever takes an id is asked for somebody else's.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec

from api.auth import create_admin_key, create_retailer_key
from offers.buckets import bucket_of
from offers.parking.prompts import prompt
from offers.payments.cashier import Cashier
from offers.payments.sandbox import Sandbox
from offers.people.customers import lock_customers
from offers.people.keys import CustomerKey
from tests.http.documented import described
from tests.http.edge.asking import Client, bearer
from tests.http.phones import Phone, Shop, yes
from tests.parking.operators import tariff, zone
from tests.payments.counter import Counter
from tests.world import World

# An endless answer, and it takes no id.
ENDLESS = "followLive"
BUCKET = 7
# Ids of the second tenant are numbers that appear nowhere by chance.
RARE = 7_700_000_000_000

# What in a body is called otherwise than the id it holds.
ALIASES = {
    "fences.ids": "fence_id",
    "fences.site_ids": "site_id",
    "id": "fence_id",
    "offer_ids": "offer_id",
}
# Chosen by whoever sends them, each in a space of names of their own.
OWN_NAMES = {"external_id", "installation_id", "fix_id", "item_id", "item_ids", "section_ids"}
# Not about somebody's things at all, or there for everybody to read.
OWN_NAMES = {"external_id", "installation_id", "fix_id", "item_id", "item_ids", "section_ids", "plate"}
# Not about somebody's things at all.
# So are menus that are published, to every phone.
PUBLIC = {
    ("findParkingZone", "code"),
    ("explainProblem", "code"),
    ("findParkingZone", "code"),
    ("lookUpPlate", "plate"),
    ("openMenu", "menu_id"),
    ("listSiteMenus", "site_id"),
    ("getMenuVersion", "version"),
    ("setMenuSpecials", "day"),
}
# No id of somebody else's, or meant to name it.
MEANT = {
    ("recordConsents", "decisions.[].retailer_id"): "a customer answers every retailer",
    ("registerDevice", "link_code"): "that is how a second phone joins",
    ("verifyReceipt", "record_id"): "a receipt, whosever it is, can be verified by whoever has it",
    ("verifyReceipt", "receipt_id"): "the same",
    ("verifyReceipt", "pii_principal_id"): "the same",
    ("createParkingZone", "properties.code"): "what stands on an operator's own sign",
    ("editParkingZone", "properties.code"): "the same",
    ("publishParkingTariff", "id"): "an operator's own name of a tariff",
    ("quoteParking", "zone_id"): "anybody may park in any zone",
    ("quoteParking", "code"): "the same, by the code on its sign",
    ("quoteParking", "retailer_id"): "whose sign it is",
    ("addOfferCodes", "codes"): "a retailer brings codes of its own tills",
    ("giveReference", "retailer_id"): "a customer may let any retailer know them",
    ("acceptTestPhone", "code"): "that is how a phone becomes a test phone",
}
ID = re.compile(r"(?:^|_)(?:ids?|codes?)$")


@dataclass
class Tenant:
    """A retailer with keys, and a customer with a phone; `ids` by the name that the document gives them."""

    keys: dict[str, str]
    token: str
    ids: dict[str, Any]
    marks: set[str]
    credentials: dict[str, dict[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.credentials = {name: bearer(key) for name, key in {**self.keys, "phone": self.token}.items()}

    @classmethod
    async def settles(cls, client: Client, pool: asyncpg.Pool, name: str) -> Tenant:
        shop = await Shop.opens(pool, f"{name} retailer")
        await pool.execute("UPDATE sites SET name = $2 WHERE site_id = $1", shop.site_id, f"{name} site")
        await pool.execute("UPDATE fences SET name = $2 WHERE fence_id = $1", shop.fence_id, f"{name} fence")
        content = msgspec.json.encode({"en": {"title": f"{name} offer", "text": "Soup."}}).decode()
        offer_id = await shop.offers(content=content, external_id=f"{name}-offer")
        keys = {
            role: await create_retailer_key(pool, shop.retailer_id, role, f"{name} {role}")
            for role in ("manage", "read", "till", "enforce")
        }
        manage = bearer(keys["manage"])
        cap = await client.post(
            "/v1/caps",
            headers=manage,
            json={"scope": "retailer", "at_most": 3, "window": {"calendar": "day"}},
        )
        assert cap.status_code == 201, cap.text
        card = {"language": "en", "currency": "EUR", "name": {"en": f"{name} menu"}}
        dishes = [{"id": "soup", "name": {"en": "Soup"}, "price_minor": 900}]
        sections = [{"id": "all", "name": {"en": "All"}, "items": dishes}]
        menu = await client.post(
            "/v1/menus", headers=manage, json={**card, "site_id": shop.site_id, "sections": sections}
        )
        assert menu.status_code == 201, menu.text
        await client.post(f"/v1/menus/{menu.json()['menu_id']}/publish", headers=manage)
        phone = await _phone(client, pool, shop.retailer_id, f"{name} phone")
        await phone.consents_to(shop.retailer_id)
        await phone.answers(yes("personalisation"))
        reference = (await phone.post("/v1/references", {"retailer_id": shop.retailer_id})).json()[
            "reference"
        ]
        invitation = await client.post("/v1/test-phones", headers=manage, json={"label": f"{name} counter"})
        accepted = await phone.post("/v1/test-phones/accept", {"code": invitation.json()["code"]})
        assert accepted.status_code == 201, accepted.text
        given = await shop.gives(phone, offer_id)
        payment = await _paid(pool, phone, shop.retailer_id)
        consents = (await phone.get("/v1/consents")).json()["history"]
        link = (await phone.post("/v1/me/link-codes", {}, headers={"idempotency-key": uuid4().hex})).json()
        ids = {
            "retailer_id": shop.retailer_id,
            "site_id": shop.site_id,
            "fence_id": shop.fence_id,
            "offer_id": offer_id,
            "cap_id": cap.json()["cap_id"],
            **await _parking(client, pool, manage, phone, name),
            "menu_id": menu.json()["menu_id"],
            "key_id": keys["read"].split("_")[1],
            "delivery_id": str(given.delivery_id),
            "code": given.code,
            "device_id": phone.device_id,
            "customer_id": phone.customer_id,
            "consent_id": consents[0]["consent_id"],
            "code_id": link["code_id"],
            "link_code": link["code"],
            "reference": reference,
            "payment_id": str(payment),
            "prompt_id": str(await _asked(pool, phone)),
            "test_phone_id": accepted.json()["test_phone_id"],
        }
        marks = {name} | {str(one) for one in ids.values() if len(str(one)) >= 10}
        return cls(keys, phone.token, ids, marks)


async def _parking(
    client: Client, pool: asyncpg.Pool, manage: dict[str, str], phone: Phone, name: str
) -> dict[str, Any]:
    """A zone with its tariff, a permit, and the plate of the phone's car; their ids."""
    tariffed = await client.post(
        "/v1/parking/tariffs",
        headers=manage,
        json=tariff(f"{name}-tariff", valid_from="2097-01-01T00:00:00Z"),
    )
    drawn = zone(f"{name} zone", tariff=f"{name}-tariff")
    zoned = await client.post("/v1/parking/zones", headers=manage, json=drawn)
    assert zoned.status_code == 201, zoned.text
    permit = {
        "plate": "AB-123-CD",
        "country": "FR",
        "user_class": "resident",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2099-01-01T00:00:00Z",
    }
    await client.post("/v1/parking/permits/import", headers=manage, json={"permits": [permit]})
    permits = (await client.get("/v1/parking/permits", headers=manage)).json()["items"]
    plate = await phone.post("/v1/me/plates", {"plate": "GX-482-ZT", "country": "FR", "label": f"{name} car"})
    return {
        **await _stay(client, manage, phone, name, plate.json()["plate_id"]),
        "zone_id": zoned.json()["id"],
        "plate": "GX482ZT",
        "prompt_id": await _prompt(pool, phone, zoned.json()["id"]),
        "tariff_id": tariffed.json()["tariff_id"],
        "version": 1,
        "permit_id": permits[0]["permit_id"],
        "plate_id": plate.json()["plate_id"],
    }


async def _prompt(pool: asyncpg.Pool, phone: Phone, zone_id: int) -> str:
    """What the driver is asked, as a flush writes it."""
    prompt_id = uuid4()
    await pool.execute(
        "INSERT INTO parking_prompts (bucket, customer_id, prompt_id, device_id, kind, zone_ids, asked_at,"
        " expires_at) VALUES ($1, $2, $3, $4, 'pay', $5, alentour_now(), alentour_now() + interval '1 hour')",
        *(BUCKET, UUID(phone.customer_id), prompt_id, UUID(phone.device_id), [zone_id]),
    )
    return str(prompt_id)


async def _stay(
    client: Client, manage: dict[str, str], phone: Phone, name: str, plate_id: str
) -> dict[str, Any]:
    """A stay in a zone where nothing is to be paid, and another quote of the same; their ids."""
    free = tariff(f"{name}-free", rates=[{"lines": [{"type": "step", "price_minor": 0}]}])
    assert (await client.post("/v1/parking/tariffs", headers=manage, json=free)).status_code == 201
    drawn = zone(f"{name} free", tariff=f"{name}-free")
    zone_id = (await client.post("/v1/parking/zones", headers=manage, json=drawn)).json()["id"]
    wish = {"zone_id": zone_id, "plate_id": plate_id, "duration_min": 60}
    quotes = [(await phone.post("/v1/parking/quotes", wish)).json() for _ in range(2)]
    begun = await phone.post(
        "/v1/parking/sessions",
        {"quote_id": quotes[0]["quote_id"]},
        headers={"idempotency-key": uuid4().hex},
    )
    assert begun.status_code == 201, begun.text
    return {"session_id": begun.json()["session_id"], "quote_id": quotes[1]["quote_id"]}


async def _phone(client: Client, pool: asyncpg.Pool, retailer_id: int, label: str) -> Phone:
    """All customers are of one bucket here: it must not be the bucket that keeps them apart."""
    customer_id = next(one for one in iter(uuid4, None) if bucket_of(one) == BUCKET)
    world = World(pool)
    await world.customer(retailer_id, bucket=BUCKET, customer_id=customer_id)
    known = await world.phone(customer_id)
    await pool.execute("UPDATE devices SET label = $1 WHERE device_id = $2", label, known.device_id)
    return Phone(client, "", str(known.device_id), str(customer_id), known.token)


async def _paid(pool: asyncpg.Pool, phone: Phone, retailer_id: int) -> UUID:
    """Bucket 7 is not that of the id: everybody here shares it."""
    cashier = Cashier(pool, Sandbox(pool))
    key = CustomerKey(BUCKET, UUID(phone.customer_id))
    paid = await Counter(pool, cashier, key, retailer_id).pays(240)
    await cashier.close()
    return paid.payment_id


async def _asked(pool: asyncpg.Pool, phone: Phone) -> UUID:
    key = CustomerKey(BUCKET, UUID(phone.customer_id))
    async with pool.acquire() as connection, connection.transaction():
        now = await lock_customers(connection, key)
        asked = await prompt(connection, key, "pay", zone_ids=[1], now=now)
    assert asked is not None
    return asked.prompt_id


async def two_tenants(client: Client, pool: asyncpg.Pool) -> tuple[Tenant, Tenant]:
    """One who asks, and one whose things are asked for."""
    ours = await Tenant.settles(client, pool, "Ourselves")
    # Not that of the audit log, which nobody can empty between two tests.
    sequences = await pool.fetch(
        "SELECT quote_ident(sequencename) AS name FROM pg_sequences WHERE sequencename NOT LIKE 'audit_log%'"
    )
    for number, sequence in enumerate(sequences):
        await pool.execute("SELECT setval($1::regclass, $2)", sequence["name"], RARE + number * 1_000)
    return ours, await Tenant.settles(client, pool, "Zebulon")


async def admin_headers(pool: asyncpg.Pool) -> dict[str, str]:
    return bearer(await create_admin_key(pool))


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    said: dict[str, Any]

    @property
    def name(self) -> str:
        name: str = self.said["operationId"]
        return name

    @property
    def schemes(self) -> set[str]:
        return {scheme for one in self.said.get("security", []) for scheme in one}

    def parameters(self, where: str) -> list[dict[str, Any]]:
        return [one for one in self.said.get("parameters", []) if one["in"] == where]

    def path_ids(self) -> list[str]:
        names = [one["name"] for one in self.parameters("path")]
        return [name for name in names if name not in OWN_NAMES and (self.name, name) not in PUBLIC]

    def query_ids(self) -> list[str]:
        names = [one["name"] for one in self.parameters("query")]
        return [name for name in names if ID.search(name) and name not in OWN_NAMES]

    def body_ids(self) -> dict[str, str]:
        """Where in the body there are ids, and of what: `fences.site_ids` → site_id."""
        found = {}
        for content in self.said.get("requestBody", {}).get("content", {}).values():
            for path in _members(content["schema"], "", frozenset()):
                last = path.rpartition(".")[2]
                is_ours = ID.search(last) and last not in OWN_NAMES and (self.name, path) not in MEANT
                # The dishes of a card are called so within their card.
                if is_ours and not path.endswith("[].id"):
                    found[path] = ALIASES.get(path, last)
        return found

    def body(self) -> Any:
        """A body that may be sent, without names that can be given only once; None if there is none."""
        for content in self.said.get("requestBody", {}).get("content", {}).values():
            examples = [one["value"] for one in content.get("examples", {}).values()]
            body = copy.deepcopy(content.get("example", examples[0] if examples else {}))
            for part in (body, body.get("properties", {})) if isinstance(body, dict) else ():
                part.pop("external_id", None)
            return body
        return None


def operations() -> list[Operation]:
    return [
        Operation(method.upper(), path, said)
        for path, methods in described()["paths"].items()
        for method, said in methods.items()
        if said["operationId"] != ENDLESS
    ]


@dataclass(frozen=True)
class Try:
    """One request that names somebody else's things; `where` says at which places, `named` which."""

    operation: Operation
    where: tuple[str, ...]
    named: tuple[Any, ...]
    path: str
    query: dict[str, Any]
    body: Any

    def __str__(self) -> str:
        return f"{self.operation.name} with their {' and '.join(self.where)}"

    async def send(self, client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
        more: dict[str, Any] = {} if self.body is None else {"json": self.body}
        return await client.request(
            self.operation.method,
            self.path,
            params=self.query,
            headers={**headers, "idempotency-key": uuid4().hex},
            **more,
        )


def tries(operation: Operation, ours: Tenant, theirs: Tenant) -> Iterator[Try]:
    """The operation with somebody else's id at each place, one after the other, and everywhere at once."""
    in_path, in_query, in_body = operation.path_ids(), operation.query_ids(), operation.body_ids()
    if in_path:
        yield _try(operation, ours, theirs, path=in_path)
    for name in in_query:
        yield _try(operation, ours, theirs, query=[name])
    if in_path and in_query:
        yield _try(operation, ours, theirs, path=in_path, query=in_query)
    for at in in_body:
        yield _try(operation, ours, theirs, body=[at])


def owned(operation: Operation, tenant: Tenant) -> Try:
    """The operation with the tenant's own ids."""
    return _try(operation, tenant, tenant, path=operation.path_ids())


def _try(
    operation: Operation,
    ours: Tenant,
    theirs: Tenant,
    *,
    path: Iterable[str] = (),
    query: Iterable[str] = (),
    body: Iterable[str] = (),
) -> Try:
    ids = ours.ids | {name: theirs.ids[name] for name in path}
    # What is no id of ours has an example.
    examples = {one["name"]: _example(one) for one in operation.parameters("path")}
    at = operation.path.format_map({**examples, **ids})
    sent = {one["name"]: _example(one) for one in operation.parameters("query") if one.get("required")}
    sent |= {name: theirs.ids[name] for name in query}
    said, kinds = operation.body(), operation.body_ids()
    for place in body:
        _plant(said, place.split("."), theirs.ids[kinds[place]])
    where = [*path, *query, *(f"body: {place}" for place in body)]
    named = [theirs.ids[name] for name in [*path, *query, *(kinds[place] for place in body)]]
    return Try(operation, tuple(where), tuple(named), at, sent, said)


def _example(parameter: dict[str, Any]) -> Any:
    examples = [one["value"] for one in parameter.get("examples", {}).values()]
    schema_examples = parameter.get("schema", {}).get("examples", [])
    return next(
        iter([*examples, *([parameter["example"]] if "example" in parameter else []), *schema_examples])
    )


def _plant(body: Any, path: list[str], value: Any) -> None:
    *parents, last = path
    for name in parents:
        body = body[0] if name == "[]" else body.setdefault(name, {})
    body[last] = [value] if last.endswith("ids") else value


def _members(schema: dict[str, Any], path: str, seen: frozenset[str]) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in seen:
            return
        schema, seen = described()["components"]["schemas"][name], seen | {name}
    for part in (one for word in ("allOf", "anyOf", "oneOf") for one in schema.get(word, ())):
        yield from _members(part, path, seen)
    for name, member in schema.get("properties", {}).items():
        at = f"{path}.{name}" if path else name
        yield at
        yield from _members(member, at, seen)
    if isinstance(schema.get("items"), dict):
        yield from _members(schema["items"], f"{path}.[]" if path else "[]", seen)


async def rows_that_name(pool: asyncpg.Pool, tenant: Tenant) -> set[str]:
    """Every row of every table in which something of this tenant appears, as text."""
    tables = await pool.fetch(
        "SELECT quote_ident(table_name) AS name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    wanted = "|".join(map(re.escape, sorted(tenant.marks)))
    every = " UNION ALL ".join(
        f"SELECT '{table['name']}: ' || t::text AS row FROM {table['name']} t" for table in tables
    )
    rows = await pool.fetch(f"SELECT row FROM ({every}) AS r WHERE row ~* $1", wanted)
    return {row["row"] for row in rows}


def marks_in(answer: httpx.Response, tenant: Tenant, *, sent: Iterable[Any] = ()) -> list[str]:
    """What of this tenant an answer tells, headers included, beyond what was sent."""
    told = (answer.text + str(answer.headers.raw)).lower()
    news = tenant.marks - set(map(str, sent))
    return sorted(mark for mark in news if mark.lower() in told)
