"""The dry run: the engine's own answer for somebody who is not there, with nothing written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.auth import create_admin_key, create_retailer_key
from tests.http.phones import Phone, new_phone, yes
from tests.http.shops import BREAD, Shop, admin, client_of, faults_of, other_shop, shop, sql
from tests.privacy.rows import everything
from tests.serving import Server
from tests.world import METRES_PER_DEGREE, World

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

ELSEWHERE = {"lat": 10.0, "lon": 10.0}
# Each test has a street of its own: every business of the shared server is somewhere.
STREETS = iter(range(1, 1_000))


class Street:
    """A shop with one fence at a place where nobody else is, and what it asks."""

    def __init__(self, shop: Shop, fence_id: int, lat: float) -> None:
        self.shop = shop
        self.fence_id = fence_id
        self.lat = lat
        self.lon = BREAD["lon"]

    @classmethod
    async def opens(cls, shop: Shop, lat: float | None = None, tag: str = "soup") -> Street:
        lat = lat or -60.0 + next(STREETS) * 0.1
        body = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [BREAD["lon"], lat]},
            "properties": {"name": "Around bread", "radius_m": 80, "tags": [tag]},
        }
        answer = await shop.client.post("/v1/fences", json=body)
        assert answer.status_code == 201, answer.text
        return cls(shop, answer.json()["id"], lat)

    @property
    def here(self) -> dict[str, float]:
        return {"lat": self.lat, "lon": self.lon}

    async def offers(self, **said: Any) -> int:
        """Active at once."""
        offer_id: int = (await self.shop.offer(**said))["offer_id"]
        answer = await self.shop.client.post(f"/v1/offers/{offer_id}/activate")
        assert answer.status_code == 200, answer.text
        return offer_id

    async def asks(self, client: httpx.AsyncClient | None = None, **said: Any) -> httpx.Response:
        body = {"trigger": "enter", **said}
        if not {"fence_id", "lat", "lon"} & body.keys():
            body |= {"fence_id": self.fence_id}
        if not {"person", "test_phone_id", "customer"} & body.keys():
            body |= {"person": somebody()}
        return await (client or self.shop.read_only).post("/v1/dry-run", json=body)

    async def told(self, client: httpx.AsyncClient | None = None, **said: Any) -> dict[str, Any]:
        answer = await self.asks(client, **said)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
async def street(shop: Shop) -> Street:
    return await Street.opens(shop)


def somebody(**said: Any) -> dict[str, Any]:
    """Who never sleeps, is of age, and said yes to everything."""
    return {
        "time_zone": "Europe/Paris",
        "age_band": "adult",
        "grants": {"location_offers": True, "personalisation": True, "marketing": ["push", "inbox"]},
        "quiet_hours": {"start": "00:00", "end": "00:00"},
        **said,
    }


async def a_person(http: httpx.AsyncClient, *shops: Shop) -> Phone:
    """The same as a real one, with a phone."""
    phone = await new_phone(http, time_zone="Europe/Paris")
    await phone.consents_to(*(one.retailer_id for one in shops))
    await phone.answers(yes("personalisation"))
    chosen = {"quiet_hours": {"start": "00:00", "end": "00:00"}, "age_band": "adult"}
    assert (await phone.patch("/v1/me/preferences", chosen)).status_code == 200
    return phone


async def enrolled(phone: Phone, shop: Shop) -> str:
    code = (await shop.client.post("/v1/test-phones", json={"label": "Counter"})).json()["code"]
    answer = await phone.post("/v1/test-phones/accept", {"code": code})
    assert answer.status_code == 201, answer.text
    test_phone_id: str = answer.json()["test_phone_id"]
    return test_phone_id


async def arrives(phone: Phone, street: Street) -> list[int]:
    """What the phone is really given there."""
    now = datetime.now(UTC)
    fixes = [
        {
            "fix_id": uuid4().hex,
            "lat": street.lat,
            "lon": street.lon,
            "accuracy_m": 5,
            "recorded_at": (now - timedelta(seconds=before)).isoformat(),
        }
        for before in (10, 0)
    ]
    answer = await phone.post("/v1/fixes", {"sent_at": now.isoformat(), "fixes": fixes})
    assert answer.status_code == 200, answer.text
    assert [one["kind"] for one in answer.json()["crossings"]] == ["enter"], answer.text
    return [one["offer_id"] for one in answer.json()["deliveries"]]


def outcomes(told: dict[str, Any]) -> dict[int, str]:
    return {one["offer_id"]: one["outcome"] for one in told["offers"]}


def rules_of(told: dict[str, Any], offer_id: int) -> dict[str, dict[str, Any]]:
    (one,) = [one for one in told["offers"] if one["offer_id"] == offer_id]
    return {rule["name"]: rule for rule in one["rules"]}


# What is told


async def test_every_rule_is_told_with_its_numbers_and_a_sentence(street):
    offer_id = await street.offers()
    told = await street.told()
    assert told["winner"] == {"offer_id": offer_id, "fence_id": street.fence_id}
    (one,) = told["offers"]
    assert (one["outcome"], one["text"], one["fence_id"]) == (
        "delivered",
        "It would be given.",
        street.fence_id,
    )
    rules = rules_of(told, offer_id)
    assert {"stopped", "not_active", "stale", "no_consent", "quiet_hours", "frequency_cap"} <= set(rules)
    assert all(rule["passed"] and rule["text"] for rule in rules.values())
    caps = [rule for rule in one["rules"] if rule["name"] == "frequency_cap"]
    assert {(rule["numbers"]["scope"], rule["numbers"]["counted"]) for rule in caps} >= {
        ("system", 0), ("each_retailer", 0),
    }  # fmt: skip


async def test_all_rules_are_told_also_after_one_failed(street):
    offer_id = await street.offers()
    told = await street.told(
        person=somebody(grants={}, quiet_hours={"start": "00:00", "end": "23:59"}), at=noon()
    )
    rules = rules_of(told, offer_id)
    assert outcomes(told) == {offer_id: "no_consent"}
    assert {name for name, rule in rules.items() if not rule["passed"]} == {"no_consent", "quiet_hours"}
    assert told["winner"] is None
    assert told["ranking"] == []


def noon(days: int = 0) -> str:
    return (datetime(2030, 6, 5, 10, tzinfo=UTC) + timedelta(days=days)).isoformat()


async def test_it_speaks_french_to_who_asks_in_french(street):
    await street.offers()
    body = {"trigger": "enter", "fence_id": street.fence_id, "person": somebody()}
    answer = await street.shop.client.post("/v1/dry-run", json=body, headers={"accept-language": "fr"})
    assert answer.headers["content-language"] == "fr"
    (one,) = answer.json()["offers"]
    assert one["text"] == "Elle serait donnée."
    assert one["rules"][0]["text"] == "Le commerce n'avait pas arrêté cette offre."


async def test_what_was_given_before_counts(street):
    offer_id = await street.offers(limits={"per_customer": {"at_most": 5, "days": 7}})
    history = [
        {"decided_at": noon(), "offer_id": offer_id},
        {"decided_at": noon()},
        {"decided_at": noon(), "counts_toward_caps": False},
    ]
    told = await street.told(person=somebody(history=history), at=noon())
    (one,) = told["offers"]
    assert one["outcome"] == "frequency_cap"
    counted = {
        rule["numbers"]["scope"]: rule["numbers"]["counted"]
        for rule in one["rules"]
        if rule["name"] == "frequency_cap" and rule["numbers"]["scope"] == "each_retailer"
    }
    assert counted == {"each_retailer": 1}
    assert rules_of(told, offer_id)["customer_limit"]["numbers"]["counted"] == 1
    later = await street.told(person=somebody(history=history), at=noon(days=1))
    assert outcomes(later) == {offer_id: "delivered"}


async def test_audience_is_asked_of_the_invented_visits_and_attributes(street):
    audience = {
        "visits": {"at_least": 1},
        "attributes": {"tier": ["gold"]},
        "interests": ["tea"],
        "if_not_known": "exclude",
    }
    offer_id = await street.offers(audience=audience)
    visits = [(datetime.now(UTC) - timedelta(days=3)).isoformat()]
    right = somebody(visits=visits, attributes={"tier": "gold"}, interests=["tea"])
    assert outcomes(await street.told(person=right)) == {offer_id: "delivered"}
    for wrong in (
        {"attributes": {"tier": "silver"}},
        {"visits": []},
        {"interests": ["cars"]},
        {"grants": {"location_offers": True, "marketing": ["push"]}},
    ):
        assert outcomes(await street.told(person=right | wrong)) == {offer_id: "audience"}, wrong


async def test_a_held_offer_tells_until_when(street):
    offer_id = await street.offers(quiet_hours={"when_quiet": "hold"})
    night = datetime(2030, 6, 5, 22, tzinfo=UTC).isoformat()  # midnight in Paris
    told = await street.told(person=somebody(quiet_hours=None), at=night)
    (one,) = told["offers"]
    assert (one["offer_id"], one["outcome"]) == (offer_id, "held")
    until = datetime.fromisoformat(one["hold_until"])
    assert timedelta() <= until - datetime(2030, 6, 6, 6, tzinfo=UTC) <= timedelta(minutes=30)
    assert "2030-06-06 08:" in one["text"]
    again = await street.told(person=somebody(quiet_hours=None), at=night)
    assert again["offers"][0]["hold_until"] == one["hold_until"]


async def test_an_offer_for_the_inbox_only_is_told_as_it_would_be_given(street):
    offer_id = await street.offers(quiet_hours={"when_quiet": "inbox_only"})
    night = datetime(2030, 6, 5, 22, tzinfo=UTC).isoformat()
    told = await street.told(person=somebody(quiet_hours=None), at=night)
    assert outcomes(told) == {offer_id: "delivered"}
    assert told["offers"][0]["channel"] == "inbox"


async def test_draws_of_holdouts_are_told_and_another_lot_is_another_person(street):
    offer_id = await street.offers(holdout_percent=50)
    seen: dict[str, int] = {}
    for lot in range(1, 40):
        told = await street.told(person=somebody(lot=lot))
        outcome = outcomes(told)[offer_id]
        (draw,) = told["offers"][0]["draws"]
        assert draw["numbers"] == {"drawn_for": "offer", "percent": 50}
        assert draw["passed"] == (outcome == "delivered")
        assert (told["winner"] is None) == (outcome == "holdout")
        assert told["ranking"], "it passed all rules"
        seen[outcome] = seen.get(outcome, 0) + 1
    assert set(seen) == {"delivered", "holdout"}
    assert min(seen.values()) >= 8


async def test_the_ranking_tells_what_it_goes_by(street):
    plain = await street.offers()
    first = await street.offers(priority=5)
    history = [{"decided_at": noon(days=-3), "offer_id": plain, "tags": ["soup"], "was_dismissed": True}]
    disliked = await street.offers(priority=9, tags=["soup"])
    told = await street.told(person=somebody(history=history), at=noon())
    assert [one["offer_id"] for one in told["ranking"]] == [first, disliked]
    assert outcomes(told) == {plain: "dismissed", first: "delivered", disliked: "outranked"}
    best, last = told["ranking"]
    assert (best["priority"], best["is_disliked"], best["ahead_by"]) == (5, False, "disliked")
    assert (last["priority"], last["is_disliked"], last["ahead_by"]) == (9, True, None)
    assert best["text"] == "It comes before the next, as the person turned such offers as the next away."
    assert datetime.fromisoformat(best["last_served_at"]) == datetime.fromisoformat(noon(days=-3))


# Where


async def test_a_position_stands_in_the_own_fences_that_cover_it(street, other_shop):
    theirs = await Street.opens(other_shop, lat=street.lat)
    await theirs.offers()
    mine = await street.offers()
    north = {"lat": street.lat + 50 / METRES_PER_DEGREE, "lon": street.lon}
    told = await street.told(**north)
    (fence,) = told["fences"]
    assert (fence["fence_id"], round(fence["distance_m"])) == (street.fence_id, 50)
    assert outcomes(told) == {mine: "delivered"}
    assert (await street.told(**ELSEWHERE)) | {"at": ""} == {
        "at": "", "time_zone": "Europe/Paris", "language": "en", "fences": [], "offers": [], "ranking": [],
        "winner": None,
    }  # fmt: skip


async def test_two_fences_at_one_place_have_one_winner(street):
    second = await Street.opens(street.shop, lat=street.lat, tag="bread")
    at_both = await street.offers(fences={"tags": ["soup", "bread"]}, priority=3)
    at_one = await second.offers(fences={"tags": ["bread"]})
    told = await street.told(**street.here)
    assert len(told["fences"]) == 2
    results = [(one["offer_id"], one["fence_id"], one["outcome"]) for one in told["offers"]]
    assert sum(outcome == "delivered" for *_, outcome in results) == 1
    assert {(offer, fence) for offer, fence, _ in results} == {
        (at_both, street.fence_id), (at_both, second.fence_id), (at_one, second.fence_id),
    }  # fmt: skip
    assert told["winner"]["offer_id"] == at_both


async def test_offers_that_would_not_be_looked_at_say_why(street):
    leaving = await street.offers(triggers=["exit"])
    elsewhere = (await street.shop.offer(fences={"tags": ["nowhere"]}))["offer_id"]
    here = await street.offers()
    told = await street.told(offer_ids=[leaving, elsewhere, here])
    assert outcomes(told) == {leaving: "other_trigger", elsewhere: "not_here", here: "delivered"}
    without = [one for one in told["offers"] if one["offer_id"] != here]
    assert all(one["rules"] == [] and one["fence_id"] is None for one in without)
    assert all(one["text"] for one in without)


# Drafts, budgets


async def test_a_draft_is_looked_at_where_it_is_named_and_as_if_active(street):
    draft = (await street.shop.offer())["offer_id"]
    assert outcomes(await street.told()) == {}
    named = await street.told(offer_ids=[draft])
    assert outcomes(named) == {draft: "not_active"}
    assert rules_of(named, draft)["frequency_cap"]["passed"], "all the rest is told"
    assert outcomes(await street.told(offer_ids=[draft], as_if_active=True)) == {draft: "delivered"}


async def test_a_stopped_offer_says_so(street):
    offer_id = await street.offers()
    await street.shop.client.post(f"/v1/offers/{offer_id}/stop")
    told = await street.told()
    assert outcomes(told) == {offer_id: "stopped"}
    assert rules_of(told, offer_id)["stopped"]["text"] == "The business stopped this offer."
    assert outcomes(await street.told(as_if_active=True)) == {offer_id: "delivered"}


async def test_budgets_are_told_from_the_rows_and_nothing_is_leased(street, sql):
    offer_id = await street.offers(budget={"deliveries": 1, "per_day": 1})
    assert outcomes(await street.told()) == {offer_id: "delivered"}
    lease = (
        "INSERT INTO budget_leases (lease_id, offer_id, worker_id, granted, expires_at)"
        " VALUES ($1, $2, $1, 1, $3)"
    )
    await sql.execute("UPDATE offer_budgets SET deliveries_available = 0 WHERE offer_id = $1", offer_id)
    assert outcomes(await street.told()) == {offer_id: "budget_spent"}
    await sql.execute(lease, uuid4(), offer_id, datetime(2100, 1, 1, tzinfo=UTC))
    assert outcomes(await street.told()) == {offer_id: "budget_reserved"}
    assert await sql.fetchval("SELECT count(*) FROM budget_leases WHERE offer_id = $1", offer_id) == 1


async def test_a_days_budget_is_whole_again_the_next_day(street, sql):
    offer_id = await street.offers(budget={"per_day": 1, "time_zone": "Europe/Paris"})
    await sql.execute(
        "UPDATE offer_budgets SET day_available = 0, day_start = period_start('day', time_zone, $2)"
        " WHERE offer_id = $1",
        offer_id,
        datetime.fromisoformat(noon()),
    )
    assert outcomes(await street.told(at=noon())) == {offer_id: "budget_spent"}
    assert outcomes(await street.told(at=noon(days=1))) == {offer_id: "delivered"}


# It is the engine's answer


async def _agrees(phone: Phone, street: Street, test_phone_id: str) -> list[int]:
    """What the dry run says of the phone's person is what the phone is given then."""
    told = await street.told(test_phone_id=test_phone_id, **street.here)
    winner = [] if told["winner"] is None else [told["winner"]["offer_id"]]
    assert await arrives(phone, street) == winner, told
    return winner


