"""What somebody may not eat is told to nobody else: every answer a key can get is searched for it."""

from __future__ import annotations

import asyncpg

from tests.http.edge.asking import Client
from tests.http.phones import yes
from tests.security.tenants import Operation, Tenant, admin_headers, operations, owned, two_tenants

# Rare words: no menu, notice or example that a test's database holds says them.
MARKS = ("lupin", "hindu", "customer_diets")
EATS = {"allergens": ["lupin"], "diets": ["hindu"]}
# The sheet for the wall has a column for each of the fourteen, whoever asks for it.
ON_THE_WALL = {"printAllergens"}


def of_retailers() -> list[Operation]:
    """What keys open, the admin's too, and what is open to all; changes after all that is read."""
    wanted = [one for one in operations() if one.schemes != {"deviceToken"} and one.schemes]
    return sorted(wanted, key=lambda one: one.method != "GET")


async def keeps_a_diet(client: Client, tenant: Tenant) -> None:
    phone = tenant.credentials["phone"]
    answer = {"decisions": [yes("dietary")], "notice_version": 1, "language": "en"}
    assert (await client.post("/v1/consents", json=answer, headers=phone)).status_code == 201
    assert (await client.put("/v1/me/diet", json=EATS, headers=phone)).status_code == 200
    asked = {"lat": 60.17, "lon": 24.94, "kinds": "menu", "diet": "mine"}
    assert (await client.get("/v1/nearby", params=asked, headers=phone)).status_code == 200


async def test_nothing_that_a_key_opens_tells_what_somebody_eats(client: Client, pool: asyncpg.Pool) -> None:
    _, theirs = await two_tenants(client, pool)
    await keeps_a_diet(client, theirs)
    keys = [theirs.credentials[name] for name in ("manage", "read", "till")] + [await admin_headers(pool)]
    answered = 0
    for operation in of_retailers():
        for headers in keys:
            answer = await owned(operation, theirs).send(client, headers)
            told = (answer.text + str(answer.headers.raw)).lower()
            told_of = [mark for mark in MARKS if mark in told]
            assert told_of == (["lupin"] if operation.name in ON_THE_WALL and answer.is_success else [])
            answered += answer.is_success
    assert answered > 60


async def test_the_audit_log_and_the_counts_know_nothing_of_it(client: Client, pool: asyncpg.Pool) -> None:
    _, theirs = await two_tenants(client, pool)
    tables = await pool.fetch(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        " AND table_name NOT IN ('customer_diets', 'spatial_ref_sys')"
    )
    await keeps_a_diet(client, theirs)
    for (table,) in tables:
        rows = await pool.fetchval(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t")
        assert not [mark for mark in MARKS if mark in rows.lower()], table


async def test_another_persons_phone_reads_none_of_it(client: Client, pool: asyncpg.Pool) -> None:
    ours, theirs = await two_tenants(client, pool)
    await keeps_a_diet(client, theirs)
    answer = await client.get("/v1/me/diet", headers=ours.credentials["phone"])
    assert answer.status_code == 403
    assert (await client.get("/v1/me/diet", headers=theirs.credentials["phone"])).json()["diets"] == ["hindu"]
