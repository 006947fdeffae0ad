"""Tariffs over HTTP: versions are published, overlap nowhere, and are never edited."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.http.shops import Shop, faults_of, version_of
from tests.parking.operators import make_zone, publish, tariff

TARIFFS = "/v1/parking/tariffs"
EARLY, NEXT_YEAR, LATER = "2026-01-01T00:00:00Z", "2097-01-01T00:00:00Z", "2098-01-01T00:00:00Z"


async def versions_of(shop: Shop) -> list[tuple[int, str | None, str | None]]:
    (found,) = (await shop.client.get(TARIFFS)).json()["items"]
    return [(one["version"], one["valid_from"], one["valid_until"]) for one in found["versions"]]


async def test_a_version_without_an_end_ends_where_the_next_begins(shop: Shop) -> None:
    await publish(shop, tariff(version=1, valid_from=EARLY), tariff(version=2, valid_from=NEXT_YEAR))
    assert await versions_of(shop) == [(1, EARLY, NEXT_YEAR), (2, NEXT_YEAR, None)]


async def test_a_version_before_another_holds_until_that_one(shop: Shop) -> None:
    await publish(shop, tariff(version=2, valid_from=LATER), tariff(version=1, valid_from=NEXT_YEAR))
    assert await versions_of(shop) == [(1, NEXT_YEAR, LATER), (2, LATER, None)]


async def test_publishing_the_same_again_changes_nothing(shop: Shop, sql: asyncpg.Connection) -> None:
    first = tariff(version=1, valid_from=EARLY)
    await publish(shop, first, tariff(version=2, valid_from=NEXT_YEAR))
    before = await version_of(sql)

    (again,) = await publish(shop, first)

    assert await version_of(sql) == before
    assert again["tariff"]["valid_until"] == NEXT_YEAR
    assert await versions_of(shop) == [(1, EARLY, NEXT_YEAR), (2, NEXT_YEAR, None)]


OVERLAPS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "the same times",
        {"version": 2, "valid_from": EARLY, "valid_until": LATER},
        "tariff_overlaps",
        "valid_from",
    ),
    ("a part", {"version": 2, "valid_from": NEXT_YEAR}, "tariff_overlaps", "valid_from"),
    ("from ever", {"version": 2, "valid_until": NEXT_YEAR}, "tariff_overlaps", "valid_from"),
    ("other terms", {"version": 1, "valid_from": EARLY, "valid_until": LATER}, "already_exists", "version"),
]


@pytest.mark.parametrize(
    ("said", "code", "field"), [row[1:] for row in OVERLAPS], ids=[row[0] for row in OVERLAPS]
)
async def test_versions_that_would_hold_at_once_are_refused(
    shop: Shop, said: dict[str, Any], code: str, field: str
) -> None:
    await publish(shop, tariff(version=1, valid_from=EARLY, valid_until=LATER))
    answer = await shop.client.post(TARIFFS, json=tariff(price_minor=200, **said))
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert list(faults_of(answer)) == [field]
    assert await versions_of(shop) == [(1, EARLY, LATER)]


async def test_what_has_been_in_force_is_not_cut_short_in_the_past(shop: Shop) -> None:
    await publish(shop, tariff(version=1))
    answer = await shop.client.post(TARIFFS, json=tariff(version=2, valid_from=EARLY))
    assert answer.status_code == 409
    assert "has been in force" in faults_of(answer)["valid_from"]


EDITED = "UPDATE parking_tariff_versions SET terms = '{}' WHERE tariff_id = $1"
ENDED = "UPDATE parking_tariff_versions SET valid_until = '2097-06-01' WHERE tariff_id = $1"
DELETED = "DELETE FROM parking_tariff_versions WHERE tariff_id = $1"
OVERLAPPING = """
    INSERT INTO parking_tariff_versions (tariff_id, version, valid_from, valid_until, terms, published_at)
    SELECT tariff_id, 2, valid_from + interval '1 day', NULL, terms, published_at
    FROM parking_tariff_versions WHERE tariff_id = $1
"""


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [(EDITED, "23000"), (ENDED, "23000"), (DELETED, "23000"), (OVERLAPPING, "23P01")],
    ids=["edited", "ended", "deleted", "overlapping"],
)
async def test_the_database_itself_lets_no_version_be_edited_or_overlap(
    shop: Shop, sql: asyncpg.Connection, statement: str, sqlstate: str
) -> None:
    (made,) = await publish(shop, tariff(valid_from=EARLY, valid_until=LATER))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await sql.execute(statement, made["tariff_id"])
    assert refused.value.sqlstate == sqlstate


async def test_two_versions_that_meet_do_not_overlap(shop: Shop) -> None:
    await publish(
        shop,
        tariff(version=1, valid_from=EARLY, valid_until=NEXT_YEAR),
        tariff(version=2, valid_from=NEXT_YEAR, valid_until=LATER),
    )
    assert len(await versions_of(shop)) == 2


async def test_a_version_can_be_withdrawn_until_it_holds(shop: Shop) -> None:
    made = await publish(shop, tariff(version=1, valid_from=EARLY), tariff(version=2, valid_from=NEXT_YEAR))
    path = f"{TARIFFS}/{made[0]['tariff_id']}/versions"

    in_force = await shop.client.delete(f"{path}/1")
    withdrawn = await shop.client.delete(f"{path}/2")
    again = await shop.client.post(TARIFFS, json=tariff(version=2, price_minor=150, valid_from=NEXT_YEAR))
    instead = await shop.client.post(TARIFFS, json=tariff(version=3, price_minor=150, valid_from=NEXT_YEAR))
    read = await shop.client.get(f"{path}/2")

    assert (in_force.status_code, in_force.json()["code"]) == (409, "tariff_in_force")
    assert withdrawn.status_code == 204
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    assert instead.status_code == 201
    assert read.json()["withdrawn_at"] is not None


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("a negative price", {"price_minor": -1}, "rates[0].lines[0].price_minor"),
    ("a currency that is none", {"currency": "EURO"}, "currency"),
    ("an end before its beginning", {"valid_from": LATER, "valid_until": EARLY}, "valid_until"),
]


@pytest.mark.parametrize(("said", "field"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_tariff_that_cannot_be_is_refused_by_its_field(
    shop: Shop, said: dict[str, Any], field: str
) -> None:
    answer = await shop.client.post(TARIFFS, json=tariff(**said))
    assert answer.status_code == 400, answer.text
    assert field in faults_of(answer)
    assert (await shop.client.get(TARIFFS)).json()["items"] == []


async def test_another_operators_tariff_is_not_there(shop: Shop, other_shop: Shop) -> None:
    (made,) = await publish(shop, tariff(valid_from=NEXT_YEAR))
    path = f"{TARIFFS}/{made['tariff_id']}"
    answers = [
        await other_shop.client.get(path),
        await other_shop.client.get(f"{path}/versions/1"),
        await other_shop.client.delete(f"{path}/versions/1"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    # The same name is another tariff there.
    (theirs,) = await publish(other_shop, tariff(price_minor=900))
    assert theirs["tariff_id"] != made["tariff_id"]


async def test_a_zone_names_its_tariff_and_is_listed_by_it(shop: Shop) -> None:
    (made,) = await publish(shop, tariff())
    await make_zone(shop, "1", tariff="centre")
    await make_zone(shop, "2")
    listed = await shop.client.get("/v1/parking/zones/all", params={"tariff_id": made["tariff_id"]})
    assert [one["properties"]["code"] for one in listed.json()["items"]] == ["1"]
