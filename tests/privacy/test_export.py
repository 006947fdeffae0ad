"""The export is all there is, and the transparency answer says what it is and what can be done."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import msgspec
import pytest

from api.routes.export_forms import Export
from offers.parking.plate_keys import PlateKey
from offers.people import export
from offers.people.customers import Gone
from offers.people.export import write_export
from tests.http.phones import Phone, new_phone
from tests.privacy.life import Life, found_in, live
from tests.privacy.people import Town, key_of
from tests.privacy.test_erasure_rules import engine, given, town
from tests.serving import Server, StartServer

__all__ = ["engine", "town"]  # fixtures


@pytest.fixture(scope="module")
def server(new_database: Callable[[], str]) -> Iterator[Server]:
    """One for all of these: they leave nothing in each other's way."""
    with StartServer() as start:
        yield start(new_database())


PLATES = PlateKey(b"\x07" * 32)
SECRETS = {
    "plate_hmac",
    "token",
    "token_hash",
    "installation",
    "installation_hash",
    "link_code",
    "reference",
    "reference_hash",
}


class Size:
    """A sink that keeps nothing."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self.bytes += len(data)


class Text:
    """A sink that keeps all."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.parts.append(data)

    @property
    def said(self) -> Any:
        return json.loads(b"".join(self.parts))


async def test_the_export_is_complete_and_tells_no_secret(http, rows, street):
    life = await live(http, rows, street)
    answer = await life.phone.get("/v1/me/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith('attachment; filename="alentour-20')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    exported = msgspec.json.decode(answer.content, type=Export)
    open_needles = {name: text for name, text in life.needles.items() if name.split()[0] not in SECRETS}
    assert set(found_in(answer.text, open_needles.values())) == set(open_needles.values())
    secret = [text for name, text in life.needles.items() if name.split()[0] in SECRETS]
    assert found_in(answer.text, secret) == []
    lists = {
        name: len(one) for name, one in msgspec.to_builtins(exported.person).items() if isinstance(one, list)
    }
    assert {name for name, length in lists.items() if not length} == set(), "everything was left a trace of"
    (before,) = exported.before_joining
    assert str(before.customer_id) == life.former.customer_id
    assert len(before.deliveries) == len(exported.person.earlier_deliveries) == 1
    says_where_and_why(exported)
    await is_the_same_for_the_other_phone(life, answer.text)


def says_where_and_why(exported: Export) -> None:
    person = exported.person
    (where,) = person.whereabouts
    assert where.last_fix is not None
    assert {fence.phase for fence in where.fences} >= {"inside"}
    assert all(fence.fence_name == "Fence" for fence in where.fences)
    assert all(delivery.trace for delivery in person.deliveries)
    assert {delivery.retailer_name for delivery in person.deliveries} == {"Bakery", "Garage"}
    for consent in person.consents:
        assert consent.receipt.receipt_id == consent.consent_id
        assert consent.receipt.pii_principal_id == person.customer_id
    assert person.audit[0].reason.startswith("complaint")


async def is_the_same_for_the_other_phone(life: Life, text: str) -> None:
    """Which phone asks does not matter, but for the moment, and that it used its token."""
    again = (await life.second.get("/v1/me/export")).json()
    first = json.loads(text)
    for one in (again, first):
        one.pop("exported_at")
        one["person"].pop("tokens")
    assert again == first


async def test_a_head_request_gets_no_body(http):
    phone = await new_phone(http)
    answer = await http.head("/v1/me/export", headers=phone.headers)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_somebody_new_exports_hardly_anything(http):
    phone = await new_phone(http)
    said = (await phone.get("/v1/me/export")).json()
    filled = {name for name, value in said["person"].items() if value}
    assert filled == {"customer_id", "profile", "devices", "tokens"}
    assert said["before_joining"] == []


async def test_nobody_gets_anybody_elses(http, rows, street):
    life = await live(http, rows, street)
    stranger = await new_phone(http)
    said = (await stranger.get("/v1/me/export")).text
    assert found_in(said, life.needles.values()) == []


async def test_a_long_life_takes_no_more_memory_than_a_short_one(town: Town):
    phone, _ = await given(town)
    await town.pool.execute(
        "INSERT INTO crossings (bucket, customer_id, crossing_id, device_id, fence_id, retailer_id, kind,"
        " confidence, occurred_at, recorded_at)"
        " SELECT $1, $2, gen_random_uuid(), $3, 1, 1, 'enter', 0.9, $4, $4 FROM generate_series(1, 30000)",
        *key_of(phone),
        phone.device_id,
        await town.pool.fetchval("SELECT alentour_now()"),
    )
    sink = Size()
    async with town.pool.acquire() as connection, connection.transaction():
        tracemalloc.start()
        await write_export(connection, key_of(phone), sink, PLATES)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert sink.bytes > 10_000_000
    assert peak < 3_000_000


async def test_an_export_is_of_one_moment_although_the_person_is_erased_meanwhile(
    town: Town, monkeypatch: pytest.MonkeyPatch
):
    phone, delivery = await given(town)
    whereabouts = export._whereabouts

    async def erase_first(connection: asyncpg.Connection, key: Any) -> Any:
        await town.erases(phone)
        async for one in whereabouts(connection, key):
            yield one

    monkeypatch.setattr(export, "_whereabouts", erase_first)
    sink = Text()
    async with town.pool.acquire() as connection, connection.transaction():
        await write_export(connection, key_of(phone), sink, PLATES)
    assert [one["delivery_id"] for one in sink.said["person"]["deliveries"]] == [str(delivery.delivery_id)]
    with pytest.raises(Gone):
        async with town.pool.acquire() as connection, connection.transaction():
            await write_export(connection, key_of(phone), Text(), PLATES)


async def test_fix_ids_that_no_column_could_take_apart_do_not_break_an_export(town: Town):
    phone, _ = await given(town)
    await town.pool.execute(
        """UPDATE device_states SET state = '{"a":{"fixes":[{"fix_id":"\\u0000"}]}}' WHERE device_id = $1""",
        phone.device_id,
    )
    sink = Text()
    async with town.pool.acquire() as connection, connection.transaction():
        await write_export(connection, key_of(phone), sink, PLATES)
    assert sink.said["person"]["whereabouts"][0]["last_answer_kept"] is True


# What is known about me? ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "2 phones or browsers"), ("fr", "2 téléphones ou navigateurs")],
)
async def test_it_is_explained_in_the_persons_language(http, rows, street, language: str, sentence: str):
    life = await live(http, rows, street)
    answer = await life.phone.get("/v1/me/transparency", headers={"accept-language": language})
    said = answer.json()
    assert said["language"] == answer.headers["content-language"] == language
    assert any(sentence in one["text"] for one in said["known"])
    known = {one["kind"]: one["count"] for one in said["known"]}
    assert known.pop("crossings") >= 2  # the streets of all these tests are in one place
    assert known == {
        "choices": 4, "phones": 2, "whereabouts": 1, "deliveries": 2, "redemptions": 1,
        "answers": 6, "diet": 2, "cars": 1, "parking": 1, "payments": 1, "looks": 1,
    }  # fmt: skip
    assert {one["retailer_name"] for one in said["may_write"]} == {"Bakery", "Garage"}
    assert {one["purpose"] for one in said["asked"]} == {
        "location_offers", "personalisation", "measurement", "dietary", "marketing",
    }  # fmt: skip
    assert not [text for text in texts_in(said) if "{" in text], "every blank is filled in"


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_in(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_in(inner)]
    return [value] if isinstance(value, str) else []


