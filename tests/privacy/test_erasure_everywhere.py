"""After an erasure the person is nowhere: in no column of no table, in no log and no metric."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import httpx

from offers.buckets import bucket_of
from offers.people.customers import CustomerKey
from offers.people.proofs import read_proofs
from tests.http.phones import Phone, code_of
from tests.privacy.data_map import DELETED, read_data_map
from tests.privacy.life import batch, found_in, live
from tests.privacy.rows import everything


async def test_an_erased_person_is_found_nowhere_but_in_keyed_proofs(
    http, rows, street, server, proof_key, short_folder: Path
):
    life = await live(http, rows, street)
    before = await everything(rows)
    held = {table for (table, _), text in before.items() if found_in(text, life.needles.values())}
    must_hold = {row.table for row in read_data_map() if row.erasure == DELETED}
    assert must_hold - held == set(), (
        "docs/data-map.md says that these tables are erased, but the person of tests/privacy/life.py has"
        " no row in them: let live() leave one"
    )
    answer = await http.request("DELETE", "/v1/me", headers=life.phone.headers)
    assert answer.status_code == 200, answer.text
    assert {kept["kind"]: kept["rows"] for kept in answer.json()["kept"]} == {
        "consents": 11,
        "redemptions": 1,
        "payments": 2,
        "counts": None,
    }
    for phone in life.phones:
        await opens_nothing(phone)
    found = {
        place: names
        for place, text in (await everything(rows)).items()
        if (names := found_in(text, life.needles.values()))
    }
    assert found == {}
    metrics = (await http.get("/metrics")).text
    assert found_in(metrics, life.needles.values()) == []
    assert found_in(server.log_text(), life.needles.values()) == []
    assert "request" in server.log_text(), "it logs something"
    for log in (short_folder / "pg").glob("*.log"):
        assert found_in(log.read_text(errors="replace"), life.needles.values()) == []
    proven = await read_proofs(rows, _key(life.phone), proof_key)
    assert [(one.purpose, one.granted) for one in proven.consents].count(("marketing", True)) == 2
    assert [one.offer_id for one in proven.redemptions] == [street.limited_offer]
    assert [(one.kind, one.amount_minor) for one in proven.payments] == [("capture", 240), ("refund", 100)]
    assert len((await read_proofs(rows, _key(life.former), proof_key)).consents) == 5


async def opens_nothing(phone: Phone) -> None:
    """No token of somebody erased is known, on any route."""
    for answer in (
        await phone.get("/v1/me"),
        await phone.get("/v1/me/export"),
        await phone.get("/v1/inbox"),
        await phone.post("/v1/fixes", batch(0.0)),
        await phone.http.request("DELETE", "/v1/me", headers=phone.headers),
    ):
        assert (answer.status_code, code_of(answer)) == (401, "unauthenticated"), answer.url


async def test_an_erased_persons_app_starts_again_as_somebody_new(http: httpx.AsyncClient, rows, street):
    life = await live(http, rows, street)
    await http.request("DELETE", "/v1/me", headers=life.second.headers)
    body = {"installation_id": life.second.installation_id, "platform": "ios"}
    again = await http.post("/v1/devices", json=body)
    assert again.status_code == 201
    assert UUID(again.json()["customer_id"]) not in life.customer_ids
    assert UUID(again.json()["device_id"]) not in life.device_ids


def _key(phone: Phone) -> CustomerKey:
    customer_id = UUID(phone.customer_id)
    return CustomerKey(bucket_of(customer_id), customer_id)