async def test_what_it_says_of_a_test_phone_is_what_the_phone_is_given(http, street):
    low, high = await street.offers(), await street.offers(priority=5)
    held_out = await street.offers(priority=9, holdout_percent=50)
    await asyncio.sleep(1.2)  # workers look for edits every half second
    given: set[tuple[int, ...]] = set()
    for _ in range(12):
        phone = await a_person(http, street.shop)
        given.add(tuple(await _agrees(phone, street, await enrolled(phone, street.shop))))
    assert given == {(held_out,), (high,)}, "some were held out of the first"
    assert low not in {one for each in given for one in each}


async def test_it_knows_what_a_test_phone_was_given_and_may_be_told(http, street, other_shop):
    await street.offers()
    await asyncio.sleep(1.2)
    phone = await a_person(http, street.shop)
    test_phone_id = await enrolled(phone, street.shop)
    assert await _agrees(phone, street, test_phone_id)
    told = await street.told(test_phone_id=test_phone_id)
    assert [one["outcome"] for one in told["offers"]] == ["frequency_cap"]
    stranger = await new_phone(http)
    await stranger.consents_to(other_shop.retailer_id)
    told = await street.told(test_phone_id=await enrolled(stranger, street.shop))
    assert [one["outcome"] for one in told["offers"]] == ["no_consent"]