async def test_everything_it_leads_to_is_there_and_every_request_works_as_it_stands(http, rows, street):
    life = await live(http, rows, street)
    said = (await life.phone.get("/v1/me/transparency")).json()
    paths = [one["why"] for one in said["given"]]
    paths += [one[name] for one in said["asked"] for name in ("receipt", "notice")]
    assert len(paths) > 8
    for path in paths:
        assert (await life.phone.get(path)).status_code == 200, path
    kinds = [action["kind"] for action in said["take_back"]]
    assert kinds[-4:] == ["withdraw_all", "correct", "export", "erase"]
    for action in said["take_back"]:
        await is_done(life.phone, action)
    assert (await life.phone.get("/v1/me/transparency")).status_code == 401


async def is_done(phone: Phone, action: dict[str, Any]) -> None:
    answer = await phone.http.request(
        action["method"], action["path"], json=action["body"], headers=phone.headers
    )
    assert answer.is_success, (action, answer.text)
    if action["kind"] == "withdraw_one":
        granted = answer.json()["granted"]
        (decision,) = action["body"]["decisions"]
        assert not any(
            one.startswith(decision["purpose"]) and str(decision.get("retailer_id", "")) in one
            for one in granted
        )


async def test_who_looked_at_a_person_is_told(http, rows, street):
    life = await live(http, rows, street)
    (look,) = (await life.phone.get("/v1/me/transparency")).json()["looked"]
    assert look["reason"].startswith("complaint about")
    assert look["key_id"] == "aaaaaaaaaaaa"
