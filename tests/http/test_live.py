"""The live stream: the hub against a real database, and server-sent events over a real connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.routes import live as route
from geo.errors import TooMany, Unavailable
from offers.handing import live
from offers.handing.live import MOST_AT_ONCE, MOST_PER_CUSTOMER, Listener, LiveHub
from offers.people.consent_records import withdraw_all
from offers.people.customers import CustomerKey, lock_customers
from tests.http.phones import Phone, Shop, code_of, new_phone, no, register
from tests.world import World

SOON_S = 10.0


# The hub -----------------------------------------------------------------------------------------


@pytest.fixture
async def hub(pool) -> AsyncIterator[LiveHub]:
    opened = LiveHub(pool)
    yield opened
    await opened.close()


@pytest.fixture
async def bakery(pool) -> Shop:
    return await Shop.opens(pool)


async def _somebody(pool, shop: Shop) -> Phone:
    """A phone in this test's own database, which no server serves."""
    world = World(pool)
    made = await world.phone(await world.customer(shop.retailer_id))
    client: Any = None
    return Phone(client, "", str(made.device_id), str(made.customer_id), made.token)


def _listen(hub: LiveHub, phone: Phone, after_seq: int = 0) -> Listener:
    return hub.listen(CustomerKey(*phone.key), UUID(phone.device_id), after_seq)


async def _seqs(listener: Listener, number: int) -> list[int]:
    """The next so many, waiting for them."""
    taken: list[int] = []
    while len(taken) < number:
        deliveries = await listener.next(SOON_S)
        assert deliveries, f"only {taken} came"
        taken += [delivery.seq for delivery in deliveries]
    return taken


