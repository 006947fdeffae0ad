"""Events of a delivery, and why it was given."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.http.phones import Given, Phone, code_of, new_phone, no


@pytest.fixture
async def phone(http, shop):
    one = await new_phone(http)
    await one.consents_to(shop.retailer_id)
    return one


async def _report(phone: Phone, given: Given, event: str, at: datetime | None = None):
    body = {"event": event} | ({"at": at.isoformat()} if at else {})
    return await phone.post(f"/v1/deliveries/{given.delivery_id}/events", body)


async def test_every_kind_of_event_is_kept(phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    for event in ("shown", "opened", "dismissed", "less_like_this"):
        answer = await _report(phone, given, event)
        assert answer.status_code == 200
        assert answer.json()[f"{event}_at"] is not None


async def test_repeating_an_event_keeps_the_first_time(phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    first = (await _report(phone, given, "shown")).json()
    assert (await _report(phone, given, "shown")).json() == first


async def test_events_mean_the_same_in_any_order(phone, shop, rows):
    offer_id = await shop.offers()
    reports = [("shown", 1), ("shown", 2), ("opened", 3)]
    for order in itertools.permutations(reports):
        given = await _given_an_hour_ago(phone, shop, rows, offer_id)
        began = given.decided_at - timedelta(hours=1)
        for event, minute in order:
            await _report(phone, given, event, began + timedelta(minutes=minute))
        assert await given.column(rows, "shown_at") == began + timedelta(minutes=1)
        assert await given.column(rows, "opened_at") == began + timedelta(minutes=3)
        assert await given.column(rows, "dismissed_at") is None


async def _given_an_hour_ago(phone, shop, rows, offer_id) -> Given:
    given = await shop.gives(phone, offer_id, handed=True)
    await rows.execute(
        "UPDATE deliveries SET decided_at = decided_at - interval '1 hour' WHERE delivery_id = $1",
        given.delivery_id,
    )
    return given


async def test_time_before_the_decision_is_taken_as_the_decisions(phone, shop, rows):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    await _report(phone, given, "shown", given.decided_at - timedelta(hours=2))
    assert await given.column(rows, "shown_at") == given.decided_at


async def test_future_time_is_refused(phone, shop, rows):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    answer = await _report(phone, given, "shown", datetime.now(UTC) + timedelta(minutes=5))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "at")
    assert await given.column(rows, "shown_at") is None


@pytest.mark.parametrize(
    "body", [{"event": "loved"}, {}, {"event": "shown", "at": "2026-05-04T10:00:00"}, {"event": None}, []]
)
async def test_bad_event_is_refused(phone, shop, body):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    answer = await phone.post(f"/v1/deliveries/{given.delivery_id}/events", body)
    assert answer.status_code == 400


async def test_expired_delivery_still_takes_events(phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True, expires_in=timedelta(milliseconds=1))
    assert (await _report(phone, given, "shown")).status_code == 200


async def test_cancelled_delivery_takes_no_events(phone, shop):
    given = await shop.gives(phone, await shop.offers())
    await phone.answers(no("location_offers"))
    answer = await _report(phone, given, "shown")
    assert (answer.status_code, code_of(answer)) == (409, "delivery_cancelled")


async def test_delivery_that_no_phone_was_given_takes_no_events(phone, shop):
    given = await shop.gives(phone, await shop.offers())
    answer = await _report(phone, given, "shown")
    assert (answer.status_code, code_of(answer)) == (409, "delivery_not_handed")


async def test_another_customers_delivery_is_not_found(http, phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    stranger = await new_phone(http)
    unknown = Given(uuid4(), "", 0, given.decided_at)
    for one in (given, unknown):
        assert (await _report(stranger, one, "shown")).status_code == 404
        assert (await stranger.get(f"/v1/deliveries/{one.delivery_id}/why")).status_code == 404
    assert (await stranger.get("/v1/deliveries/not-an-id/why")).status_code == 404


async def test_why_names_rules_retailer_and_consents_in_plain_words(phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    await phone.patch("/v1/me/preferences", {"time_zone": "Europe/Paris"})
    why = (await phone.get(f"/v1/deliveries/{given.delivery_id}/why")).json()
    assert why["language"] == "en"
    assert why["retailer_name"] == "Bakery"
    assert "Bakery" in why["summary"]
    assert "Site" in why["summary"]
    texts = {rule["name"]: rule["text"] for rule in why["rules"]}
    assert "12:30" in texts["quiet_hours"]
    assert "21:00" in texts["quiet_hours"]
    assert texts["frequency_cap"] == (
        "Since 2026-05-04 00:00 you had received 1 offer in all; at most 2 are allowed."
    )
    assert {one["purpose"] for one in why["consents"]} == {"location_offers", "marketing"}
    for consent in why["consents"]:
        assert consent["notice_version"] == 1
        assert consent["given_at"] <= given.decided_at.isoformat()


async def test_why_speaks_french_to_who_asks_in_french(phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    path = f"/v1/deliveries/{given.delivery_id}/why"
    answer = await phone.get(path, headers={"accept-language": "fr-FR,fr;q=0.9,en;q=0.5"})
    assert answer.headers["content-language"] == "fr"
    assert "vous êtes arrivé" in answer.json()["summary"]
    assert answer.json()["rules"][0]["text"] == "Le commerce n'avait pas arrêté cette offre."
    await phone.patch("/v1/me/preferences", {"language": "fr-CA"})
    assert (await phone.get(path)).json()["language"] == "fr"
    assert (await phone.get(path, headers={"accept-language": "en"})).json()["language"] == "en"


async def test_why_says_that_the_reasons_were_forgotten(phone, shop, rows):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    await rows.execute("UPDATE deliveries SET trace = '[]' WHERE delivery_id = $1", given.delivery_id)
    path = f"/v1/deliveries/{given.delivery_id}/why"
    why = (await phone.get(path)).json()
    assert why["rules"] == []
    assert why["summary"].endswith("The detailed reasons were forgotten after 90 days.")
    assert {one["purpose"] for one in why["consents"]} == {"location_offers", "marketing"}
    french = (await phone.get(path, headers={"accept-language": "fr"})).json()
    assert french["summary"].endswith("Les raisons détaillées ont été oubliées après 90 jours.")


async def test_why_says_which_answer_counted_at_the_time(phone, shop):
    first = await shop.gives(phone, await shop.offers(), handed=True)
    await phone.answers(no("marketing", retailer_id=shop.retailer_id, channel="push"))
    await phone.consents_to(shop.retailer_id)
    second = await shop.gives(phone, await shop.offers(), handed=True)
    ids = []
    for given in (first, second):
        why = (await phone.get(f"/v1/deliveries/{given.delivery_id}/why")).json()
        ids.append({one["purpose"]: one["consent_id"] for one in why["consents"]})
    assert ids[0]["marketing"] != ids[1]["marketing"]


async def test_consent_named_in_why_can_be_taken_back_as_it_says(phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    why = (await phone.get(f"/v1/deliveries/{given.delivery_id}/why")).json()
    for consent in why["consents"]:
        method, path = consent["withdraw_at"].split()
        answer = await phone.http.request(method, path, json=consent["withdraw_body"], headers=phone.headers)
        assert answer.status_code == 201
    assert (await phone.get("/v1/consents")).json()["granted"] == []


@pytest.mark.parametrize("name", ["opened_at", "when", "At"])
async def test_unknown_member_of_an_event_is_refused_by_its_name(phone, shop, rows, name):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    body = {"event": "opened", name: "2026-05-04T10:15:00Z"}
    answer = await phone.post(f"/v1/deliveries/{given.delivery_id}/events", body)
    assert answer.status_code == 400
    assert f"`{name}`" in answer.json()["errors"][0]["reason"]
    assert await given.column(rows, "opened_at") is None
