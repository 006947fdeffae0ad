"""Parking over HTTP with the sandbox's money: quotes, sessions, receipts, enforcement, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.http.kerbs import Kerb
from tests.http.phones import Phone, code_of, new_phone


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await is_so():  # noqa: ASYNC110 - no event for this
            await asyncio.sleep(0.1)


async def until_active(phone: Phone, path: str) -> None:
    async def is_active() -> bool:
        return bool((await phone.get(path)).json()["state"] == "active")

    await until(is_active)


@pytest.fixture
async def kerb(http: httpx.AsyncClient, rows: asyncpg.Pool) -> Kerb:
    return await Kerb(http, rows).opens()


@pytest.fixture
async def phone(http: httpx.AsyncClient) -> Phone:
    """Of somebody who consented to nothing at all."""
    return await new_phone(http, country="FR")


async def test_a_driver_quotes_parks_extends_stops_and_has_a_receipt(kerb: Kerb, phone: Phone) -> None:
    quote = (await kerb.quote(phone)).json()
    assert (quote["price_minor"], quote["currency"], quote["fps_minor"]) == (200, "EUR", 1200)
    assert [step["price_minor"] for step in quote["scale"]] == [50 * n for n in range(1, 25)]
    session = (await kerb.begins(phone, quote["quote_id"])).json()
    assert (session["state"], session["paid_minor"], session["plate"]) == ("active", 200, "AB123CD")
    assert session["extensions"][0]["price_minor"] == 50
    longer = await kerb.extends(phone, session, until=session["extensions"][1]["until"], price_minor=100)
    assert longer.status_code == 200, longer.text
    assert longer.json()["paid_minor"] == 300
    ended = await phone.post(f"/v1/parking/sessions/{session['session_id']}/stop")
    told = ended.json()
    assert (told["state"], told["ended_because"], told["paid_minor"]) == ("ended", "stopped", 300)
    assert told["given_back_minor"] == 250
    assert await kerb.captured_minor(phone) == [50, 0]
    receipt = (await phone.get(f"/v1/parking/sessions/{session['session_id']}/receipt")).json()
    assert (receipt["total_minor"], receipt["money"], receipt["is_final"]) == (50, "sandbox", True)
    assert receipt["vat"] == {"basis_points": 2000, "vat_minor": 8, "net_minor": 42}
    assert [line["amount_minor"] for line in receipt["lines"]] == [200, 100]


async def test_a_receipt_prints_as_a_page_in_the_readers_language(kerb: Kerb, phone: Phone) -> None:
    session = await kerb.parks(phone)
    path = f"/v1/parking/sessions/{session['session_id']}/receipt"
    page = await phone.get(path, headers={"accept": "text/html", "accept-language": "fr"})
    assert page.headers["content-type"].startswith("text/html")
    assert "style-src" in page.headers["content-security-policy"]
    for wanted in ("Reçu de stationnement", "AB123CD", "argent fictif", "2,00 €", "n'est pas terminé", "TVA"):
        assert wanted.replace("'", "&#x27;") in page.text, wanted


async def test_a_retry_is_answered_the_same_and_charged_once(kerb: Kerb, phone: Phone) -> None:
    quote_id, key = (await kerb.quote(phone)).json()["quote_id"], uuid4().hex
    first = await kerb.begins(phone, quote_id, key)
    again = await kerb.begins(phone, quote_id, key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert await kerb.captured_minor(phone) == [200]


async def test_a_decline_leaves_no_session_and_the_quote_free_for_another_card(
    kerb: Kerb, phone: Phone
) -> None:
    quote_id = (await kerb.quote(phone)).json()["quote_id"]
    declined = await kerb.begins(phone, quote_id, payment_method="pm_sandbox_decline")
    assert (declined.status_code, code_of(declined)) == (409, "payment_declined")
    assert (await phone.get("/v1/parking/sessions")).json()["items"] == []
    assert (await kerb.begins(phone, quote_id)).json()["state"] == "active"
    session = (await phone.get("/v1/parking/sessions")).json()["items"][0]
    refused = await kerb.extends(phone, session, duration_min=15, payment_method="pm_sandbox_decline")
    assert code_of(refused) == "payment_declined"
    same = (await phone.get(f"/v1/parking/sessions/{session['session_id']}")).json()
    assert (same["ends_at"], same["state"]) == (session["ends_at"], "active")


async def test_a_bank_that_asks_for_a_proof_leaves_the_session_pending_until_it_has_it(
    kerb: Kerb, phone: Phone
) -> None:
    quote_id = (await kerb.quote(phone)).json()["quote_id"]
    told = (await kerb.begins(phone, quote_id, payment_method="pm_sandbox_action")).json()
    assert (told["state"], told["payment"]["state"]) == ("pending", "requires_action")
    assert told["payment"]["client_secret"]
    path = f"/v1/parking/sessions/{told['session_id']}"
    assert code_of(await phone.get(f"{path}/receipt")) == "not_paid_yet"
    assert code_of(await phone.post(f"{path}/stop")) == "payment_pending"
    await until_active(phone, path)
    assert await kerb.captured_minor(phone) == [200]


async def test_a_lost_answer_is_settled_and_charged_once(kerb: Kerb, phone: Phone) -> None:
    quote_id = (await kerb.quote(phone)).json()["quote_id"]
    answer = await kerb.begins(phone, quote_id, payment_method="pm_sandbox_timeout_capture")
    assert answer.status_code == 201
    path = f"/v1/parking/sessions/{answer.json()['session_id']}"
    await until_active(phone, path)
    assert await kerb.captured_minor(phone) == [200]


async def test_two_phones_start_for_one_plate_at_once_and_one_is_charged(
    kerb: Kerb, http: httpx.AsyncClient
) -> None:
    phones = [await new_phone(http, country="FR") for _ in range(4)]
    quotes = [(await kerb.quote(one)).json()["quote_id"] for one in phones]
    answers = await asyncio.gather(
        *(kerb.begins(one, quote) for one, quote in zip(phones, quotes, strict=True))
    )
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409]
    assert {code_of(one) for one in answers if one.status_code == 409} == {"already_parked"}
    assert [await kerb.captured_minor(one) for one in phones].count([200]) == 1
    assert [await kerb.captured_minor(one) for one in phones].count([]) == 3


async def test_what_the_operator_refunds_is_on_the_receipt_and_given_back_once(
    kerb: Kerb, phone: Phone
) -> None:
    session = await kerb.parks(phone)
    payment_id = session["purchases"][0]["payment_id"]
    office = {"authorization": f"Bearer {await kerb.key('manage')}", "idempotency-key": uuid4().hex}
    refunded = await kerb.http.post(
        f"/v1/payments/{payment_id}/refund", json={"amount_minor": 120, "reason": "goodwill"}, headers=office
    )
    assert refunded.status_code == 202, refunded.text
    path = f"/v1/parking/sessions/{session['session_id']}"

    async def is_told() -> bool:
        return bool((await phone.get(path)).json()["given_back_minor"] == 120)

    await until(is_told)
    assert (await phone.post(f"{path}/stop")).json()["given_back_minor"] == 150
    assert (await phone.get(f"{path}/receipt")).json()["total_minor"] == 50


async def test_extend_against_stop_keeps_the_price_of_the_time(kerb: Kerb, phone: Phone) -> None:
    session = await kerb.parks(phone)
    longer, ended = await asyncio.gather(
        kerb.extends(phone, session, duration_min=30),
        phone.post(f"/v1/parking/sessions/{session['session_id']}/stop"),
    )
    assert ended.status_code == 200, ended.text
    assert longer.status_code == 200 or code_of(longer) == "stay_ended"

    async def has_kept_the_price() -> bool:
        return sum(await kerb.captured_minor(phone)) == 50

    await until(has_kept_the_price)


@pytest.mark.parametrize(
    ("said", "status", "field"),
    [
        ({"plate": "NONSENSE!"}, 400, "plate"),
        ({"country": "ZZZ"}, 400, "country"),
        ({"code": None}, 400, "zone_id"),
        ({"zone_id": 1}, 400, "zone_id"),
        ({"duration_min": None}, 400, "until"),
        ({"duration_min": 0}, 400, "duration_min"),
        ({"until": "2026-01-01T10:00:00"}, 400, "until"),
        ({"duration_min": None, "until": "2020-01-01T10:00:00Z"}, 400, "until"),
        ({"start": "2020-01-01T10:00:00Z"}, 400, "start"),
        ({"plate_id": str(uuid4())}, 400, "plate"),
        ({"user_class": "resident"}, 400, "user_class"),
        ({"code": "NOWHERE"}, 404, None),
        ({"plate": None, "plate_id": str(uuid4())}, 404, None),
        ({"duration_min": 500}, 409, "until"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_by_its_field(
    kerb: Kerb, phone: Phone, said: dict[str, Any], status: int, field: str | None
) -> None:
    answer = await kerb.quote(phone, **said)
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert [fault["field"] for fault in told.get("errors", [])] == ([] if field is None else [field])
    assert (
        await kerb.rows.fetchval("SELECT count(*) FROM parking_quotes WHERE zone_id = $1", kerb.zone_id) == 0
    )


async def test_a_quote_used_twice_or_too_late_changes_nothing(kerb: Kerb, phone: Phone) -> None:
    quote_id = (await kerb.quote(phone)).json()["quote_id"]
    session = (await kerb.begins(phone, quote_id)).json()
    assert code_of(await kerb.begins(phone, quote_id)) == "quote_used"
    await phone.post(f"/v1/parking/sessions/{session['session_id']}/stop")
    late_id = (await kerb.quote(phone)).json()["quote_id"]
    await kerb.rows.execute(
        "UPDATE parking_quotes SET quoted_at = quoted_at - interval '1 hour', expires_at = alentour_now()"
        " WHERE bucket = $1 AND customer_id = $2 AND quote_id = $3",
        *phone.key,
        late_id,
    )
    assert code_of(await kerb.begins(phone, late_id)) == "quote_expired"
    assert await kerb.sessions() == 1
    for path in ("stop", "extend"):
        body = None if path == "stop" else {"duration_min": 15}
        answer = await phone.post(
            f"/v1/parking/sessions/{session['session_id']}/{path}",
            body,
            headers={"idempotency-key": uuid4().hex},
        )
        assert (answer.status_code, code_of(answer)) == (409, "stay_ended")


async def test_another_persons_session_is_not_there(
    kerb: Kerb, phone: Phone, http: httpx.AsyncClient
) -> None:
    session = await kerb.parks(phone)
    other = await new_phone(http)
    path = f"/v1/parking/sessions/{session['session_id']}"
    for answer in (
        await other.get(path),
        await other.get(f"{path}/receipt"),
        await other.post(f"{path}/stop"),
        await kerb.extends(other, session, duration_min=15),
    ):
        assert answer.status_code == 404


async def test_a_plate_of_mine_parks_and_sessions_come_in_pages(kerb: Kerb, phone: Phone) -> None:
    plates = []
    for typed in ("EF-456-GH", "IJ-789-KL", "MN-012-PQ"):
        added = await phone.post("/v1/me/plates", {"plate": typed, "country": "FR"})
        if added.status_code == 201:
            plates.append(added.json()["plate_id"])
    for plate_id in plates:
        await kerb.parks(phone, plate=None, country=None, plate_id=plate_id)
    first = (await phone.get("/v1/parking/sessions", params={"limit": 1})).json()
    rest = (await phone.get("/v1/parking/sessions", params={"cursor": first["next_cursor"]})).json()
    assert len({one["session_id"] for one in first["items"] + rest["items"]}) == len(plates)
    assert (await phone.get("/v1/parking/sessions", params={"session_state": "ended"})).json()["items"] == []
    bad = await phone.get("/v1/parking/sessions", params={"cursor": "Im5vIg"})
    assert bad.status_code == 400


# Inspectors ------------------------------------------------------------------------------------------


async def test_an_inspector_learns_what_was_paid_and_never_by_whom(kerb: Kerb, phone: Phone) -> None:
    session = await kerb.parks(phone)
    inspector = await kerb.inspector()
    asked = {"country": "FR", "zone_id": kerb.zone_id}
    answer = await kerb.http.get(
        "/v1/parking/enforcement/plates/ab%20123%20cd", params=asked, headers=inspector
    )
    told = answer.json()
    assert (told["verdict"], told["valid_until"]) == ("valid", session["covered_until"])
    assert told["fps"] is None
    assert phone.customer_id not in answer.text
    assert session["session_id"] not in answer.text
    [listed] = (
        await kerb.http.get(f"/v1/parking/zones/{kerb.zone_id}/enforcement", headers=inspector)
    ).json()["items"]
    assert (listed["plate"], listed["valid_until"]) == ("AB123CD", session["covered_until"])


async def test_the_fps_is_net_of_what_was_paid_for_the_stay(kerb: Kerb, phone: Phone) -> None:
    inspector = await kerb.inspector()
    asked = {"country": "FR", "zone_id": kerb.zone_id}
    path = "/v1/parking/enforcement/plates/AB123CD"
    told = (await kerb.http.get(path, params=asked, headers=inspector)).json()
    assert (told["verdict"], told["rights"]) == ("not_paid", [])
    assert told["fps"] == {"fps_minor": 1200, "paid_minor": 0, "due_minor": 1200, "currency": "EUR"}
    session = await kerb.parks(phone)
    await phone.post(f"/v1/parking/sessions/{session['session_id']}/stop")
    told = (await kerb.http.get(path, params=asked, headers=inspector)).json()
    assert told["verdict"] == "not_paid"
    assert told["fps"]["due_minor"] == 1150
    assert [right["is_valid"] for right in told["rights"]] == [False]


async def test_looks_at_plates_are_audited_without_the_plate(kerb: Kerb) -> None:
    inspector = await kerb.inspector()
    await kerb.http.get("/v1/parking/enforcement/plates/AB123CD", params={"country": "FR"}, headers=inspector)
    await kerb.http.get(f"/v1/parking/zones/{kerb.zone_id}/enforcement", headers=inspector)
    found = await kerb.rows.fetch(
        "SELECT role, operation, subject_kind, subject_id, changed::text FROM audit_log"
        " WHERE retailer_id = $1 AND role = 'enforce' ORDER BY entry_id",
        kerb.operator_id,
    )
    assert [tuple(row) for row in found] == [
        ("enforce", "lookUpPlate", "plate", None, "{}"),
        ("enforce", "listPlatesInZone", "parking_zone", str(kerb.zone_id), "{}"),
    ]


async def test_only_inspectors_look_up_plates_and_only_of_their_own_zones(
    kerb: Kerb, phone: Phone, http: httpx.AsyncClient, rows: asyncpg.Pool
) -> None:
    await kerb.parks(phone)
    path = "/v1/parking/enforcement/plates/AB123CD"
    for role in ("manage", "read", "till"):
        headers = {"authorization": f"Bearer {await kerb.key(role)}"}
        assert (await http.get(path, params={"country": "FR"}, headers=headers)).status_code == 403
    other = await Kerb(http, rows).opens()
    stranger = await other.inspector()
    assert (await http.get(path, params={"country": "FR"}, headers=stranger)).json()["rights"] == []
    for answer in (
        await http.get(path, params={"country": "FR", "zone_id": kerb.zone_id}, headers=stranger),
        await http.get(f"/v1/parking/zones/{kerb.zone_id}/enforcement", headers=stranger),
    ):
        assert answer.status_code == 404
    for where in ("sites", "audit"):
        assert (await http.get(f"/v1/{where}", headers=stranger)).status_code == 403


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"country": "FR", "at": "2999-01-01T00:00:00Z"}, "at"),
        ({"country": "FR", "at": "2026-01-01T00:00:00"}, "at"),
        ({"country": "fr"}, "country"),
    ],
)
async def test_an_inspector_is_told_which_word_is_wrong(
    kerb: Kerb, asked: dict[str, str], field: str
) -> None:
    answer = await kerb.http.get(
        "/v1/parking/enforcement/plates/AB123CD", params=asked, headers=await kerb.inspector()
    )
    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_a_moment_in_the_past_may_be_asked_about(kerb: Kerb, phone: Phone) -> None:
    await kerb.parks(phone)
    before = datetime.now(UTC) - timedelta(minutes=5)
    answer = await kerb.http.get(
        "/v1/parking/enforcement/plates/AB123CD",
        params={"country": "FR", "zone_id": kerb.zone_id, "at": before.isoformat()},
        headers=await kerb.inspector(),
    )
    assert answer.json()["verdict"] == "not_paid"
