"""Notices, consents and their withdrawal: over HTTP, with real races."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from offers.people.customers import CustomerKey, lock_customers
from offers.people.notices import NewNotice, Text, publish
from tests.http.phones import Phone, Shop, code_of, new_phone, no, yes

PURPOSES = {"location_offers", "location_parking", "personalisation", "measurement", "dietary", "marketing"}


async def _grants(rows: asyncpg.Pool, phone: Phone) -> list[str]:
    grants: list[str] = await rows.fetchval(
        "SELECT grants FROM customers WHERE bucket = $1 AND customer_id = $2", *phone.key
    )
    return grants


async def test_notices_are_there_in_both_languages_for_every_purpose(http):
    for language in ("fr", "en", "fr-CA"):
        notices = (await http.get("/v1/notices", params={"language": language})).json()
        assert {notice["purpose"] for notice in notices} == PURPOSES
        assert {notice["language"] for notice in notices} == {language[:2]}
        assert all(notice["title"] and len(notice["text"]) > 80 for notice in notices)


async def test_notices_in_an_unknown_language_come_in_english(http):
    notices = (await http.get("/v1/notices", params={"language": "zu"})).json()
    assert {notice["language"] for notice in notices} == {"en"}


async def test_accept_language_chooses_the_notices_language(http):
    answer = await http.get("/v1/notices", headers={"accept-language": "de, fr;q=0.8, en;q=0.2"})
    assert {notice["language"] for notice in answer.json()} == {"fr"}


async def test_caches_are_told_which_language_the_notices_are_in(http):
    for wanted, language in (("fr", "fr"), ("zu", "en")):
        answer = await http.get("/v1/notices", headers={"accept-language": wanted})
        assert answer.headers["content-language"] == language
        assert answer.headers["vary"] == "Accept-Language"
    none = await http.get("/v1/notices", params={"purpose": "marketing", "version": 99})
    assert (none.json(), none.headers["vary"]) == ([], "Accept-Language")
    assert "content-language" not in none.headers


async def test_several_answers_are_recorded_at_once(http, rows, shop):
    phone = await new_phone(http)
    said = await phone.answers(
        yes("location_offers"),
        yes("marketing", retailer_id=shop.retailer_id, channel="push"),
        no("personalisation"),
    )
    granted = ["location_offers", f"marketing:{shop.retailer_id}:push"]
    assert said["granted"] == granted
    assert len(said["receipts"]) == 3
    assert sorted(await _grants(rows, phone)) == granted


async def test_withdrawing_one_purpose_leaves_the_others(http, shop):
    phone = await new_phone(http)
    await phone.answers(yes("location_offers"), yes("measurement"))
    answer = await phone.post("/v1/consents", {"decisions": [no("measurement")]})
    assert answer.json()["granted"] == ["location_offers"]


async def test_the_record_is_append_only_and_the_latest_answer_counts(http):
    phone = await new_phone(http)
    await phone.answers(yes("measurement"))
    await phone.answers(no("measurement"))
    await phone.answers(yes("measurement"))
    consents = (await phone.get("/v1/consents")).json()
    assert [one["granted"] for one in consents["history"]] == [True, False, True]
    assert [one["granted"] for one in consents["current"]] == [True]
    assert consents["granted"] == ["measurement"]


async def test_grants_are_what_the_record_says_after_a_storm_of_answers(http, rows):
    phone = await new_phone(http)
    answers = [yes("measurement"), no("measurement"), yes("personalisation"), no("personalisation")] * 6
    await asyncio.gather(*(phone.answers(one) for one in answers))
    consents = (await phone.get("/v1/consents")).json()
    assert len(consents["history"]) == len(answers)
    times = [one["recorded_at"] for one in consents["history"]]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == len(times)
    from_record = sorted(one["purpose"] for one in consents["current"] if one["granted"])
    assert from_record == consents["granted"] == sorted(await _grants(rows, phone))


async def test_withdraw_all_takes_everything_back_in_one_call(http, shop):
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    await phone.answers(yes("measurement"))
    answer = await phone.post("/v1/consents", {"withdraw_all": True})
    assert answer.status_code == 201
    assert answer.json()["granted"] == []
    assert len(answer.json()["receipts"]) == 3
    current = (await phone.get("/v1/consents")).json()["current"]
    assert {one["granted"] for one in current} == {False}


async def test_one_tap_without_a_body_takes_everything_back_and_again_changes_nothing(http, shop):
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    first = await http.delete("/v1/consents", headers=phone.headers)
    assert (first.status_code, first.json()["granted"]) == (200, [])
    receipts = first.json()["receipts"]
    assert {one["purposes"][0]["collection_method"] for one in receipts} == {"one_tap"}
    assert {one["events"][0]["event_state"] for one in receipts} == {"consent withdrawn"}
    before = (await phone.get("/v1/consents")).json()
    again = await http.delete("/v1/consents", headers=phone.headers)
    assert (again.status_code, again.json()) == (200, {"receipts": [], "granted": []})
    assert (await phone.get("/v1/consents")).json() == before


async def test_withdrawing_needs_no_notice_but_granting_does(http):
    phone = await new_phone(http)
    refused = await phone.post("/v1/consents", {"decisions": [yes("measurement")]})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "notice_version"
    assert (await phone.post("/v1/consents", {"decisions": [no("measurement")]})).status_code == 201


async def test_withdrawal_is_recorded_under_the_text_of_the_yes_it_takes_back(http, rows, shop):
    phone = await new_phone(http, language="en")
    marketing = {"retailer_id": shop.retailer_id, "channel": "push"}
    await phone.answers(yes("marketing", **marketing), yes("location_offers"), language="fr")
    async with rows.acquire() as connection, connection.transaction():
        texts = {"en": Text(title="Newer", text="May we?")}
        now = await connection.fetchval("SELECT alentour_now()")
        newer = NewNotice(
            purpose="marketing",
            retailer_id=shop.retailer_id,
            asks_again=False,
            grace_days=None,
            texts=texts,
        )
        await publish(connection, newer, now)
    one = await phone.post("/v1/consents", {"decisions": [no("marketing", **marketing)]})
    rest = await phone.post("/v1/consents", {"withdraw_all": True})
    for answer in (one, rest):
        (receipt,) = answer.json()["receipts"]
        assert receipt["language"] == "fr"
        assert "version=1" in receipt["privacy_notice"]


async def test_refusal_of_what_was_never_granted_is_recorded_in_the_customers_language(http):
    for language, recorded in (("fr-CA", "fr"), ("en-GB", "en"), ("zu", "en")):
        phone = await new_phone(http, language=language)
        answer = await phone.post("/v1/consents", {"decisions": [no("personalisation")]})
        assert answer.json()["receipts"][0]["language"] == recorded


async def test_a_second_no_takes_nothing_back_and_is_in_the_customers_language(http):
    phone = await new_phone(http, language="fr")
    await phone.answers(yes("personalisation"), language="en")
    for _ in range(2):
        await phone.post("/v1/consents", {"decisions": [no("personalisation")]})
    history = (await phone.get("/v1/consents")).json()["history"]
    assert [one["language"] for one in history] == ["fr", "en", "en"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decisions": [yes("marketing", channel="push")]}, "decisions[0].retailer_id"),
        ({"decisions": [yes("marketing", retailer_id=1)]}, "decisions[0].channel"),
        ({"decisions": [yes("marketing", retailer_id=1, channel="sms")]}, "decisions[0].channel"),
        ({"decisions": [yes("marketing", retailer_id=2**62, channel="push")]}, "decisions[0].retailer_id"),
        ({"decisions": [yes("measurement", retailer_id=1)]}, "decisions[0].purpose"),
        ({"decisions": [yes("profiling")]}, "decisions[0].purpose"),
        ({"decisions": [yes("measurement"), no("measurement")]}, "decisions[1]"),
        ({"decisions": [{"purpose": "measurement", "granted": "yes"}]}, "decisions[0].granted"),
        ({"decisions": [yes("measurement")], "notice_version": 99}, "notice_version"),
        ({"decisions": [yes("measurement")], "language": "zu"}, "notice_version"),
        ({"decisions": [yes("measurement")], "method": "a\u0000b"}, "method"),
        ({"decisions": []}, "decisions"),
        ({"decisions": [no("measurement")], "withdraw_all": True}, "decisions"),
    ],
)
async def test_bad_answer_names_the_field_and_records_nothing(http, body, field):
    phone = await new_phone(http)
    answer = await phone.post("/v1/consents", {"notice_version": 1, "language": "en", **body})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert (await phone.get("/v1/consents")).json()["history"] == []


async def test_one_wrong_answer_records_none_of_its_call(http):
    phone = await new_phone(http)
    body = {
        "decisions": [yes("measurement"), yes("marketing", retailer_id=2**60, channel="push")],
        "notice_version": 1,
        "language": "en",
    }
    assert (await phone.post("/v1/consents", body)).status_code == 400
    assert (await phone.get("/v1/consents")).json()["granted"] == []


async def test_marketing_withdrawal_cancels_only_what_it_covers(http, rows, shop):
    phone = await new_phone(http)
    other = await Shop.opens(rows, "Café")
    await phone.consents_to(shop.retailer_id, other.retailer_id)
    await phone.answers(yes("marketing", retailer_id=shop.retailer_id, channel="inbox"))
    offer, other_offer = await shop.offers(), await other.offers()
    push = await shop.gives(phone, offer)
    inbox = await shop.gives(phone, offer, channel="inbox")
    handed = await shop.gives(phone, offer, handed=True)
    seen = [await shop.gives(phone, offer, handed=True) for _ in ("shown", "opened")]
    for one, event in zip(seen, ("shown", "opened"), strict=True):
        await phone.post(f"/v1/deliveries/{one.delivery_id}/events", {"event": event})
    redeemed = await shop.gives(phone, offer, handed=True)
    await rows.execute(
        "UPDATE deliveries SET redeemed_at = decided_at WHERE delivery_id = $1", redeemed.delivery_id
    )
    elsewhere = await other.gives(phone, other_offer)
    await phone.answers(no("marketing", retailer_id=shop.retailer_id, channel="push"))
    for unseen in (push, handed):
        assert await unseen.column(rows, "cancelled_because") == "consent_withdrawn"
    for kept in (inbox, *seen, redeemed, elsewhere):
        assert await kept.column(rows, "cancelled_at") is None


async def test_location_withdrawal_cancels_all_that_waits_and_forgets_where_the_phone_is(http, rows, shop):
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    given = await shop.gives(phone, await shop.offers())
    await _remember_something(rows, phone, shop)
    await phone.answers(no("location_offers"))
    assert await given.column(rows, "cancelled_because") == "consent_withdrawn"
    assert await _memory_of(rows, phone) == (None, 0)


async def test_state_is_forgotten_once_neither_purpose_of_location_needs_it(http, rows, shop):
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    await phone.answers(yes("location_parking"))
    await _remember_something(rows, phone, shop)
    await phone.answers(no("location_parking"))
    assert await _memory_of(rows, phone) == ("{}", 1)
    await phone.answers(yes("location_parking"))
    await phone.answers(no("location_offers"))
    assert await _memory_of(rows, phone) == ("{}", 0)
    await phone.answers(no("location_parking"))
    assert await _memory_of(rows, phone) == (None, 0)


async def test_withdrawal_succeeds_whatever_a_phone_called_its_fixes(http, rows, shop):
    """PostgreSQL keeps a JSON text with a NUL in a string but will not look into it."""
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    given = await shop.gives(phone, await shop.offers(), handed=True)
    state = r'{"b":"k","a":{"fixes":[{"fix_id":"\u0000"}]}}'
    await rows.execute(
        "UPDATE device_states SET state = $1 WHERE device_id = $2", state, UUID(phone.device_id)
    )
    await phone.answers(no("marketing", retailer_id=shop.retailer_id, channel="push"))
    assert await given.column(rows, "cancelled_because") == "consent_withdrawn"
    assert (await _memory_of(rows, phone))[0] == '{"b":"k"}'


async def test_withdrawal_waits_for_a_delivery_being_decided_and_then_cancels_it(http, rows, shop):
    """A flush holds the customer's lock: the withdrawal must see what it wrote, not the moment before."""
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    offer_id = await shop.offers()
    async with rows.acquire() as flush:
        transaction = flush.transaction()
        await transaction.start()
        await lock_customers(flush, CustomerKey(*phone.key))
        withdrawal = asyncio.create_task(phone.answers(no("location_offers")))
        await asyncio.sleep(0.3)
        assert not withdrawal.done()
        given = await shop.writes(flush, phone, offer_id)
        await transaction.commit()
    said = await withdrawal
    assert await given.column(rows, "cancelled_because") == "consent_withdrawn"
    withdrawn_at = datetime.fromisoformat(said["receipts"][0]["events"][0]["event_time"])
    assert withdrawn_at > given.decided_at, "whoever waited acts later than whom it waited for"


