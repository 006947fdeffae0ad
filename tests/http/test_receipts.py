"""Receipts that anybody can verify, the keys they are signed with, and who they say has asked."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.auth import create_admin_key, create_retailer_key
from tests.http.phones import Phone, Shop, new_phone, yes

VERIFY = "/v1/receipts/verify"
KEYS = "/.well-known/jwks.json"


def unbased(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(signed: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """What was signed, by RFC 7515 § 5.2 done by hand with nothing of ours; raises InvalidSignature."""
    header, payload, signature = signed.split(".")
    said = json.loads(unbased(header))
    assert said["alg"] == "Ed25519"
    [key] = [one for one in keys if one["kid"] == said["kid"]]
    public = Ed25519PublicKey.from_public_bytes(unbased(key["x"]))
    public.verify(unbased(signature), f"{header}.{payload}".encode())
    receipt: dict[str, Any] = json.loads(unbased(payload))
    return receipt


def changed_at(text: str, position: int) -> str:
    return text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]


async def receipt_of(phone: Phone, *decisions: dict[str, Any]) -> dict[str, Any]:
    said = await phone.answers(*decisions)
    consent_id = said["receipts"][0]["receipt_id"]
    receipt: dict[str, Any] = (await phone.get(f"/v1/consents/{consent_id}/receipt")).json()
    assert receipt == said["receipts"][0]
    return receipt


@pytest.fixture
async def admin(rows: asyncpg.Pool) -> dict[str, str]:
    return {"authorization": f"Bearer {await create_admin_key(rows)}"}


async def test_a_receipt_is_a_file_to_keep(http):
    phone = await new_phone(http)
    consent_id = (await phone.answers(yes("measurement")))["receipts"][0]["receipt_id"]
    answer = await phone.get(f"/v1/consents/{consent_id}/receipt")
    wanted = f'attachment; filename="consent-receipt-{consent_id}.json"'
    assert answer.headers["content-disposition"] == wanted
    assert answer.headers["cache-control"] == "private, no-store"


async def test_the_published_key_verifies_a_receipt_without_us(http):
    receipt = await receipt_of(await new_phone(http), yes("measurement"))
    keys = (await http.get(KEYS)).json()["keys"]
    assert {frozenset(key) for key in keys} == {frozenset({"kid", "x", "kty", "crv", "alg", "use"})}
    said = {name: value for name, value in receipt.items() if name != "jws"}
    assert verified(receipt["jws"], keys) == said


async def test_one_changed_character_anywhere_fails_without_us_and_with_us(http):
    receipt = await receipt_of(await new_phone(http), yes("measurement"))
    keys = (await http.get(KEYS)).json()["keys"]
    header, payload, _ = receipt["jws"].split(".")
    inside = len(header) + 1
    for position in (inside + 5, inside + len(payload) // 2, len(receipt["jws"]) - 40):
        forged = changed_at(receipt["jws"], position)
        with pytest.raises(InvalidSignature):
            verified(forged, keys)
        judged = (await http.post(VERIFY, json={"jws": forged})).json()
        assert (judged["is_valid"], judged["flaw"], judged["receipt"]) == (False, "bad_signature", None)


async def test_a_downloaded_file_is_verified_as_it_is_and_not_if_what_it_shows_was_changed(http):
    receipt = await receipt_of(await new_phone(http), yes("measurement"))
    for sent in (receipt, {"jws": receipt["jws"]}):
        judged = (await http.post(VERIFY, json=sent)).json()
        assert (judged["is_valid"], judged["flaw"]) == (True, None)
        assert judged["receipt"]["receipt_id"] == receipt["receipt_id"]
    event = receipt["events"][0] | {"event_state": "consent withdrawn"}
    judged = (await http.post(VERIFY, json=receipt | {"events": [event]})).json()
    assert (judged["is_valid"], judged["flaw"]) == (False, "differs")


@pytest.mark.parametrize(
    ("signed", "flaw"),
    [
        ("nothing", "malformed"),
        ("a.b.c", "malformed"),
        ("é.é.é", "malformed"),
        ("eyJhbGciOiJFZDI1NTE5In0.e30.AAAA", "malformed"),  # no kid
        ("eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiYSJ9.e30.AAAA", "unknown_key"),
        ("eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.e30.", "unknown_key"),
    ],
)
async def test_what_we_did_not_sign_is_told_apart(http, signed, flaw):
    judged = (await http.post(VERIFY, json={"jws": signed})).json()
    assert (judged["is_valid"], judged["flaw"]) == (False, flaw)


async def test_a_signature_that_says_it_needs_none_is_none(http):
    """RFC 8725 § 3.1: the algorithm is ours to say, not the header's."""
    receipt = await receipt_of(await new_phone(http), yes("measurement"))
    kid = json.loads(unbased(receipt["jws"].split(".")[0]))["kid"]
    for algorithm in ("none", "HS256", "EdDSA"):
        header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": kid}).encode()).decode()
        forged = ".".join([header.rstrip("="), *receipt["jws"].split(".")[1:]])
        judged = (await http.post(VERIFY, json={"jws": forged})).json()
        assert (judged["is_valid"], judged["flaw"]) == (False, "bad_signature")


