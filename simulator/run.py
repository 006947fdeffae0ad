"""One run: read the city, enrol the phones, let time pass, judge what happened.

Simulated time stands still except where this run advances it: the clock reaches the end of an
interval, then every phone sends what it recorded in it, then the next interval begins.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.random import SeedSequence
from rich.console import Console

from simulator.city import City, count_suppressed, read_city
from simulator.client import Api, UnexpectedAnswerError
from simulator.enrolment import Enrolled, enrol_first, enrol_second
from simulator.journal import Journal
from simulator.judging import judge
from simulator.menus import Diner
from simulator.options import INTERVAL_S, Options
from simulator.parking.books import Taken, books_of_run, read_books
from simulator.parking.drivers import give_cars
from simulator.parking.outings import Motoring
from simulator.parking.residents import register_residents
from simulator.parking.spots import find_spots
from simulator.parking.traffic import Traffic
from simulator.parking.zones import Zones, read_zones
from simulator.people import HOME_ZONE, Inventor, Phone
from simulator.phones import PhoneAtWork
from simulator.progress import progress
from simulator.recount import recount
from simulator.report import Report, report_on
from simulator.roads import read_roads
from simulator.streets import Streets, read_streets
from simulator.tracks import Track, tracks
from simulator.walks import Walker
from simulator.wire import Clock
from simulator.world import World

THURSDAY: Final = 3
NOON: Final = 12


@dataclass
class _Stopwatch:
    began: float = field(default_factory=time.perf_counter)
    phases_s: dict[str, float] = field(default_factory=dict)

    def ends(self, phase: str) -> None:
        """The time since the last phase ended was this phase's."""
        self.phases_s[phase] = round(self.seconds - sum(self.phases_s.values()), 2)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began


class _Scene(NamedTuple):
    """Everything in place, before the first step."""

    city: City
    streets: Streets
    traffic: Traffic
    diners: list[Diner]
    world: World
    phones: list[PhoneAtWork]
    suppressed_before: Counter[str]
    books_before: Taken


async def simulate(options: Options, console: Console | None = None) -> Report:
    """The whole run. Raises UnexpectedAnswerError where the API does not let it go on."""
    stopwatch = _Stopwatch()
    console = console or Console(quiet=True)
    journal = Journal()
    async with Api(options.url, journal.order) as api:
        scene = await _set_scene(api, journal, options, console)
        stopwatch.ends("enrol")
        await _let_time_pass(options, scene, console)
        await asyncio.gather(*(phone.tells_holdouts() for phone in scene.phones))
        await scene.traffic.settles_up()
        journal.books = books_of_run(scene.books_before, await read_books(api, options.admin_key))
        stopwatch.ends("walk")
        suppressed = await count_suppressed(api, options.admin_key, scene.city)
    verdict = judge(scene.phones, scene.city, scene.streets.plane, scene.world.claims, journal)
    violations = recount(journal, scene.city.rules(scene.world.start, HOME_ZONE))
    stopwatch.ends("judge")
    return report_on(
        options,
        scene.world,
        scene.phones,
        suppressed - scene.suppressed_before,
        verdict,
        scene.traffic.findings(_duration_s(options)),
        violations,
        stopwatch.phases_s,
    )


async def _set_scene(api: Api, journal: Journal, options: Options, console: Console) -> _Scene:
    start = await _set_clock(api, journal, options)
    until = start + timedelta(seconds=options.ticks * INTERVAL_S)
    city = await read_city(api, options.admin_key, start, until)
    if not len(city.sites):
        raise UnexpectedAnswerError("the server knows no site to walk to: import a city first")
    streets = read_streets(options.city)
    zones = await read_zones(api, options.admin_key, sorted(city.retailers), streets.plane, start)
    seeds = SeedSequence(options.seed).spawn(6)
    people_seed, track_seed, manners_seed, cars_seed, traffic_seed, menus_seed = seeds
    phones, drivers = give_cars(_people(options, city, start, people_seed), cars_seed, _duration_s(options))
    their_tracks = _tracks(options, city, streets, zones, phones, drivers, track_seed)
    world = World(
        api,
        journal,
        start,
        options.tills,
        offers=city.known_offers,
        fence_numbers=city.fence_numbers,
        fences_not_judged=city.fences_in_flux,
    )
    await register_residents(api, options.admin_key, drivers.values(), zones, start)
    enrolled = await _enrol(world, phones, console)
    seeds = manners_seed.spawn(len(phones))
    at_work = [PhoneAtWork(*each) for each in zip(enrolled, their_tracks, seeds, strict=True)]
    before = await count_suppressed(api, options.admin_key, city)
    books = await read_books(api, options.admin_key)
    traffic = Traffic(world, zones, at_work, drivers, options.inspectors, traffic_seed)
    diners = [
        Diner(phone.enrolled, phone.track, np.random.default_rng(own), _duration_s(options))
        for phone, own in zip(at_work, menus_seed.spawn(len(at_work)), strict=True)
    ]
    return _Scene(city, streets, traffic, diners, world, at_work, before, books)


