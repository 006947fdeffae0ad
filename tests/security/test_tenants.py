"""Nobody sees or moves another's things, by whatever route, in whatever place an id is named.

The routes are those of the OpenAPI document: one that is added is tried without being listed here. An
id of a new kind has to be made known to `tests.security.tenants.Tenant` first; a test says so.
"""

from __future__ import annotations

import asyncpg
import pytest

from tests.http.edge.asking import Client
from tests.security.tenants import (
    MEANT,
    Operation,
    Tenant,
    admin_headers,
    marks_in,
    operations,
    owned,
    rows_that_name,
    tries,
    two_tenants,
)

OPERATIONS = operations()
# What is around is every phone's to see, whoever keeps the shop.
AROUND = {"listNearby", "syncFences"}
KEYS = ("manage", "read", "till", "enforce")
WITH_IDS = [one for one in OPERATIONS if one.path_ids() or one.query_ids() or one.body_ids()]


@pytest.fixture
async def tenants(client: Client, pool: asyncpg.Pool) -> tuple[Tenant, Tenant]:
    return await two_tenants(client, pool)


def mine(operation: Operation, tenant: Tenant) -> dict[str, dict[str, str]]:
    """The credentials that open this operation, by name."""
    names = ("phone",) if "deviceToken" in operation.schemes else KEYS if operation.schemes else ()
    return {name: tenant.credentials[name] for name in names}


async def test_every_kind_of_id_that_a_route_takes_is_known_here(tenants: tuple[Tenant, Tenant]) -> None:
    _, theirs = tenants
    unknown = {
        f"{one.method} {one.path}: {kind}"
        for one in OPERATIONS
        for kind in (*one.path_ids(), *one.query_ids(), *one.body_ids().values())
        if kind not in theirs.ids
    }
    assert not unknown, "make one of these in Tenant.settles, or say in tenants.py why it is nobody's"
    assert len(WITH_IDS) > 30
    assert {operation for operation, _ in MEANT} <= {one.name for one in OPERATIONS}


async def test_the_ids_tried_are_real_ones_that_their_owner_can_use(
    client: Client, pool: asyncpg.Pool, tenants: tuple[Tenant, Tenant]
) -> None:
    _, theirs = tenants
    told = []
    for operation in OPERATIONS:
        if operation.method != "GET" or operation.query_ids() == ["retailer_id", "site_id"]:
            continue
        credentials = {"admin": await admin_headers(pool), **mine(operation, theirs)}
        answers = [await owned(operation, theirs).send(client, one) for one in credentials.values()]
        told += [answer.text for answer in answers if answer.is_success]
        if operation.path_ids():
            assert any(answer.is_success for answer in answers), operation
    hidden = {"link_code", "reference"}  # told once
    assert [kind for kind, one in theirs.ids.items() if str(one) not in "".join(told)] == sorted(hidden)


async def test_what_is_another_tenants_is_not_there(
    client: Client, pool: asyncpg.Pool, tenants: tuple[Tenant, Tenant]
) -> None:
    ours, theirs = tenants
    before = await rows_that_name(pool, theirs)
    assert len(before) > 10
    for operation in WITH_IDS:
        for one in tries(operation, ours, theirs):
            for name, headers in mine(operation, ours).items():
                answer = await one.send(client, headers)
                told = f"{one}, as {name}: {answer.status_code} {answer.text}"
                assert answer.status_code < 500, told
                assert marks_in(answer, theirs, sent=one.named) == [], told
                if set(one.where) & {*operation.path_ids(), "retailer_id"}:
                    assert answer.status_code in {403, 404}, told
                if answer.status_code == 403:
                    # Whoever may not do it with their own either: no sign that there is such a thing.
                    assert (await owned(operation, ours).send(client, headers)).status_code == 403, told
        assert await rows_that_name(pool, theirs) == before, operation.name


async def test_ids_alone_open_nothing(
    client: Client, pool: asyncpg.Pool, tenants: tuple[Tenant, Tenant]
) -> None:
    ours, theirs = tenants
    before = await rows_that_name(pool, theirs)
    for operation in WITH_IDS:
        kept_out = set(ours.credentials) - set(mine(operation, ours))
        for headers in ({}, *(ours.credentials[name] for name in kept_out)):
            answer = await owned(operation, theirs).send(client, headers)
            assert answer.status_code == 401 or not operation.schemes, f"{operation.name}: {answer.text}"
            assert marks_in(answer, theirs) == []
    assert await rows_that_name(pool, theirs) == before


async def test_lists_hold_ones_own_only(
    client: Client, pool: asyncpg.Pool, tenants: tuple[Tenant, Tenant]
) -> None:
    ours, theirs = tenants
    seen = 0
    for operation in OPERATIONS:
        if operation.method == "GET" and not operation.path_ids():
            for headers in mine(operation, ours).values():
                answer = await owned(operation, ours).send(client, headers)
                seen += marks_in(answer, ours) != []
                if operation.name not in AROUND:
                    assert marks_in(answer, theirs) == [], operation
    assert seen >= 6


async def test_a_name_of_ones_own_choice_meets_nobody_elses(
    client: Client, pool: asyncpg.Pool, tenants: tuple[Tenant, Tenant]
) -> None:
    ours, theirs = tenants
    for tenant in tenants:
        where = {"lat": 60.1, "lon": 24.9, "time_zone": "Europe/Helsinki"}
        answer = await client.put(
            "/v1/sites/main", json={"name": "Main", **where}, headers=tenant.credentials["manage"]
        )
        assert answer.status_code == 201, "the first of this name, for each"
    before = await rows_that_name(pool, theirs)
    moved = {"name": "Elsewhere", "lat": 0.0, "lon": 0.0, "time_zone": "Europe/Helsinki"}
    answer = await client.put("/v1/sites/main", json=moved, headers=ours.credentials["manage"])
    assert answer.status_code == 200
    assert await rows_that_name(pool, theirs) == before
