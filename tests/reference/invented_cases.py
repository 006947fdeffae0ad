"""Random cases, drawn so that every rule is met often, from both sides and on its edges.

Most of a case is plain; obstacles come one or two at a time, because a rule that is asked early hides all
that come later. Times are drawn beside the edges they are compared with.
"""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import cache
from random import Random
from uuid import UUID

from tests.reference.clocks import first_day, first_moment, wall
from tests.reference.decision import lot
from tests.reference.facts import (
    Audience,
    Cap,
    Case,
    Crossing,
    Defaults,
    Hours,
    Offer,
    Past,
    Person,
    Place,
    Units,
)

ZONES = [
    "Europe/Paris",
    "Europe/Helsinki",
    "UTC",
    "America/Havana",  # the day begins at 01:00 once a year, and twice at 00:00 once
    "America/Santiago",  # the last hour of a day comes twice
    "Africa/Cairo",  # a midnight that does not exist
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # changes by half an hour
    "Pacific/Kiritimati",  # fourteen hours ahead
]
# The nights of 2026 in which clocks change somewhere above, a month's first days, a plain week.
NIGHTS = [
    datetime(2026, month, day, tzinfo=UTC)
    for month, day in (
        (3, 8), (3, 29), (4, 5), (4, 24), (9, 6), (10, 4), (10, 25), (10, 30), (11, 1), (4, 1), (1, 1),
        (6, 10), (6, 11), (6, 12), (6, 13), (6, 14), (6, 15), (6, 16),
    )
]  # fmt: skip
TAGS = ["coffee", "books", "shoes", "bread"]
LANGUAGES = ["fr", "en", "fi"]
CHANNELS = ["push", "inbox"]
RETAILERS = [1, 2, 3]
TRIGGERS = ["enter", "dwell", "exit", "nearby"]
SALT = "sea"


def minutes(clock: datetime) -> int:
    return clock.hour * 60 + clock.minute


HOURS = [
    Hours("24/7", lambda clock: True),
    Hours("Mo-Fr 08:00-18:00", lambda clock: clock.weekday() < 5 and 480 <= minutes(clock) < 1080),
    Hours("Mo-Sa 06:00-23:00; Su off", lambda clock: clock.weekday() < 6 and 360 <= minutes(clock) < 1380),
    Hours("Mo-Su 22:00-03:00", lambda clock: minutes(clock) >= 1320 or minutes(clock) < 180),
    Hours(
        "Mo-Su 11:30-14:00,19:00-23:00",
        lambda clock: 690 <= minutes(clock) < 840 or 1140 <= minutes(clock) < 1380,
    ),
    Hours("Sa,Su 00:00-24:00", lambda clock: clock.weekday() >= 5),
    Hours('open "ring the bell"', lambda clock: True),
    Hours("off", lambda clock: False),
    Hours('"on request"', None),
    Hours("whenever we like", None),
]  # fmt: skip


@cache
def barely_given() -> list[UUID]:
    """People whose lot is the first that is not held out, of everything or of offer 1."""
    people = [UUID(int=number) for number in range(30_000)]
    return [
        one
        for one in people
        if lot(SALT, b"everything", one.bytes) in {1000, 3000}
        or lot(SALT, b"offer:1", one.bytes) in {2000, 5000}
    ]


def invent(seed: int) -> Case:
    return Inventor(seed).case()


