"""How people get to know the server, and tell it what they want: devices, consents, preferences.

Each answer goes into the journal, with the moments between which it came into force.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote

from simulator.client import Answer
from simulator.journal import Change, HeldOut, History, Quiet
from simulator.people import Decision, Phone
from simulator.wire import Export, LinkCode, Notice, Registered
from simulator.world import Customer, World

T = TypeVar("T")

DECISIONS_AT_ONCE: Final = 100
# What people who are not adults may rightly hear when they say yes.
TOO_YOUNG: Final = frozenset({"under_age", "age_not_declared"})
# What everybody rightly hears after an erasure.
UNKNOWN_NOW: Final = frozenset({"unauthenticated"})
ADULT: Final = "adult"
KNOWN_BEFORE: Final = 200


class Enrolled(NamedTuple):
    """A phone that the server knows."""

    world: World
    phone: Phone
    token: str
    customer: Customer


async def enrol_first(world: World, phone: Phone) -> Enrolled:
    """The first phone of a person: a new customer, with all initial answers."""
    answer = await _register(world, phone)
    registered = answer.read(Registered)
    customer = Customer(registered.customer_id)
    world.journal.time_zones[customer.customer_id] = History(phone.person.time_zone)
    world.journal.quiet_hours[customer.customer_id] = History(None)
    world.journal.age_bands[customer.customer_id] = History("unknown")
    enrolled = Enrolled(world, phone, registered.token, customer)
    if answer.status == KNOWN_BEFORE:  # an earlier run with this seed: begin as one who said nothing yet
        forget = await world.api.call("POST", "/v1/consents", key=enrolled.token, body={"withdraw_all": True})
        forget.read(dict)
    await _tell_about_oneself(enrolled)
    if phone.person.quiet is not None:
        await want_quiet(enrolled, phone.person.quiet)
    language = quote(phone.person.language)
    notices = await world.api.call("GET", f"/v1/notices?language={language}", key=enrolled.token)
    customer.notice_versions = {one.purpose: one.version for one in notices.read(list[Notice])}
    await decide(enrolled, phone.person.decisions)
    return enrolled


async def enrol_second(first: Enrolled, phone: Phone) -> Enrolled:
    """Another phone of the same person: joins by a code that the first one shows and confirms."""
    world = first.world
    answer = await world.api.call("POST", "/v1/me/link-codes", key=first.token, body={})
    link = answer.read(LinkCode)
    registered = (await _register(world, phone, link_code=link.code)).read(Registered)
    if registered.status == "pending":
        path = f"/v1/me/link-codes/{link.code_id}/confirm"
        route = "/v1/me/link-codes/{id}/confirm"
        (await world.api.call("POST", path, key=first.token, body={}, route=route)).read(dict)
    return Enrolled(world, phone, registered.token, first.customer)


async def decide(enrolled: Enrolled, decisions: Sequence[Decision]) -> None:
    """Says yes or no to several purposes, as many at once as the API takes."""
    for first in range(0, len(decisions), DECISIONS_AT_ONCE):
        await _decide(enrolled, decisions[first : first + DECISIONS_AT_ONCE])


async def _decide(enrolled: Enrolled, decisions: Sequence[Decision]) -> None:
    world, customer = enrolled.world, enrolled.customer
    body = {
        "decisions": [_written(decision, customer) for decision in decisions],
        "language": enrolled.phone.person.language,
        "method": "simulated_switch",
    }
    expected = TOO_YOUNG if customer.may_be_too_young else frozenset()
    answer = await world.api.call("POST", "/v1/consents", key=enrolled.token, body=body, expected=expected)
    for decision in decisions:
        history = world.journal.consent(customer.customer_id, decision.grant)
        history.changes.append(_change(decision.granted, answer))


async def want_quiet(enrolled: Enrolled, quiet: Quiet) -> None:
    """Chooses quiet hours."""
    body = {"quiet_hours": {"start": f"{quiet.start:%H:%M}", "end": f"{quiet.end:%H:%M}"}}
    answer = await enrolled.world.api.call("PATCH", "/v1/me/preferences", key=enrolled.token, body=body)
    history = enrolled.world.journal.quiet_hours[enrolled.customer.customer_id]
    history.changes.append(_change(quiet, answer))


async def _tell_about_oneself(enrolled: Enrolled) -> None:
    person = enrolled.phone.person
    body = {
        "interests": person.interests,
        "age_band": person.age_band,
        "time_zone": person.time_zone,
        "quiet_hours": None,
    }
    answer = await enrolled.world.api.call("PATCH", "/v1/me/preferences", key=enrolled.token, body=body)
    journal, customer = enrolled.world.journal, enrolled.customer
    journal.time_zones[customer.customer_id].changes.append(_change(person.time_zone, answer))
    journal.age_bands[customer.customer_id].changes.append(_change(person.age_band, answer))
    customer.may_be_too_young = person.age_band != ADULT


async def turn_out_to_be(enrolled: Enrolled, age_band: str) -> None:
    """Says to be younger than was said before. What that takes back is for the server to know by itself."""
    world, customer = enrolled.world, enrolled.customer
    customer.may_be_too_young = age_band != ADULT
    answer = await world.api.call(
        "PATCH", "/v1/me/preferences", key=enrolled.token, body={"age_band": age_band}
    )
    world.journal.age_bands[customer.customer_id].changes.append(_change(age_band, answer))
    for grant, history in world.journal.consents.get(customer.customer_id, {}).items():
        # Marketing is over; whether location is depends on the country.
        certain = answer.is_good and grant.retailer_id is not None
        history.changes.append(Change(False, answer.span.sent, answer.span.answered if certain else None))


async def erase(enrolled: Enrolled) -> None:
    """Wants to be forgotten, with everything on every phone."""
    world, customer = enrolled.world, enrolled.customer
    answer = await world.api.call("DELETE", "/v1/me", key=enrolled.token, expected=UNKNOWN_NOW)
    world.journal.erased[customer.customer_id] = _change(True, answer)
    customer.is_erased = True
    for history in world.journal.consents.get(customer.customer_id, {}).values():
        history.changes.append(_change(False, answer))


async def read_holdouts(enrolled: Enrolled) -> None:
    """Notes what somebody was held out of, by the server's own export."""
    customer = enrolled.customer
    if customer.is_erased:
        return
    answer = await enrolled.world.api.call("GET", "/v1/me/export", key=enrolled.token)
    enrolled.world.journal.held_out += [
        HeldOut(customer.customer_id, one.offer_id, one.drawn_for, one.decided_at)
        for one in answer.read(Export).person.holdouts
    ]


async def _register(world: World, phone: Phone, link_code: str | None = None) -> Answer:
    body = {
        "installation_id": phone.installation_id,
        "platform": phone.platform,
        "label": f"simulated phone {phone.number}",
        "time_zone": phone.person.time_zone,
        "language": phone.person.language,
    }
    if link_code is not None:
        body["link_code"] = link_code
    return await world.api.call("POST", "/v1/devices", key=None, body=body)


def _change(value: T, answer: Answer) -> Change[T]:
    return Change(value, answer.span.sent, answer.span.answered if answer.is_good else None)


def _written(decision: Decision, customer: Customer) -> dict[str, object]:
    grant = decision.grant
    version = customer.notice_versions[grant.purpose]
    said: dict[str, object] = {
        "purpose": grant.purpose,
        "granted": decision.granted,
        "notice_version": version,
    }
    if grant.retailer_id is not None:
        said |= {"retailer_id": grant.retailer_id, "channel": grant.channel}
    return said