async def test_what_is_delivered_while_connected_arrives_once_and_in_order(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    offer_id = await bakery.offers()
    listener = _listen(hub, phone)
    given = [await bakery.gives(phone, offer_id) for _ in range(5)]
    assert await _seqs(listener, 5) == [1, 2, 3, 4, 5]
    assert not await listener.next(0.6)
    for one in given:
        assert await one.column(pool, "handed_at") is not None


async def test_resuming_after_a_seq_brings_exactly_what_follows(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    offer_id = await bakery.offers()
    for _ in range(5):
        await bakery.gives(phone, offer_id)
    assert await _seqs(_listen(hub, phone, after_seq=2), 3) == [3, 4, 5]
    # Already handed over to the listener above: a broken connection must still get it.
    assert await _seqs(_listen(hub, phone, after_seq=3), 2) == [4, 5]


async def test_all_phones_of_a_customer_get_every_delivery(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    second = await World(pool).phone(UUID(phone.customer_id))
    one = _listen(hub, phone)
    two = hub.listen(CustomerKey(*phone.key), second.device_id, 0)
    offer_id = await bakery.offers()
    for _ in range(3):
        await bakery.gives(phone, offer_id)
    assert await _seqs(one, 3) == await _seqs(two, 3) == [1, 2, 3]


async def test_phone_that_is_further_on_gets_nothing_twice_because_another_is_behind(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    offer_id = await bakery.offers()
    for _ in range(4):
        await bakery.gives(phone, offer_id)
    behind, ahead = _listen(hub, phone), _listen(hub, phone, after_seq=3)
    assert await _seqs(behind, 4) == [1, 2, 3, 4]
    assert await _seqs(ahead, 1) == [4]
    assert not await ahead.next(0.6)


async def test_customers_get_only_their_own(hub, pool, bakery):
    phones = [await _somebody(pool, bakery) for _ in range(4)]
    listeners = [_listen(hub, phone) for phone in phones]
    offer_id = await bakery.offers()
    given = [await bakery.gives(phone, offer_id) for phone in phones]
    for listener, one in zip(listeners, given, strict=True):
        (delivery,) = await listener.next(SOON_S)
        assert delivery.delivery_id == one.delivery_id
        assert not await listener.next(0.05)


async def test_storm_of_deliveries_is_neither_skipped_nor_doubled(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    offer_id = await bakery.offers()
    listener = _listen(hub, phone)

    async def give_many() -> None:
        for _ in range(40):
            await bakery.gives(phone, offer_id)

    taking = asyncio.create_task(_seqs(listener, 120))
    await asyncio.gather(give_many(), give_many(), give_many())
    assert await taking == list(range(1, 121))


async def test_reader_that_does_not_read_holds_nobody_up_and_loses_nothing(hub, pool, bakery):
    slow, quick = await _somebody(pool, bakery), await _somebody(pool, bakery)
    offer_id = await bakery.offers()
    slow_listener, quick_listener = _listen(hub, slow), _listen(hub, quick)
    for _ in range(MOST_AT_ONCE + 20):
        await bakery.gives(slow, offer_id)
    for _ in range(3):
        await bakery.gives(quick, offer_id)
    assert await _seqs(quick_listener, 3) == [1, 2, 3]
    await hub.poll()
    held = await pool.fetchval(
        "SELECT count(*) FROM deliveries WHERE customer_id = $1 AND handed_at IS NULL", UUID(slow.customer_id)
    )
    assert held == MOST_AT_ONCE + 20, "what waits for a slow phone waits unhanded, in the table"
    assert await _seqs(slow_listener, MOST_AT_ONCE + 20) == list(range(1, MOST_AT_ONCE + 21))


async def test_locked_customer_is_passed_over_and_served_later(hub, pool, bakery):
    locked, free = await _somebody(pool, bakery), await _somebody(pool, bakery)
    offer_id = await bakery.offers()
    await bakery.gives(locked, offer_id)
    await bakery.gives(free, offer_id)
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await lock_customers(connection, CustomerKey(*locked.key))
        waiting, served = _listen(hub, locked), _listen(hub, free)
        assert await _seqs(served, 1) == [1]
        assert not await waiting.next(0.6)
        await transaction.rollback()
    assert await _seqs(waiting, 1) == [1]


async def test_withdrawal_in_progress_is_waited_for_and_nothing_is_handed_over_after_it(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    given = await bakery.gives(phone, await bakery.offers())
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await lock_customers(connection, CustomerKey(*phone.key))
        listener = _listen(hub, phone)
        assert not await listener.next(0.6)
        await connection.execute(
            "UPDATE deliveries SET cancelled_at = alentour_now() WHERE delivery_id = $1", given.delivery_id
        )
        await transaction.commit()
    assert not await listener.next(0.8)
    assert await given.column(pool, "handed_at") is None


async def test_delivery_that_expires_before_its_customer_is_locked_is_not_handed_over(
    hub, pool, bakery, monkeypatch
):
    """Its slot is free again: whoever decides next may have given it away already."""
    phone = await _somebody(pool, bakery)
    given = await bakery.gives(phone, await bakery.offers())
    hand_over_fresh = live._hand_over_fresh

    async def after_the_expiry(connection, rows) -> None:
        await pool.execute("UPDATE deliveries SET expires_at = alentour_now()")
        await hand_over_fresh(connection, rows)

    monkeypatch.setattr(live, "_hand_over_fresh", after_the_expiry)
    assert not await _listen(hub, phone).next(0.6)
    assert await given.column(pool, "handed_at") is None


async def test_delivery_that_another_phone_has_is_not_told_after_a_withdrawal(hub, pool, bakery, monkeypatch):
    phone = await _somebody(pool, bakery)
    await bakery.gives(phone, await bakery.offers(), handed=True)
    tell = live._tell

    async def after_a_withdrawal(connection, listeners) -> None:
        await _withdraw(pool, phone)
        await tell(connection, listeners)

    monkeypatch.setattr(live, "_tell", after_a_withdrawal)
    second = await World(pool).phone(UUID(phone.customer_id))
    assert not await hub.listen(CustomerKey(*phone.key), second.device_id, 0).next(0.6)


async def test_nothing_is_kept_for_a_phone_that_does_not_read_so_a_withdrawal_takes_it_back(
    hub, pool, bakery
):
    phone = await _somebody(pool, bakery)
    listener = _listen(hub, phone)
    await bakery.gives(phone, await bakery.offers(), handed=True)
    await hub.poll()
    await _withdraw(pool, phone)
    assert not await listener.next(0.6)


async def test_withdrawal_waits_until_what_is_being_told_is_out_of_our_hands(hub, pool, bakery, monkeypatch):
    phone = await _somebody(pool, bakery)
    listener = _listen(hub, phone)
    takes, is_written = listener.takes, asyncio.Event()

    async def takes_its_time() -> None:
        await is_written.wait()
        await takes()

    monkeypatch.setattr(listener, "takes", takes_its_time)
    await bakery.gives(phone, await bakery.offers())
    assert await _seqs(listener, 1) == [1]
    withdrawal = asyncio.create_task(_withdraw(pool, phone))
    await asyncio.sleep(0.3)
    assert not withdrawal.done()
    is_written.set()
    await withdrawal


async def _withdraw(pool, phone: Phone) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await withdraw_all(
            connection, CustomerKey(*phone.key), method="test", device_id=UUID(phone.device_id)
        )


async def test_an_unhanded_delivery_holds_up_the_later_ones_of_its_customer(hub, pool, bakery):
    """Else its seq would be passed, and it skipped."""
    phone = await _somebody(pool, bakery)
    offer_id = await bakery.offers()
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await bakery.gives(phone, offer_id)
        await bakery.gives(phone, offer_id, handed=True)
        await transaction.start()
        await lock_customers(connection, CustomerKey(*phone.key))
        listener = _listen(hub, phone)
        assert not await listener.next(0.6)
        await transaction.rollback()
    assert await _seqs(listener, 2) == [1, 2]


async def test_expired_cancelled_and_stopped_deliveries_are_not_sent(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    offer_id, stopped_id = await bakery.offers(), await bakery.offers()
    await bakery.gives(phone, offer_id, expires_in=timedelta(seconds=-1))
    cancelled = await bakery.gives(phone, offer_id)
    stopped = await bakery.gives(phone, stopped_id)
    await bakery.gives(phone, offer_id)
    await pool.execute(
        "UPDATE deliveries SET cancelled_at = alentour_now() WHERE delivery_id = $1", cancelled.delivery_id
    )
    await pool.execute("UPDATE offers SET stopped_at = alentour_now() WHERE offer_id = $1", stopped_id)
    listener = _listen(hub, phone)
    assert await _seqs(listener, 1) == [4]
    assert await stopped.column(pool, "handed_at") is None


async def test_stream_of_a_revoked_phone_ends(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    listener = _listen(hub, phone)
    await pool.execute(
        "UPDATE devices SET status = 'revoked', revoked_at = alentour_now() WHERE device_id = $1",
        UUID(phone.device_id),
    )
    assert not await listener.next(SOON_S)
    assert listener.is_closed
    assert len(hub) == 0


async def test_streams_survive_a_failing_poll(hub, pool, bakery, monkeypatch):
    phone = await _somebody(pool, bakery)
    real, failures = hub.poll, iter([True, False])

    async def poll_badly() -> None:
        if next(failures, False):
            raise ConnectionError("the database restarts")
        await real()

    monkeypatch.setattr(hub, "poll", poll_badly)
    listener = _listen(hub, phone)
    await bakery.gives(phone, await bakery.offers())
    assert await _seqs(listener, 1) == [1]


async def test_too_many_streams_are_refused_and_room_comes_back(pool, bakery):
    hub = LiveHub(pool, most_listeners=3)
    phones = [await _somebody(pool, bakery) for _ in range(4)]
    listeners = [_listen(hub, phone) for phone in phones[:3]]
    with pytest.raises(TooMany):
        _listen(hub, phones[3])
    hub.leave(listeners[0])
    _listen(hub, phones[3])
    await hub.close()


async def test_one_customer_cannot_take_all_streams(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    listeners = [_listen(hub, phone) for _ in range(MOST_PER_CUSTOMER)]
    with pytest.raises(TooMany):
        _listen(hub, phone)
    assert len(listeners) == MOST_PER_CUSTOMER


async def test_stream_that_never_began_leaves_nothing_behind(hub, pool, bakery):
    phone = await _somebody(pool, bakery)
    _listen(hub, phone)
    assert len(hub) == 0


async def test_hub_that_closes_ends_every_stream_and_takes_no_more(pool, bakery):
    hub = LiveHub(pool)
    phone = await _somebody(pool, bakery)
    listener = _listen(hub, phone)
    await hub.close()
    assert not await listener.next(SOON_S)
    assert listener.is_closed
    with pytest.raises(Unavailable):
        _listen(hub, phone)


async def test_silent_stream_is_kept_alive_by_comments(hub, pool, bakery, monkeypatch):
    monkeypatch.setattr(route, "HEARTBEAT_EVERY_S", 0.1)
    phone = await _somebody(pool, bakery)
    listener = _listen(hub, phone)
    events = route._events(hub, listener)
    heard = [await anext(events) for _ in range(3)]
    assert heard == [b": welcome\n\n", b": still here\n\n", b": still here\n\n"]
    hub.leave(listener)
    with pytest.raises(StopAsyncIteration):
        await anext(events)


# Over HTTP ---------------------------------------------------------------------------------------


class Events:
    """Reads events off an open stream."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> tuple[int, dict[str, Any]]:
        """(id, data) of the next event; comments are passed over."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(SOON_S):
            while True:
                line = await anext(self._lines)
                if not line and "data" in fields:
                    assert fields["event"] == "delivery"
                    return int(fields["id"]), json.loads(fields["data"])
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value


@asynccontextmanager
async def _follow(phone: Phone, **headers: str) -> AsyncIterator[Events]:
    async with phone.http.stream("GET", "/v1/live", headers=phone.headers | headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Events(answer.aiter_lines())


@pytest.fixture
async def phone(http, shop):
    one = await new_phone(http)
    await one.consents_to(shop.retailer_id)
    return one


async def test_stream_tells_deliveries_as_the_inbox_does(phone, shop):
    offer_id = await shop.offers()
    async with _follow(phone) as events:
        given = await shop.gives(phone, offer_id)
        seq, delivery = await events.next()
    assert seq == given.seq
    item = (await phone.get("/v1/inbox")).json()["items"][0]
    assert delivery == {name: item[name] for name in delivery}


async def test_reconnecting_with_the_last_event_id_skips_and_doubles_nothing(phone, shop):
    offer_id = await shop.offers()
    last, heard = 0, []
    for _ in range(4):
        for _ in range(2):
            await shop.gives(phone, offer_id)
        async with _follow(phone, **{"last-event-id": str(last)}) as events:
            last, _ = await events.next()  # one of the two, then the connection breaks
            heard.append(last)
    async with _follow(phone, **{"last-event-id": str(last)}) as events:
        heard += [(await events.next())[0] for _ in range(4)]
    assert heard == list(range(1, 9))


async def test_after_seq_does_what_last_event_id_does(phone, shop):
    offer_id = await shop.offers()
    for _ in range(3):
        await shop.gives(phone, offer_id)
    async with phone.http.stream("GET", "/v1/live", params={"after_seq": 2}, headers=phone.headers) as answer:
        seq, _ = await Events(answer.aiter_lines()).next()
    assert seq == 3


async def test_withdrawn_delivery_is_never_streamed(phone, shop):
    offer_id = await shop.offers()
    withdrawn = await shop.gives(phone, offer_id)
    await phone.answers(no("location_offers"))
    await phone.consents_to(shop.retailer_id)
    await shop.gives(phone, offer_id)
    async with _follow(phone) as events:
        seq, _ = await events.next()
    assert seq == withdrawn.seq + 1


async def test_stream_of_a_phone_that_is_revoked_meanwhile_ends(phone):
    async with _follow(phone) as events:
        await phone.post(f"/v1/me/devices/{phone.device_id}/revoke")
        with pytest.raises(StopAsyncIteration):
            await events.next()


@pytest.mark.parametrize("last_event_id", ["x", "-1", "1.5", "9" * 30])
async def test_id_that_is_none_of_ours_is_refused(phone, last_event_id):
    answer = await phone.get("/v1/live", headers={"last-event-id": last_event_id})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Last-Event-ID")


async def test_stream_needs_an_active_phone(http):
    first = await new_phone(http)
    code = (await first.post("/v1/me/link-codes")).json()["code"]
    pending = (await register(http, link_code=code)).json()["token"]
    for token, status in (("dt_00_" + "A" * 43, 401), (pending, 403)):
        answer = await http.get("/v1/live", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status


async def test_eleventh_stream_of_a_customer_is_refused_until_one_ends(phone):
    async with httpx.AsyncClient(base_url=phone.http.base_url, timeout=30) as others:
        opened = [
            await others.send(others.build_request("GET", "/v1/live", headers=phone.headers), stream=True)
            for _ in range(MOST_PER_CUSTOMER)
        ]
        refused = await phone.get("/v1/live")
        assert (refused.status_code, code_of(refused)) == (429, "too_many_live_streams")
        assert int(refused.headers["retry-after"]) >= 1
        await opened[0].aclose()
        assert await _opens_soon(phone)
        for one in opened[1:]:
            await one.aclose()


async def _opens_soon(phone: Phone) -> bool:
    for _ in range(100):
        async with phone.http.stream("GET", "/v1/live", headers=phone.headers) as answer:
            if answer.status_code == 200:
                return True
        await asyncio.sleep(SOON_S / 100)
    return False
