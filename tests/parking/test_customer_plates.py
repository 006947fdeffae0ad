"""A person's number plates over HTTP, and what is kept of them."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from api.plate_key import plate_key_of
from api.settings import Settings
from geo.errors import Unavailable
from offers.parking.customer_plates import add_plate, list_plates, note_use
from offers.parking.plate_keys import PlateKey
from offers.parking.plates import Plate
from offers.people.keys import CustomerKey
from tests.http.phones import Phone, code_of, new_phone
from tests.http.shops import faults_of

PLATES = "/v1/me/plates"
CAR = Plate("FR", "AB123CD")


@pytest.fixture
async def phone(http: httpx.AsyncClient) -> Phone:
    """Of somebody who consents to nothing: a plate needs no consent."""
    return await new_phone(http)


async def adds(phone: Phone, plate: str = "AB-123-CD", **said: Any) -> httpx.Response:
    return await phone.post(PLATES, {"plate": plate, "country": "FR", **said})


async def test_a_plate_is_kept_encrypted_and_shown_to_its_owner_alone(
    http: httpx.AsyncClient, phone: Phone, rows: asyncpg.Pool
) -> None:
    added = await adds(phone, "ab 123 cd", label="Blue car")
    somebody = await new_phone(http)
    path = f"{PLATES}/{added.json()['plate_id']}"

    assert added.status_code == 201, added.text
    assert added.headers["cache-control"] == "no-store"
    assert (added.json()["country"], added.json()["plate"], added.json()["label"]) == (
        "FR",
        "AB123CD",
        "Blue car",
    )
    assert (await phone.get(PLATES)).json()["items"] == [added.json()]
    assert (await somebody.get(PLATES)).json()["items"] == []
    assert (await somebody.patch(path, {"label": "Mine"})).status_code == 404
    assert (await http.delete(path, headers=somebody.headers)).status_code == 404
    kept = await rows.fetchrow("SELECT * FROM parking_plates WHERE customer_id = $1", phone.key[1])
    assert b"123" not in kept["sealed"]
    assert "AB123CD" not in str(dict(kept))


async def test_the_same_plate_again_is_the_same_and_takes_a_new_name(phone: Phone) -> None:
    first = await adds(phone)
    again = await adds(phone, "ab123cd", label="Car")
    once_more = await adds(phone)
    assert (first.status_code, again.status_code, once_more.status_code) == (201, 200, 200)
    assert once_more.json() == again.json() == {**first.json(), "label": "Car"}


async def test_a_plate_is_renamed_and_deleted(phone: Phone) -> None:
    path = f"{PLATES}/{(await adds(phone)).json()['plate_id']}"
    named = await phone.patch(path, {"label": "Van"})
    nameless = await phone.patch(path, {"label": None})
    assert (named.json()["label"], nameless.json()["label"]) == ("Van", None)
    assert (await phone.http.delete(path, headers=phone.headers)).status_code == 204
    assert (await phone.http.delete(path, headers=phone.headers)).status_code == 404
    assert (await phone.get(PLATES)).json()["items"] == []


async def test_there_are_ten_plates_at_most_however_many_are_added_at_once(
    phone: Phone, rows: asyncpg.Pool
) -> None:
    answers = await asyncio.gather(*(adds(phone, f"AB-{n:03}-CD") for n in range(100, 114)))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 4
    assert {code_of(answer) for answer in answers if answer.status_code == 409} == {"too_many_plates"}
    count = await rows.fetchval("SELECT count(*) FROM parking_plates WHERE customer_id = $1", phone.key[1])
    assert count == 10


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"plate": "hello"}, "plate"),
        ({"plate": "AB-123-CO"}, "plate"),
        ({"plate": "🚗"}, "plate"),
        ({"country": "France"}, "country"),
        ({"country": "GB"}, "plate"),
        ({"label": "\t"}, "label"),
    ],
)
async def test_a_plate_of_nonsense_is_refused_without_repeating_it(
    phone: Phone, said: dict[str, Any], field: str
) -> None:
    answer = await adds(phone, **{"plate": "AB-123-CD", **said})
    assert answer.status_code == 400, answer.text
    assert list(faults_of(answer)) == [field]
    assert said.get("plate", "AB-123-CD") not in answer.text
    assert (await phone.get(PLATES)).json()["items"] == []


async def test_without_a_country_it_is_the_one_that_the_person_lives_in(phone: Phone) -> None:
    await phone.patch("/v1/me/preferences", {"country": "FI"})
    answer = await phone.post(PLATES, {"plate": "ABC-123"})
    assert (answer.status_code, answer.json()["country"]) == (201, "FI")


async def test_a_use_is_noted_by_its_day_and_never_goes_back(phone: Phone, rows: asyncpg.Pool) -> None:
    added = (await adds(phone)).json()
    async with rows.acquire() as connection, connection.transaction():
        key = CustomerKey(*phone.key)
        for day in (date(2098, 5, 1), date(2098, 4, 1)):
            await note_use(connection, key, UUID(added["plate_id"]), day)
    assert (await phone.get(PLATES)).json()["items"][0]["used_on"] == "2098-05-01"


# The key ---------------------------------------------------------------------------------------------


def test_what_was_sealed_is_opened_and_is_another_text_each_time() -> None:
    key = PlateKey(b"\x01" * 32)
    sealed = [key.seal(CAR) for _ in range(3)]
    assert {key.open(one) for one in sealed} == {CAR}
    assert len(set(sealed)) == 3
    assert len({len(key.seal(Plate("FI", text))) for text in ("A1", "ABC123")}) == 1, "lengths tell nothing"
    assert "AB123CD" not in repr(CAR)
    assert "AB123CD" not in f"{CAR}"


def test_a_plate_that_was_tampered_with_is_not_opened() -> None:
    key = PlateKey(b"\x01" * 32)
    sealed = key.seal(CAR)
    for place in (10, 25, len(sealed) - 1):
        broken = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(Unavailable):
            key.open(broken)
    with pytest.raises(Unavailable):
        PlateKey(b"\x02" * 32).open(sealed)


def test_the_hash_depends_on_the_key_the_country_and_the_plate() -> None:
    key, other = PlateKey(b"\x01" * 32), PlateKey(b"\x02" * 32)
    hashes = {
        key.hmac(CAR),
        key.hmac(Plate("FI", "AB123CD")),
        key.hmac(Plate("FR", "AB124CD")),
        other.hmac(CAR),
    }
    assert len(hashes) == 4
    assert {len(one) for one in hashes} == {32}
    assert "01" * 8 not in repr(key)


def test_after_a_change_of_key_older_plates_are_opened_and_found(tmp_path: Path) -> None:
    file = tmp_path / "plates.key"
    old = plate_key_of(Settings(plate_key_file=file))
    sealed, found = old.seal(CAR), old.hmac(CAR)
    file.write_text("ab" * 32 + "\n" + file.read_text())

    new = plate_key_of(Settings(plate_key_file=file))

    assert new.name != old.name
    assert new.open(sealed) == new.open(new.seal(CAR)) == CAR
    assert new.hmacs(CAR) == [new.hmac(CAR), found]


async def test_after_a_change_of_key_the_same_plate_is_still_the_same(
    rows: asyncpg.Pool, phone: Phone
) -> None:
    old = PlateKey(b"\x01" * 32)
    new = PlateKey(b"\x02" * 32, (old,))
    key = CustomerKey(*phone.key)
    async with rows.acquire() as connection, connection.transaction():
        first, _ = await add_plate(connection, key, CAR, None, old)
        again, is_new = await add_plate(connection, key, CAR, None, new)
        assert (again, is_new) == (first, False)
        assert [one.itself for one in await list_plates(connection, key, new)] == [CAR]
        await connection.execute("DELETE FROM parking_plates WHERE customer_id = $1", key.customer_id)