async def test_receipt_repeats_the_answer_with_the_standards_names(http, shop):
    phone = await new_phone(http)
    said = await phone.answers(yes("marketing", retailer_id=shop.retailer_id, channel="push"))
    consent_id = said["receipts"][0]["receipt_id"]
    receipt = (await phone.get(f"/v1/consents/{consent_id}/receipt")).json()
    assert receipt == said["receipts"][0]
    assert receipt["schema_version"] == "ISO/IEC TS 27560:2023"
    assert receipt["pii_principal_id"] == phone.customer_id
    purpose = receipt["purposes"][0]
    assert (purpose["purpose"], purpose["lawful_basis"]) == ("marketing", "consent")
    assert purpose["pii_controllers"] == [f"retailer:{shop.retailer_id}"]
    assert receipt["party_identification"][0]["party_name"] == "Bakery"
    assert receipt["events"][0]["event_state"] == "consent given"
    notice = (await http.get(receipt["privacy_notice"])).json()
    assert [one["purpose"] for one in notice] == ["marketing"]


async def test_receipt_of_a_french_answer_is_in_french_throughout(http, shop):
    phone = await new_phone(http)
    purposes = [yes(purpose) for purpose in sorted(PURPOSES - {"marketing", "dietary"})]
    purposes.append(yes("marketing", retailer_id=shop.retailer_id, channel="push"))
    french, english = [], []
    for asked in (purposes, [yes("dietary")]):  # the latter is asked alone
        french += (await phone.answers(*asked, language="fr"))["receipts"]
        english += (await phone.answers(*asked))["receipts"]
    assert {one["language"] for one in french} == {"fr"}
    for one, other in zip(french, english, strict=True):
        (said,), (meant,) = one["purposes"], other["purposes"]
        assert said["purpose"] == meant["purpose"]
        assert len(said["pii_information"]) == len(meant["pii_information"])
        assert not _texts(one) & _texts(other), "nothing is left in English"