class Inventor:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.chance = self.random.random
        self.one_of = self.random.choice
        zone = self.one_of(ZONES)
        self.now = self.a_moment(zone)
        self.defaults = Defaults(
            *self.quiet_hours(zone), self.one_of([10, 30]) if self.happens(0.12) else 0, SALT
        )
        self.person = self.a_person(zone)

    def happens(self, chance: float) -> bool:
        return self.chance() < chance

    def maybe(self, chance: float, value):
        return value if self.happens(chance) else None

    def case(self) -> Case:
        places = [self.a_place(fence_id) for fence_id in range(1, self.random.randint(2, 5))]
        offers = tuple(self.an_offer(n, places) for n in range(1, self.random.randint(2, 7)))
        caps = tuple(self.a_cap(cap_id) for cap_id in range(self.random.randint(0, 3)))
        self.caps, self.offers = caps, offers
        crossings, let_go = self.crossings(places), self.what_is_let_go(places)
        self.stay_where_it_was_crossed(let_go)
        ids = [offer.offer_id for offer in offers]
        return Case(
            now=self.now,
            person=self.person,
            history=self.a_history((*crossings, *let_go)),
            holds=frozenset(self.random.sample(ids, 1)) if self.happens(0.25) else frozenset(),
            offers=offers,
            stopped=frozenset(self.random.sample(ids, 1)) if self.happens(0.08) else frozenset(),
            caps=caps,
            defaults=self.defaults,
            units={offer_id: self.some_units() for offer_id in ids},
            crossings=crossings,
            let_go=let_go,
        )

    # When -------------------------------------------------------------------------------------------

    def a_moment(self, zone: str) -> datetime:
        """Some time of a night or day, as often as not just at, before or after a full hour."""
        at = self.one_of(NIGHTS) + timedelta(minutes=self.random.randrange(-900, 900))
        if self.happens(0.4):
            at = at.replace(minute=self.one_of([0, 30])) + self.nudge()
        elif self.happens(0.3):
            at = first_moment(wall(at, zone).date(), zone) + self.nudge()
        return at

    def nudge(self) -> timedelta:
        return self.one_of([timedelta(0), timedelta(microseconds=1), timedelta(seconds=1)]) * self.one_of(
            [-1, 1]
        )

    def quiet_hours(self, zone: str) -> tuple[time, time]:
        """Mostly elsewhen; sometimes around now, with an edge at this very minute."""
        if self.happens(0.6):
            return time(0), time(0)
        if self.happens(0.4):
            return self.one_of([(time(21), time(8)), (time(1, 30), time(2, 30)), (time(2, 30), time(3))])
        start, end = (
            (wall(self.now, zone) + timedelta(minutes=shift)).time().replace(second=0, microsecond=0)
            for shift in (
                self.one_of([-600, -240, -60, -1, 0, 1]),
                self.one_of([0, 1, 30, 61, 240, 720]),
            )
        )
        return start, end

    # Who --------------------------------------------------------------------------------------------

    def a_person(self, zone: str) -> Person:
        grants = {"location_offers", "measurement"}
        grants |= {f"marketing:{r}:{c}" for r in RETAILERS for c in CHANNELS if self.happens(0.93)}
        if self.happens(0.03):
            grants.discard("location_offers")
        if self.happens(0.65):
            grants.add("personalisation")
        own_quiet = self.quiet_hours(zone) if self.happens(0.4) else (None, None)
        is_known = self.happens(0.8)
        return Person(
            customer_id=self.one_of(barely_given())
            if self.happens(0.1)
            else UUID(int=self.random.getrandbits(128)),
            time_zone=zone,
            language=self.one_of(["fr", "en", "fr-CA", "en-GB", "de"]),
            grants=frozenset(grants),
            quiet_start=own_quiet[0],
            quiet_end=own_quiet[1],
            interests=frozenset(self.random.sample(TAGS, self.random.randint(0, 2))),
            visits={r: self.stays() for r in RETAILERS if self.happens(0.7)} if is_known else None,
            attributes={r: {"tier": self.one_of(["gold", "tin"])} for r in RETAILERS if self.happens(0.7)}
            if is_known
            else None,
            # Drawn last, from a lot of its own: who is no adult may still have grants here.
            age_band="adult" if self.happens(0.95) else self.one_of(["unknown", "under_15", "15_17"]),
        )

    def stays(self) -> tuple[datetime, ...]:
        """Singly, in runs some hours long, and beside four hours and 90 days ago."""
        stays = []
        for _ in range(self.random.randint(0, 3)):
            at = self.now - timedelta(days=self.random.randint(0, 40), seconds=self.random.randint(0, 90_000))
            if self.happens(0.3):
                at = self.now - timedelta(hours=self.one_of([4, 24, 48, 72, 90 * 24])) + self.nudge()
            stays.append(at)
            while self.happens(0.4):
                at += timedelta(hours=self.one_of([1, 3, 4, 5])) + self.nudge()
                stays.append(at)
        return tuple(sorted(stay for stay in stays if stay <= self.now))

    def an_audience(self, chance: float) -> Audience:
        between = {
            name: self.maybe(chance, self.random.randint(0, 3))
            for name in ("visits_at_least", "visits_at_most")
        } | {
            name: self.maybe(chance, self.random.randint(0, 30))
            for name in ("last_visit_days_at_least", "last_visit_days_at_most")
        }
        return Audience(
            languages=tuple(self.random.sample(LANGUAGES, 2)) if self.happens(chance) else (),
            interests=tuple(self.random.sample(TAGS, 2)) if self.happens(chance) else (),
            attributes={"tier": ("gold",)} if self.happens(chance) else {},
            if_not_known=self.one_of(["include", "exclude"]),
            **between,
        )

    # Where ------------------------------------------------------------------------------------------

    def a_place(self, fence_id: int) -> Place:
        zone = self.one_of([self.person.time_zone, self.one_of(ZONES)])
        return Place(
            fence_id=fence_id,
            retailer_id=self.one_of(RETAILERS),
            site_id=self.maybe(0.8, self.random.randint(1, 3)),
            time_zone=zone,
            opening_hours=self.maybe(0.7, self.one_of(HOURS)),
            fence_active_hours=self.maybe(0.07, self.one_of(HOURS)),
            fence_starts_at=self.maybe(0.05, self.now + self.nudge() * self.one_of([1, 3600])),
            fence_disabled_at=self.maybe(0.05, self.now + self.nudge() * self.one_of([1, 3600])),
            fence_tags=frozenset(self.random.sample(["town", "mall"], self.random.randint(0, 2))),
        )

    def crossings(self, places: list[Place]) -> tuple[Crossing, ...]:
        """One to three fixes of one or two phones, of one to three crossings each, in no order."""
        found = []
        phones = [UUID(int=self.random.getrandbits(128)) for _ in range(2)]
        for _ in range(self.random.randint(1, 3)):
            at, phone = self.now - self.an_age(), self.one_of(phones)
            some = self.random.sample(places, min(len(places), self.random.randint(1, 3)))
            found += [self.a_crossing(phone, at, place) for place in some]
        self.random.shuffle(found)
        return tuple(found)

    def an_age(self) -> timedelta:
        """Fresh, or beside the edge of some offer's patience. Phones tell milliseconds."""
        if self.happens(0.75):
            return timedelta(milliseconds=self.random.randrange(0, 100_000))
        return timedelta(seconds=self.one_of([30, 120, 300, 900])) + self.one_of([-1, 0, 1]) * timedelta(
            milliseconds=1
        )

    def a_crossing(self, phone: UUID, at: datetime, place: Place) -> Crossing:
        return Crossing(
            device_id=phone,
            at=at,
            crossing_id=UUID(int=self.random.getrandbits(128)),
            trigger=self.one_of(TRIGGERS),
            place=place,
            distance_m=self.one_of([0.0, 9.99, 10.0, 14.5, 19.99, 20.0, 35.0, self.random.uniform(0, 60)]),
            # Asks nothing of a crossing, which tells by itself that somebody is there or has left.
            is_present=self.happens(0.7),
        )

    def what_is_let_go(self, places: list[Place]) -> tuple[Crossing, ...]:
        if self.happens(0.55):
            return ()
        waiting = []
        for offer in self.random.sample(self.offers, min(len(self.offers), self.random.randint(1, 3))):
            own = [place for place in places if place.retailer_id == offer.retailer_id]
            if not own:
                continue
            age = timedelta(minutes=self.random.randrange(0, 1300))
            if self.happens(0.15):
                age = timedelta(hours=24) + self.one_of([-1, 0, 1]) * timedelta(seconds=1)
            crossing = self.a_crossing(
                UUID(int=self.random.getrandbits(128)), self.now - age, self.one_of(own)
            )
            if waiting and waiting[-1].place.retailer_id == offer.retailer_id and self.happens(0.5):
                crossing = waiting[-1]  # two offers wait of the same crossing
            waiting.append(
                replace(crossing, was_held=True, is_present=self.happens(0.6), offer_id=offer.offer_id)
            )
        return tuple(sorted(waiting, key=lambda one: (one.at, one.offer_id)))

    def stay_where_it_was_crossed(self, let_go: tuple[Crossing, ...]) -> None:
        """Who crossed a fence in the evening has often dwelt there by the next morning."""
        visits = dict(self.person.visits or {})
        for crossing in let_go:
            if self.happens(0.5):
                stay = crossing.at + self.one_of([-1, 0, 1]) * timedelta(
                    minutes=self.one_of([0, 3, 240, 241])
                )
                retailer = crossing.place.retailer_id
                visits[retailer] = tuple(sorted((*visits.get(retailer, ()), min(stay, self.now))))
        self.person = replace(self.person, visits=visits or None)

    # What -------------------------------------------------------------------------------------------

    def an_offer(self, offer_id: int, places: list[Place]) -> Offer:
        place = self.one_of(places)
        when_quiet = self.one_of(["drop", "hold", "hold", "inbox_only"])
        is_limited, has_stock = self.happens(0.15), self.happens(0.1)
        return Offer(
            offer_id=offer_id,
            retailer_id=place.retailer_id if self.happens(0.9) else self.one_of(RETAILERS),
            channel=self.one_of(CHANNELS),
            triggers=tuple(self.random.sample(TRIGGERS, self.random.randint(2, 4))),
            fence_ids=frozenset(p.fence_id for p in places if self.happens(0.6)),
            fence_tags=frozenset({"town"} if self.happens(0.4) else ()),
            site_ids=frozenset({1, 2} if self.happens(0.4) else ()),
            status="paused" if self.happens(0.04) else "active",
            tags=tuple(self.random.sample(TAGS, self.random.randint(0, 2))),
            priority=self.one_of([0, 0, 0, 5, -5]),
            starts_at=self.maybe(0.04, self.now + self.nudge()),
            ends_at=self.maybe(0.04, self.now + self.nudge()),
            weekly_hours=self.maybe(0.07, self.one_of(HOURS)),
            only_while_open=self.happens(0.07),
            delivery_budget=100 if is_limited and self.happens(0.5) else None,
            budget_per_day=10 if is_limited and self.happens(0.5) else None,
            budget_per_week=50 if is_limited and self.happens(0.5) else None,
            redemption_stock=10 if has_stock else None,
            redemptions_left=self.one_of([0, 1, 9]) if has_stock else None,
            customer_limit=self.maybe(0.2, self.random.randint(1, 2)),
            customer_limit_days=self.maybe(0.5, self.one_of([1, 7, 30])),
            re_eligible_after_s=self.maybe(0.2, self.one_of([0, 3600, 86_400])),
            stale_after_s=self.one_of([120, 120, 120, 300, 900, 30]),
            ignores_caps=self.happens(0.1),
            counts_toward_caps=self.happens(0.9),
            when_quiet=when_quiet,
            needs_presence=self.happens(0.3),
            audience=self.an_audience(0.2 if self.happens(0.3) else 0.0),
            holdout_percent=self.one_of([20, 50])
            if self.happens(0.5 if when_quiet == "inbox_only" else 0.15)
            else 0,
            is_stopped=self.happens(0.03),
        )

    def some_units(self) -> Units:
        return Units(
            left=self.one_of([0, 1, 1, 2, 5]),
            good_until=self.maybe(0.3, self.now + self.nudge() * self.one_of([1, 3600])),
            when_out=self.one_of(["spent", "reserved"]),
        )

    # How often --------------------------------------------------------------------------------------

    def a_cap(self, cap_id: int) -> Cap:
        scope = self.one_of(["system", "each_retailer", "retailer", "offer"])
        is_rolling = self.happens(0.5)
        return Cap(
            cap_id=cap_id,
            scope=scope,
            at_most=self.one_of([0, 1, 1, 2, 2, 3, 3, 4, 6]),
            window="rolling" if is_rolling else "calendar",
            rolling_s=self.one_of([3600, 86_400, 604_800]) if is_rolling else None,
            calendar_unit=None if is_rolling else self.one_of(["day", "week", "month"]),
            retailer_id=self.one_of(RETAILERS) if scope in {"retailer", "offer"} else None,
            offer_id=self.random.randint(1, 3) if scope == "offer" else None,
            channel=self.maybe(0.3, self.one_of(CHANNELS)),
            tag=self.maybe(0.3, self.one_of(TAGS)),
        )

    def a_history(self, crossings: tuple[Crossing, ...]) -> tuple[Past, ...]:
        found = [self.a_past() for _ in range(self.one_of([0, 1, 2, 4, 8, 12]))]
        if found and self.happens(0.1):
            found[0] = replace(found[0], crossing_id=self.one_of(crossings).crossing_id)
        return tuple(sorted(found, key=lambda past: past.decided_at))

    def a_past(self) -> Past:
        offer = self.one_of(self.offers)
        decided_at = self.a_time_of_before()
        # What was turned away is forgotten after 90 days: often at just that age, to see where that ends.
        is_about_forgotten = abs(self.now - decided_at - timedelta(days=90)) <= timedelta(seconds=1)
        return Past(
            offer_id=offer.offer_id if self.happens(0.4) else self.random.randint(50, 60),
            retailer_id=offer.retailer_id,
            channel=self.one_of(CHANNELS),
            tags=tuple(self.random.sample(TAGS, self.random.randint(0, 2))),
            decided_at=decided_at,
            counts_toward_caps=self.happens(0.85),
            takes_slot=self.happens(0.85),
            was_dismissed=self.happens(0.6 if is_about_forgotten else 0.08),
        )

    def a_time_of_before(self) -> datetime:
        """Anywhen in four months, lately, or beside the start of something that is counted from."""
        kind = self.random.randrange(5)
        if kind == 0:
            return self.now - timedelta(seconds=self.random.randrange(120 * 86_400))
        if kind == 1:
            return self.now - timedelta(seconds=self.random.randrange(-60, 86_400))
        if kind == 2:
            zone, unit = self.person.time_zone, self.one_of(["day", "week", "month"])
            return first_moment(first_day(wall(self.now, zone).date(), unit), zone) + self.nudge()
        seconds = self.one_of([3600, 86_400, 7 * 86_400, 30 * 86_400, 90 * 86_400])
        return self.now - timedelta(seconds=seconds) + self.nudge()