def next_thursday_noon(now: datetime) -> datetime:
    """When the shops are open and nobody sleeps: the next one in Helsinki, at or after `now`."""
    local = now.astimezone(ZoneInfo(HOME_ZONE))
    noon = local.replace(hour=NOON, minute=0, second=0, microsecond=0)
    noon += timedelta(days=(THURSDAY - noon.weekday()) % 7)
    return noon if noon >= local else noon + timedelta(days=7)


async def _set_clock(api: Api, journal: Journal, options: Options) -> datetime:
    clock = (await api.call("GET", "/v1/clock", key=options.admin_key)).read(Clock)
    if clock.is_ticking:
        held = await api.call("POST", "/v1/clock/tick", key=options.admin_key, body={"ticking": False})
        clock = held.read(Clock)
    start = options.start or next_thursday_noon(clock.now)
    answer = await api.call("POST", "/v1/clock/set", key=options.admin_key, body={"at": start})
    now = answer.read(Clock).now
    journal.clock.append((now, answer.span))
    return now


def _duration_s(options: Options) -> float:
    return options.ticks * INTERVAL_S


def _people(options: Options, city: City, start: datetime, seed: SeedSequence) -> list[Phone]:
    inventor = Inventor(city.marketers, city.offer_tags, start, _duration_s(options))
    return inventor.people_and_phones(seed, options.phones, INTERVAL_S)


def _tracks(
    options: Options,
    city: City,
    streets: Streets,
    zones: Zones,
    phones: Sequence[Phone],
    drivers: Collection[int],
    seed: SeedSequence,
) -> list[Track]:
    """Who has a car and nowhere to drive or park goes on foot."""
    walker = Walker(streets, streets.plane.to_metres(city.sites))
    roads = read_roads(options.city, streets.plane)
    spots = None if roads is None else find_spots(roads, zones)
    motoring = None if roads is None or spots is None else Motoring(roads, spots, walker)
    return tracks(
        phones,
        walker,
        seed=seed,
        duration_s=_duration_s(options),
        interval_s=INTERVAL_S,
        motoring=motoring,
        drivers=drivers,
    )


async def _enrol(world: World, phones: Sequence[Phone], console: Console) -> list[Enrolled]:
    """Every phone, in their order; second phones once the first ones are known."""
    with progress(console, "Enrolling", len(phones)) as step:

        async def enrol(phone: Phone, first: Enrolled | None) -> Enrolled:
            enrolled = await (enrol_second(first, phone) if first else enrol_first(world, phone))
            step("")
            return enrolled

        firsts = await asyncio.gather(*(enrol(phone, None) for phone in phones if phone.is_first))
        by_person = {enrolled.phone.person.number: enrolled for enrolled in firsts}
        others = await asyncio.gather(
            *(enrol(phone, by_person[phone.person.number]) for phone in phones if not phone.is_first)
        )
    by_number = {enrolled.phone.number: enrolled for enrolled in (*firsts, *others)}
    return [by_number[phone.number] for phone in phones]


async def _let_time_pass(options: Options, scene: _Scene, console: Console) -> None:
    world, phones = scene.world, scene.phones
    await asyncio.gather(*(phone.pocket.look_at_inbox() for phone in phones))
    with progress(console, "Walking", options.ticks) as step:
        for number in range(options.ticks):
            now = await _advance(world, options)
            await asyncio.gather(*(phone.tick(number, now) for phone in phones))
            await scene.traffic.tick(now)
            await asyncio.gather(*(diner.tick(number, now) for diner in scene.diners))
            step(f"{len(world.journal.seen)} offers, {len(world.crossing_kinds)} crossings")
    await asyncio.gather(*(phone.pocket.look_at_inbox() for phone in phones))


async def _advance(world: World, options: Options) -> datetime:
    body = {"seconds": INTERVAL_S}
    answer = await world.api.call("POST", "/v1/clock/advance", key=options.admin_key, body=body)
    now = answer.read(Clock).now
    world.journal.clock.append((now, answer.span))
    return now