def _texts(receipt: dict[str, Any]) -> set[str]:
    """What of a receipt is there to be read."""
    (purpose,) = receipt["purposes"]
    kinds = {one["pii_type"] for one in purpose["pii_information"]}
    operator = {one["party_name"] for one in receipt["party_identification"] if one["party_id"] == "operator"}
    return kinds | operator | {purpose["retention_period"], receipt["events"][0]["validity_duration"]}


async def test_withdrawal_named_in_a_receipt_works(http, shop):
    phone = await new_phone(http)
    said = await phone.answers(yes("marketing", retailer_id=shop.retailer_id, channel="push"))
    how = said["receipts"][0]["purposes"][0]["withdrawal_method"]
    answer = await phone.http.request(how["method"], how["path"], json=how["body"], headers=phone.headers)
    assert answer.json()["granted"] == []


async def test_another_customers_receipt_is_not_found(http):
    owner, stranger = await new_phone(http), await new_phone(http)
    said = await owner.answers(yes("measurement"))
    for consent_id in (said["receipts"][0]["receipt_id"], uuid4()):
        answer = await stranger.get(f"/v1/consents/{consent_id}/receipt")
        assert (answer.status_code, code_of(answer)) == (404, "not_found")


async def test_answers_sent_twice_under_one_key_are_recorded_once(http):
    phone = await new_phone(http)
    body = {"decisions": [yes("measurement")], "notice_version": 1, "language": "en"}
    headers = {"idempotency-key": uuid4().hex}
    first = await phone.post("/v1/consents", body, headers=headers)
    again = await phone.post("/v1/consents", body, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert len((await phone.get("/v1/consents")).json()["history"]) == 1


async def _remember_something(rows: asyncpg.Pool, phone: Phone, shop: Shop) -> None:
    device_id = UUID(phone.device_id)
    await rows.execute("UPDATE device_states SET state = '{}' WHERE device_id = $1", device_id)
    await rows.execute(
        "INSERT INTO timers (bucket, customer_id, device_id, kind, fence_id, due_at)"
        " VALUES ($1, $2, $3, 'dwell', $4, alentour_now() + interval '1 day')",
        *phone.key,
        device_id,
        shop.fence_id,
    )


async def _memory_of(rows: asyncpg.Pool, phone: Phone) -> tuple[str | None, int]:
    device_id = UUID(phone.device_id)
    state = await rows.fetchval("SELECT state FROM device_states WHERE device_id = $1", device_id)
    timers = await rows.fetchval("SELECT count(*) FROM timers WHERE device_id = $1", device_id)
    return state, timers


@pytest.mark.parametrize(
    ("said", "field", "name"),
    [
        ({"withdraw_everything": True}, "body", "withdraw_everything"),
        ({"withdrawAll": True}, "body", "withdrawAll"),
        ({"decisions": [yes("measurement", retailer=1)]}, "decisions[0]", "retailer"),
        ({"decisions": [yes("measurement"), no("marketing", chanel="push")]}, "decisions[1]", "chanel"),
    ],
)
async def test_unknown_member_is_refused_by_its_name_and_records_nothing(http, said, field, name):
    phone = await new_phone(http)
    body = {"decisions": [yes("measurement")], "notice_version": 1, "language": "en", **said}
    answer = await phone.post("/v1/consents", body)
    assert answer.status_code == 400
    fault = answer.json()["errors"][0]
    assert (fault["field"], f"`{name}`" in fault["reason"]) == (field, True)
    assert (await phone.get("/v1/consents")).json()["history"] == []
