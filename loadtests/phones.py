"""Locust users that behave like phones: they enrol, walk from site to site, report, look around.

    python -m locust -f loadtests/phones.py --host http://127.0.0.1:8000
    python -m locust -f loadtests/phones.py --host http://127.0.0.1:8000 --headless --day-s 60

The load has the shape of a shopping day, squeezed into `--day-s` seconds: a quiet morning, a peak at
noon, a calm afternoon, a higher peak after work, and the evening. `--most-phones` is how many there are
at the highest peak. `--lat` and `--lon` say where the sites are to be looked for (default: central
Helsinki, which the demo loads; on a server without sites phones walk to and fro). `--hurry 10` makes
time pass ten times faster for phones: they walk faster and report more often. `--phone-seed` draws
other people. A phone waits as long as the last answer tells it to, and after a 429 or 503 as long as
`Retry-After` says; such an answer counts as a failure in Locust's tables.

It speaks HTTP only and knows nothing of the server's code. What it measures is how the server feels to
phones; the comparison with other ways to serve is `loadtests.bench`.
"""

import itertools
import math
import random
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from locust import FastHttpUser, LoadTestShape, events, task
from locust.exception import StopUser

METRES_PER_DEGREE: Final = 111_195.0
TOWN_M: Final = 300.0
WALK_MPS: Final = 1.4
ARRIVED_WITHIN_M: Final = 5.0
STAY_S: Final = (60.0, 600.0)
ACCURACY_MEDIAN_M: Final = 12.0
ACCURACY_SPREAD: Final = 0.73  # of the logarithm: 5 % are worse than 40 m
ACCURACY_PER_SIGMA: Final = 1.51  # the 68 % radius of a Gaussian error on both axes
CONSENTS: Final = 0.85
LOOKS_WITHIN_M: Final = 2_000
MOST_RETAILERS: Final = 45  # one request takes a hundred decisions
AFTER_A_REFUSAL_S: Final = 60.0

# Parts of the day: until which share of it, and how many of the most phones.
DAY: Final = ((0.1, 0.2), (0.3, 0.4), (0.45, 0.8), (0.6, 0.5), (0.8, 1.0), (1.0, 0.3))
SPAWNS_WITHIN_SHARE: Final = 0.03

Answer = dict[str, Any]
_numbers: Final = itertools.count()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust leaves it bare
def add_options(parser: ArgumentParser) -> None:
    """What Locust is to understand besides its own options."""
    parser.add_argument("--lat", type=float, default=60.1699, help="where phones look for sites")
    parser.add_argument("--lon", type=float, default=24.9384, help="where phones look for sites")
    parser.add_argument("--day-s", type=float, default=600.0, help="length of the whole load")
    parser.add_argument("--most-phones", type=int, default=300, help="phones at the highest peak")
    parser.add_argument("--hurry", type=float, default=1.0, help="how much faster time passes for phones")
    parser.add_argument("--phone-seed", type=int, default=1, help="draws other people")


class ShoppingDay(LoadTestShape):
    """As many phones as are out at that time of the day; ends with the day."""

    def tick(self) -> tuple[int, float] | None:
        """(users, users to start or stop per second), about once a second."""
        assert self.runner is not None, "Locust asks only while it runs"
        options: Any = self.runner.environment.parsed_options
        now = self.get_run_time() / options.day_s  # type: ignore[no-untyped-call]  # Locust leaves it bare
        for until, share in DAY:
            if now < until:
                phones = max(1, round(options.most_phones * share))
                return phones, max(1.0, options.most_phones / (options.day_s * SPAWNS_WITHIN_SHARE))
        return None


class Stroll:
    """Where a person is who walks from one target to the next and stays a while at each.

    Positions are metres north and east of the middle (`lat`, `lon`); `hurry` is how much faster
    than the clock the person lives.
    """

    def __init__(self, lat: float, lon: float, hurry: float, chance: random.Random) -> None:
        self.targets: list[tuple[float, float]] = []
        self._lat, self._lon = lat, lon
        self._metres_per_degree_east = METRES_PER_DEGREE * math.cos(math.radians(lat))
        self._hurry = hurry
        self._chance = chance
        self._north_m, self._east_m = self._somewhere()
        self._target = self._somewhere()
        self._went_at = time.monotonic()
        self._stays_until = 0.0

    def go_on(self) -> None:
        """Walk for the time since the last call, or stay; then choose another target."""
        now = time.monotonic()
        passed_s, self._went_at = (now - self._went_at) * self._hurry, now
        if now < self._stays_until:
            return
        north_m, east_m = self._target[0] - self._north_m, self._target[1] - self._east_m
        left_m = math.hypot(north_m, east_m)
        if left_m <= ARRIVED_WITHIN_M:
            self._stays_until = now + self._chance.uniform(*STAY_S) / self._hurry
            self._target = self._chance.choice(self.targets) if self.targets else self._somewhere()
            return
        share = min(1.0, WALK_MPS * passed_s / left_m)
        self._north_m += north_m * share
        self._east_m += east_m * share

    def position(self, error_m: float = 0.0) -> tuple[float, float]:
        """(lat, lon), wrong by a Gaussian error of that sigma on each axis."""
        north_m, east_m = (
            true_m + self._chance.gauss(0, error_m) for true_m in (self._north_m, self._east_m)
        )
        return self._lat + north_m / METRES_PER_DEGREE, self._lon + east_m / self._metres_per_degree_east

    def metres_to(self, lat: float, lon: float) -> tuple[float, float]:
        """A place as metres north and east of the middle."""
        return (lat - self._lat) * METRES_PER_DEGREE, (lon - self._lon) * self._metres_per_degree_east

    def _somewhere(self) -> tuple[float, float]:
        return self._chance.gauss(0, TOWN_M), self._chance.gauss(0, TOWN_M)