# Nothing is written


@dataclass
class Alone:
    """A street on a server of its own: what changes in its database, the one request changed."""

    http: httpx.AsyncClient
    rows: asyncpg.Pool
    street: Street
    admin: httpx.AsyncClient


@pytest.fixture
async def alone(server: Server) -> AsyncIterator[Alone]:
    async with asyncpg.create_pool(server.database_url, min_size=1, max_size=4) as rows:
        retailer_id = await World(rows).retailer()
        keys = [await create_retailer_key(rows, retailer_id, role) for role in ("manage", "read", "till")]
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(client_of(server, key))
                for key in (*keys, await create_admin_key(rows))
            ]
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, timeout=30))
            shop = Shop(retailer_id, *clients[:3])
            yield Alone(http, rows, await Street.opens(shop), clients[3])


async def _same_before_and_after(rows: asyncpg.Pool, ask: Any) -> bool:
    before = await everything(rows)
    answer = await ask()
    assert answer.status_code == 200, answer.text
    return before == await everything(rows)


async def test_nothing_is_written_whoever_is_asked_about(alone: Alone):
    http, rows, street, admin = alone.http, alone.rows, alone.street, alone.admin
    offer_id = await street.offers(holdout_percent=50, budget={"deliveries": 5})
    holding = await street.offers(quiet_hours={"when_quiet": "hold"})
    phone = await a_person(http, street.shop)
    test_phone_id = await enrolled(phone, street.shop)
    night = {"at": datetime(2030, 6, 5, 22, tzinfo=UTC).isoformat()}
    for said in (
        {"person": somebody()},
        {"person": somebody(quiet_hours=None), "offer_ids": [holding, offer_id], **night},
        {"test_phone_id": test_phone_id},
        {"test_phone_id": test_phone_id, **street.here, "as_if_active": True},
    ):
        for client in (street.shop.read_only, street.shop.client):
            assert await _same_before_and_after(rows, lambda c=client, s=said: street.asks(c, **s)), said
    asked = {"params": {"retailer_id": street.shop.retailer_id}}
    body = {"trigger": "enter", "fence_id": street.fence_id, "person": somebody()}
    assert await _same_before_and_after(rows, lambda: admin.post("/v1/dry-run", json=body, **asked))