@pytest.mark.parametrize(
    ("body", "field"), [({}, "body"), ({"jws": ""}, "jws"), ({"jws": "a", "signature": "b"}, "body")]
)
async def test_a_body_that_is_no_receipt_is_refused_by_its_field(http, body, field):
    answer = await http.post(VERIFY, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_rotation_keeps_old_receipts_verifiable_and_destroys_the_old_secret(http, rows, admin):
    old = await receipt_of(await new_phone(http), yes("measurement"))
    fresh = await http.post("/v1/receipts/keys", headers=admin)
    assert fresh.status_code == 201
    kid = fresh.json()["kid"]
    new = await receipt_of(await new_phone(http), yes("measurement"))
    assert json.loads(unbased(new["jws"].split(".")[0]))["kid"] == kid
    keys = (await http.get(KEYS)).json()["keys"]
    assert keys[0]["kid"] == kid
    for receipt in (old, new):
        assert verified(receipt["jws"], keys)["receipt_id"] == receipt["receipt_id"]
        assert (await http.post(VERIFY, json=receipt)).json()["is_valid"]
    secrets = await rows.fetch("SELECT kid FROM alentour_secrets.receipt_keys")
    assert [row["kid"] for row in secrets] == [kid]


async def test_a_restore_without_the_secrets_goes_on_with_a_new_key(http, rows):
    old = await receipt_of(await new_phone(http), yes("measurement"))
    await rows.execute("DELETE FROM alentour_secrets.receipt_keys")
    phones = [await new_phone(http) for _ in range(4)]
    fresh = await asyncio.gather(*(receipt_of(phone, yes("measurement")) for phone in phones))
    kids = {json.loads(unbased(one["jws"].split(".")[0]))["kid"] for one in fresh}
    assert len(kids) == 1, "several who need a key at once make one"
    keys = (await http.get(KEYS)).json()["keys"]
    for receipt in (old, *fresh):
        assert verified(receipt["jws"], keys)["receipt_id"] == receipt["receipt_id"]


async def test_only_an_admin_rotates(http, rows, shop):
    key = await create_retailer_key(rows, shop.retailer_id, "manage")
    answer = await http.post("/v1/receipts/keys", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 403


# Controllers


@pytest.fixture
async def nameless_again(rows: asyncpg.Pool) -> AsyncIterator[None]:
    """The operator says who they are in this test alone."""
    yield
    await rows.execute("DELETE FROM controllers WHERE retailer_id IS NULL")


@pytest.mark.usefixtures("nameless_again")
async def test_whoever_asks_is_listed_with_how_to_reach_them(http, rows, shop, admin):
    silent = await Shop.opens(rows, "Silent")
    await shop.offers()
    said = {"contact": "dpo@city.example", "privacy_policy_url": "https://city.example/privacy"}
    operator = await http.put("/v1/controllers", json={**said, "name": "The City"}, headers=admin)
    assert operator.status_code == 200
    key = await create_retailer_key(rows, shop.retailer_id, "manage")
    own = {"contact": "hello@bakery.example", "privacy_policy_url": "https://bakery.example/p"}
    mine = await http.put("/v1/controllers", json=own, headers={"authorization": f"Bearer {key}"})
    assert mine.json()["controller_id"] == f"retailer:{shop.retailer_id}"
    listed = await _all_controllers(http)
    assert (listed[0]["controller_id"], listed[0]["name"], listed[0]["contact"]) == (
        "operator", "The City", "dpo@city.example",
    )  # fmt: skip
    assert "marketing" not in listed[0]["purposes"]
    by_retailer = {one["retailer_id"]: one for one in listed[1:]}
    bakery = by_retailer[shop.retailer_id]
    assert (bakery["name"], bakery["purposes"]) == ("Bakery", ["marketing"])
    assert bakery["privacy_policy_url"] == own["privacy_policy_url"]
    assert silent.retailer_id not in by_retailer

    phone = await new_phone(http)
    receipt = await receipt_of(phone, yes("marketing", retailer_id=shop.retailer_id, channel="push"))
    asks, works = receipt["party_identification"]
    assert (asks["party_role"], asks["party_contact"]) == ("PII controller", own["contact"])
    assert (works["party_role"], works["party_name"]) == ("PII processor", "The City")
    assert works["party_url"] == said["privacy_policy_url"]


async def _all_controllers(http) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/v1/controllers", params=params)).json()
        listed += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return listed


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"contact": ""}, "contact"),
        ({"contact": "a\u0000"}, "contact"),
        ({"privacy_policy_url": "ftp://city.example"}, "privacy_policy_url"),
        ({"privacy_policy_url": "https://"}, "privacy_policy_url"),
        ({"privacy_policy_url": "https://[city"}, "privacy_policy_url"),
        ({"privacy_policy_url": "https://city.example/a b"}, "privacy_policy_url"),
    ],
)
async def test_a_bad_identity_names_the_field(http, admin, said, field):
    body = {"name": "City", "contact": "dpo", "privacy_policy_url": "https://city.example"} | said
    answer = await http.put("/v1/controllers", json=body, headers=admin)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_a_retailer_speaks_for_itself_only_and_keeps_its_name(http, rows, shop):
    key = {"authorization": f"Bearer {await create_retailer_key(rows, shop.retailer_id, 'manage')}"}
    body = {"contact": "dpo", "privacy_policy_url": "https://city.example"}
    renamed = await http.put("/v1/controllers", json={**body, "name": "Other"}, headers=key)
    assert (renamed.status_code, renamed.json()["errors"][0]["field"]) == (400, "name")
    other = await Shop.opens(rows)
    path = f"/v1/controllers?retailer_id={other.retailer_id}"
    assert (await http.put(path, json=body, headers=key)).status_code == 404


async def test_a_receipt_under_one_key_is_replayed_as_it_was_signed(http):
    phone = await new_phone(http)
    body = {"decisions": [yes("measurement")], "notice_version": 1, "language": "en"}
    headers = {"idempotency-key": uuid4().hex}
    first = await phone.post("/v1/consents", body, headers=headers)
    assert (await phone.post("/v1/consents", body, headers=headers)).json() == first.json()