class Phone(FastHttpUser):
    """One person with one phone."""

    def on_start(self) -> None:
        """Register, see what is around, answer the notices."""
        options: Any = self.environment.parsed_options
        self.chance = random.Random(f"{options.phone_seed} {next(_numbers)}")
        self.hurry: float = options.hurry
        self.stroll = Stroll(options.lat, options.lon, self.hurry, self.chance)
        self.wait_s = 0.0
        self.fixes_sent = 0
        self.headers: dict[str, str] = {}
        self._register()
        sites = self._look_around()
        self.stroll.targets = [self.stroll.metres_to(site["lat"], site["lon"]) for site in sites]
        self.questions: list[Answer] = [{"purpose": "location_offers"}]
        self.questions += [
            {"purpose": "marketing", "retailer_id": retailer_id, "channel": channel}
            for retailer_id in sorted({site["retailer_id"] for site in sites})[:MOST_RETAILERS]
            for channel in ("push", "inbox")
        ]
        self._decide([question | {"granted": self.chance.random() < CONSENTS} for question in self.questions])

    def wait_time(self) -> float:
        """What the last answer asked for, in seconds of the phone's own life."""
        return self.wait_s

    @task(40)
    def report(self) -> None:
        """One fix from where the phone is by now; what is delivered is shown, opened or dismissed."""
        self.stroll.go_on()
        now = datetime.now(UTC)
        body = {"sent_at": now.isoformat(), "fixes": [self._fix(now)]}
        told = self._ask("POST", "/v1/fixes", body, expected=(200, 403))
        if told:
            self.wait_s = told.get("next_fix_after_s", AFTER_A_REFUSAL_S) / self.hurry
        for delivery in told.get("deliveries", ()):
            event = self.chance.choices(["shown", "opened", "dismissed"], [6, 3, 1])[0]
            path = f"/v1/deliveries/{delivery['delivery_id']}/events"
            self._ask("POST", path, {"event": event}, name="/v1/deliveries/{id}/events")

    @task(2)
    def read_inbox(self) -> None:
        """What came while nobody looked."""
        self._ask("GET", "/v1/inbox")

    @task(2)
    def look_around(self) -> None:
        """The map is opened."""
        self._look_around()

    @task(1)
    def change_mind(self) -> None:
        """One question is answered anew."""
        question = self.chance.choice(self.questions)
        self._decide([question | {"granted": self.chance.random() < CONSENTS}])

    def _register(self) -> None:
        told = self._ask(
            "POST",
            "/v1/devices",
            {
                "installation_id": str(uuid4()),
                "platform": self.chance.choice(["android", "ios"]),
                "language": self.chance.choice(["en", "fr"]),
                "age_band": "adult",
            },
        )
        if not told:
            raise StopUser("not registered")
        self.headers = {"authorization": f"Bearer {told['token']}"}

    def _fix(self, now: datetime) -> Answer:
        accuracy_m = ACCURACY_MEDIAN_M * math.exp(self.chance.gauss(0, ACCURACY_SPREAD))
        lat, lon = self.stroll.position(error_m=accuracy_m / ACCURACY_PER_SIGMA)
        self.fixes_sent += 1
        return {
            "fix_id": f"{self.fixes_sent}",
            "lat": lat,
            "lon": lon,
            "accuracy_m": round(accuracy_m, 1),
            "recorded_at": now.isoformat(),
        }

    def _look_around(self) -> list[Answer]:
        lat, lon = self.stroll.position()
        where = f"lat={lat}&lon={lon}&radius_m={LOOKS_WITHIN_M}&limit=50"
        sites: list[Answer] = self._ask("GET", f"/v1/nearby?{where}", name="/v1/nearby").get("items", [])
        return sites

    def _decide(self, decisions: list[Answer]) -> None:
        notices = self._ask("GET", "/v1/notices?language=en", name="/v1/notices")
        versions = {notice["purpose"]: notice["version"] for notice in notices}
        said = [one | {"notice_version": versions.get(one["purpose"], 1)} for one in decisions]
        body = {"decisions": said, "language": "en", "method": "load test"}
        self._ask("POST", "/v1/consents", body)

    def _ask(
        self,
        method: str,
        path: str,
        body: Answer | None = None,
        *,
        name: str | None = None,
        expected: tuple[int, ...] = (200, 201, 204),
    ) -> Any:
        """The answer's JSON; empty where there is none or it was not `expected`, which Locust is told."""
        with self.client.request(
            method, path, name=name or path, json=body, headers=self.headers, catch_response=True
        ) as answer:
            if answer.status_code in expected:
                answer.success()
                return answer.json() if answer.content else {}
            answer.failure(f"answered {answer.status_code}")
            self.wait_s = float((answer.headers or {}).get("retry-after", 1.0))
            return {}
