"""How long imports and exports of 10,000 rows take, and how long others wait meanwhile.

Run as `alentour db run --fresh python -m loadtests.imports`. One worker serves, so that a second client that
asks `GET /health/live` all the time feels whatever holds up the event loop. Prints a table.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from loadtests.bench import contenders

ROWS: Final = 10_000
_EVERY_S: Final = 0.01


class Pulse:
    """Asks the server whether it lives, over and over, and keeps the longest wait."""

    def __init__(self, url: str) -> None:
        self.longest_s = 0.0
        self._url = f"{url}/health/live"
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ends.is_set():
            began = time.perf_counter()
            with urllib.request.urlopen(self._url, timeout=60) as answer:  # noqa: S310 - loopback
                answer.read()
            self.longest_s = max(self.longest_s, time.perf_counter() - began)
            time.sleep(_EVERY_S)


class Retailer:
    """One retailer's manage key at the server."""

    def __init__(self, url: str, admin_key: str, name: str) -> None:
        self.url, self._key = url, admin_key
        retailer = json.loads(self._ask("POST", "/v1/retailers", {"name": name}))
        path = f"/v1/retailers/{retailer['retailer_id']}/keys"
        self._key = json.loads(self._ask("POST", path, {"role": "manage"}))["key"]

    def bring(self, path: str, body: bytes, media_type: str = "application/json") -> dict[str, int]:
        report: dict[str, int] = json.loads(self._ask("POST", path, body, media_type))
        return {name: report[name] for name in ("created", "updated", "unchanged", "refused")}

    def take(self, path: str) -> bytes:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: Any = None, media_type: str = "application/json") -> bytes:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": media_type}
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310 - the same
            read: bytes = answer.read()
        return read


@contextmanager
def measured(what: str, url: str) -> Iterator[list[object]]:
    """Print how long the block took; it appends what else there is to say."""
    told: list[object] = []
    with Pulse(url) as pulse:
        began = time.perf_counter()
        yield told
        took_s = time.perf_counter() - began
    said = " ".join(str(one) for one in told)
    print(f"{what:<42} {took_s:6.2f} s   longest wait of others {pulse.longest_s * 1000:5.0f} ms   {said}")


def sites(name: str) -> bytes:
    return _collection(
        {
            "external_id": f"shop-{n}",
            "name": f"{name} {n}",
            "time_zone": "Europe/Paris",
            "opening_hours": "Mo-Fr 08:00-18:00",
            "tags": {"shop": "bakery"},
        }
        for n in range(ROWS)
    )


def fences(radius_m: int) -> bytes:
    return _collection(
        {
            "external_id": f"fence-{n}",
            "name": f"Around {n}",
            "radius_m": radius_m,
            "site_external_id": f"shop-{n}",
            "tags": ["bakery"],
        }
        for n in range(ROWS)
    )


def offers(title: str, deliveries: int) -> bytes:
    return json.dumps({"offers": [_offer(n, title, deliveries) for n in range(ROWS)]}).encode()


def _offer(number: int, title: str, deliveries: int) -> dict[str, Any]:
    return {
        "external_id": f"offer-{number}",
        "content": {"en": {"title": title, "text": "Two for one."}, "fr": {"title": title, "text": "Deux."}},
        "triggers": ["enter", "nearby"],
        "channel": "push",
        "fences": {"external_ids": [f"fence-{number}"]},
        "schedule": {"weekly_hours": "Mo-Fr 11:00-14:00"},
        "budget": {"deliveries": deliveries, "per_day": 50},
    }


def _collection(properties: Iterator[dict[str, Any]]) -> bytes:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [2.0 + n % 100 / 100, 48.0 + n // 100 / 100]},
            "properties": one,
        }
        for n, one in enumerate(properties)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def measure(retailer: Retailer, another: Retailer) -> None:
    """Everything in, again, changed, and out; then the same of tables."""
    url = retailer.url
    brought = (
        ("sites, new", "sites", sites("Shop")),
        ("sites, the same again", "sites", sites("Shop")),
        ("sites, all changed", "sites", sites("Bakery")),
        ("fences, new", "fences", fences(80)),
        ("fences, the same again", "fences", fences(80)),
        ("fences, all changed", "fences", fences(90)),
        ("offers, new", "offers", offers("Bread", 100)),
        ("offers, the same again", "offers", offers("Bread", 100)),
        ("offers, with other words", "offers", offers("More bread", 100)),
        ("offers, with other budgets", "offers", offers("More bread", 200)),
    )
    for said, what, body in brought:
        with measured(said, url) as told:
            told.append(retailer.bring(f"/v1/{what}/import", body))
    for path in ("/v1/sites/export", "/v1/fences/export", "/v1/offers/export", "/v1/export"):
        with measured(f"GET {path}", url) as told:
            told.append(f"{len(retailer.take(path)) / 1e6:.1f} MB")
    for what, word in (("sites", b"Bakery"), ("fences", b"Around"), ("offers", b"More bread")):
        with measured(f"GET /v1/{what}/export, CSV", url) as told:
            table = retailer.take(f"/v1/{what}/export?format=csv")
            told.append(f"{len(table) / 1e6:.1f} MB")
        for said, whose, body in (
            (f"{what} from CSV, new", another, table),
            (f"{what} from CSV, the same again", retailer, table),
            (f"{what} from CSV, all changed", retailer, table.replace(word, b"Other")),
        ):
            with measured(said, url) as told:
                told.append(whose.bring(f"/v1/{what}/import", body, "text/csv"))


def main() -> None:
    database_url = os.environ["ALENTOUR_DATABASE_URL"]
    contenders.WORKERS = 1  # type: ignore[misc]  # one event loop, so that it is felt by all
    made = subprocess.run(
        [sys.executable, "-m", "api.cli", "key", "create"], capture_output=True, text=True, check=True
    )
    with contenders.Contenders(database_url) as servers:
        url, admin_key = servers.alentour().url, made.stdout.split()[-1]
        measure(Retailer(url, admin_key, "Measured"), Retailer(url, admin_key, "Another"))


if __name__ == "__main__":
    main()