# Real people


REASON = "Complaint 4711: why no offer on Monday?"


async def test_an_admins_look_at_a_real_customer_is_all_that_is_written(alone: Alone):
    http, rows, street, admin = alone.http, alone.rows, alone.street, alone.admin
    offer_id = await street.offers()
    phone = await a_person(http, street.shop)
    about = {"customer_id": phone.customer_id, "reason": REASON}
    before = await everything(rows)
    told = await street.told(admin, customer=about)
    assert outcomes(told) == {offer_id: "delivered"}
    after = await everything(rows)
    changed = {table for (table, column), values in after.items() if before.get((table, column)) != values}
    assert changed == {"customer_looks", "audit_log"}
    (look,) = (await phone.get("/v1/me/export")).json()["person"]["audit"]
    assert look["reason"] == REASON
    entry = (await admin.get("/v1/audit", params={"operation": "rehearseDecision"})).json()["items"][0]
    assert (entry["subject_kind"], entry["subject_id"], entry["reason"]) == ("customer", None, REASON)
    assert phone.customer_id not in str(entry)


async def test_a_retailer_may_not_look_at_a_real_customer(http, rows, street):
    phone = await a_person(http, street.shop)
    for client in (street.shop.client, street.shop.read_only):
        about = {"customer_id": phone.customer_id, "reason": REASON}
        answer = await street.asks(client, customer=about)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        unknown = await street.asks(client, customer={"customer_id": str(uuid4()), "reason": REASON})
        assert unknown.json()["detail"] == answer.json()["detail"], "it does not tell who there is"
    assert (await phone.get("/v1/me/export")).json()["person"]["audit"] == []


