"""The audit log is read by filters, newest first; a retailer sees what concerns its own things."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest

from api.auth import create_retailer_key
from tests.audit.every_change import Business
from tests.http.shops import circle, client_of, faults_of
from tests.serving import Server


@pytest.fixture
async def other(open_business) -> Business:
    return await open_business()


async def listed(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def operations(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["operation"] for entry in entries]


async def test_a_retailer_reads_its_own_and_what_the_operator_did_to_it(
    business: Business, other: Business
) -> None:
    await business.fence()
    await other.fence()
    await business.admin.post(f"/v1/retailers/{business.retailer_id}/stop")
    entries = await listed(business.manage)
    assert operations(entries) == ["stopRetailer", "createFence"]
    assert [entry["role"] for entry in entries] == ["admin", "manage"]
    assert {entry["retailer_id"] for entry in entries} == {business.retailer_id}


async def test_a_read_key_may_read_it_and_a_till_may_not(
    business: Business, sql: asyncpg.Connection, audited_server: Server
) -> None:
    await business.fence()
    for role, status in (("read", 200), ("till", 403)):
        key = await create_retailer_key(sql, business.retailer_id, role)  # type: ignore[arg-type]
        async with client_of(audited_server, key) as client:
            assert (await client.get("/v1/audit")).status_code == status


async def test_another_retailers_log_looks_as_if_there_were_none(business: Business, other: Business) -> None:
    answer = await business.manage.get("/v1/audit", params={"retailer_id": other.retailer_id})
    assert answer.status_code == 404
    own = await business.manage.get("/v1/audit", params={"retailer_id": business.retailer_id})
    assert own.status_code == 200


async def test_an_admin_reads_everything_or_one_retailers(business: Business, other: Business) -> None:
    await other.fence()
    await business.fence()
    both = await listed(business.admin, limit=2)
    assert [entry["retailer_id"] for entry in both] == [business.retailer_id, other.retailer_id]
    one = await listed(business.admin, retailer_id=other.retailer_id)
    assert {entry["retailer_id"] for entry in one} == {other.retailer_id}
    assert (await business.admin.get("/v1/audit?retailer_id=999999999")).status_code == 404


async def test_what_is_the_operators_own_is_for_admins(business: Business) -> None:
    await business.admin.post("/v1/clock/advance", json={"seconds": 1})
    assert (await listed(business.admin, limit=1))[0]["operation"] == "advanceClock"
    assert await listed(business.manage) == []


async def test_pages_go_back_in_time_without_gap_or_repeat(business: Business) -> None:
    for _ in range(5):
        await business.fence()
    whole = [entry["entry_id"] for entry in await listed(business.manage)]
    paged: list[int] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await business.manage.get("/v1/audit", params=query)).json()
        paged += [entry["entry_id"] for entry in page["items"]]
        await business.fence()  # what is new does not move what is old
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole == sorted(whole, reverse=True)


async def test_filters_narrow_it(business: Business) -> None:
    await business.admin.post("/v1/clock/advance", json={"seconds": 10})
    fence = await business.fence()
    await business.admin.post("/v1/clock/advance", json={"seconds": 10})
    await business.manage.put(f"/v1/fences/{fence['id']}", json=circle(dwell_s=300))
    edited, created = await listed(business.manage)
    assert operations([edited, created]) == ["editFence", "createFence"]
    assert await listed(business.manage, operation="editFence") == [edited]
    assert await listed(business.manage, since=edited["recorded_at"]) == [edited]
    assert await listed(business.manage, until=edited["recorded_at"]) == [created]
    assert await listed(business.manage, key_id=edited["key_id"]) == [edited, created]
    assert await listed(business.manage, key_id="aaaaaaaaaaaa") == []


async def test_a_first_key_stands_for_those_it_was_rotated_into(
    business: Business, audited_server: Server
) -> None:
    await business.fence()
    first = (await listed(business.manage))[0]["key_id"]
    new = (await business.admin.post(f"/v1/keys/{first}/rotate", json={"overlap_s": 60})).json()
    async with client_of(audited_server, new["key"]) as client:
        await client.post("/v1/fences", json=circle())
    entries = await listed(business.manage, key_id=first, operation="createFence")
    assert [entry["key_id"] for entry in entries] == [new["key_id"], first]
    assert [entry["first_key_id"] for entry in entries] == [first, first]
    assert len(await listed(business.manage, key_id=new["key_id"])) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "2026-07-01T00:00:00"}, "since"),
        ({"until": "yesterday"}, "until"),
        ({"key_id": "ak_"}, "key_id"),
        ({"cursor": "%%"}, "cursor"),
        ({"opreation": "editFence"}, "opreation"),
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused(
    business: Business, query: dict[str, str], field: str
) -> None:
    answer = await business.manage.get("/v1/audit", params=query)
    assert answer.status_code == 400
    assert field in faults_of(answer)