@pytest.mark.parametrize("reason", ["", "too short", "x" * 501, None])
async def test_a_look_needs_a_reason(http, street, admin, reason):
    phone = await a_person(http, street.shop)
    about = {"customer_id": phone.customer_id} | ({} if reason is None else {"reason": reason})
    answer = await street.asks(admin, customer=about)
    assert answer.status_code == 400
    assert (await phone.get("/v1/me/export")).json()["person"]["audit"] == []


async def test_a_look_that_shows_nothing_is_not_kept(http, street, admin):
    phone = await a_person(http, street.shop)
    about = {"customer_id": phone.customer_id, "reason": REASON}
    answer = await street.asks(admin, customer=about, fence_id=999_999_999)
    assert answer.status_code == 404
    assert (await phone.get("/v1/me/export")).json()["person"]["audit"] == []
    unknown = await street.asks(admin, customer={"customer_id": str(uuid4()), "reason": REASON})
    assert unknown.status_code == 404


async def test_an_admin_who_names_nobody_has_all_that_are_there(street, other_shop, admin):
    theirs = await Street.opens(other_shop, lat=street.lat)
    mine, other = await street.offers(), await theirs.offers(tags=["tea"])
    told = await street.told(admin, person=somebody(interests=["tea"]), **street.here)
    assert outcomes(told) == {mine: "outranked", other: "delivered"}
    assert [one["ahead_by"] for one in told["ranking"]] == ["interest", None]


# Whose


async def test_what_is_another_retailers_is_not_there(http, street, other_shop):
    theirs = await Street.opens(other_shop)
    offer_id = await theirs.offers()
    mine = await street.offers()
    test_phone_id = await enrolled(await a_person(http, other_shop), other_shop)
    for said in (
        {"fence_id": theirs.fence_id},
        {"offer_ids": [mine, offer_id]},
        {"test_phone_id": test_phone_id},
        {"test_phone_id": "tp_ff_0000000000000000"},
        {"test_phone_id": "nonsense"},
    ):
        assert (await street.asks(**said)).status_code == 404, said
    history = [{"decided_at": noon(), "offer_id": offer_id}]
    told = await street.told(person=somebody(history=history), at=noon())
    scopes = {
        rule["numbers"]["scope"]: rule["numbers"]["counted"]
        for rule in told["offers"][0]["rules"]
        if rule["name"] == "frequency_cap"
    }
    assert scopes["each_retailer"] == 0, "another's offer is another's"
    assert (await street.asks(other_shop.till)).status_code == 403


# What cannot be asked


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"test_phone_id": "tp_00_0000000000000000", "person": {}}, "person"),
        ({"lat": 1.0}, "fence_id"),
        ({"fence_id": 1, "lat": 1.0, "lon": 1.0}, "fence_id"),
        ({"person": {"time_zone": "Mars/Olympus"}}, "person.time_zone"),
        ({"person": {"language": "?"}}, "person.language"),
        ({"person": {"quiet_hours": {"start": "25:00", "end": "08:00"}}}, "person.quiet_hours.start"),
        ({"person": {"quiet_hours": {"start": "21:00", "end": "8"}}}, "person.quiet_hours.end"),
        ({"person": {"attributes": {"Tier": "x"}}}, "person.attributes.Tier"),
        ({"person": {"visits": ["1999-01-01T00:00:00Z"]}}, "person.visits[0]"),
        ({"person": {"history": [{"decided_at": "2222-01-01T00:00:00Z"}]}}, "person.history[0].decided_at"),
        ({"at": "0001-01-01T00:00:00Z"}, "at"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(street, said, field):
    answer = await street.asks(**said)
    assert answer.status_code == 400, answer.text
    assert field in faults_of(answer)


@pytest.mark.parametrize(
    "said",
    [
        {"trigger": "nearby"},
        {"offer_ids": []},
        {"at": "2030-01-01T00:00:00"},
        {"person": {"lot": 0}},
        {"person": {"grants": {"marketing": ["sms"]}}},
        {"persons": {}},
        {"lat": 91.0, "lon": 0.0},
    ],
)
async def test_what_the_schema_forbids_is_refused(street, said):
    assert (await street.asks(**said)).status_code == 400


async def test_too_many_offers_at_one_place_must_be_named(street, sql):
    offer_id = await street.offers()
    await sql.execute(
        "INSERT INTO offers (retailer_id, status, content, triggers, channel, fence_tags,"
        " created_at, updated_at) SELECT retailer_id, status, content, triggers, channel, fence_tags,"
        " created_at, updated_at FROM offers, generate_series(1, 200) WHERE offer_id = $1",
        offer_id,
    )
    answer = await street.asks()
    assert answer.status_code == 400
    assert "offer_ids" in faults_of(answer)
    assert (await street.asks(offer_ids=[offer_id])).status_code == 200
