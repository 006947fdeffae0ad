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


def sites() -> bytes:
    return _collection(
        {
            "external_id": f"shop-{n}",
            "name": f"Shop {n}",
            "time_zone": "Europe/Paris",
            "opening_hours": "Mo-Fr 08:00-18:00",
            "tags": {"shop": "bakery"},
        }
        for n in range(ROWS)
    )


def fences() -> bytes:
    return _collection(
        {
            "external_id": f"fence-{n}",
            "name": f"Around {n}",
            "radius_m": 80,
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


def measure(retailer: Retailer) -> None:
    """Everything in, again, changed, and out."""
    url = retailer.url
    brought = (
        ("sites, new", "/v1/sites/import", sites()),
        ("sites, the same again", "/v1/sites/import", sites()),
        ("fences, new", "/v1/fences/import", fences()),
        ("offers, new", "/v1/offers/import", offers("Bread", 100)),
        ("offers, the same again", "/v1/offers/import", offers("Bread", 100)),
        ("offers, with other words", "/v1/offers/import", offers("More bread", 100)),
        ("offers, with other budgets", "/v1/offers/import", offers("More bread", 200)),
    )
    for what, path, body in brought:
        with measured(what, url) as told:
            told.append(retailer.bring(path, body))
    for path in ("/v1/sites/export", "/v1/fences/export", "/v1/offers/export", "/v1/export"):
        with measured(f"GET {path}", url) as told:
            told.append(f"{len(retailer.take(path)) / 1e6:.1f} MB")
    for what in ("sites", "fences", "offers"):
        with measured(f"GET /v1/{what}/export, CSV", url) as told:
            table = retailer.take(f"/v1/{what}/export?format=csv")
            told.append(f"{len(table) / 1e6:.1f} MB")
        with measured(f"{what} from that CSV", url) as told:
            told.append(retailer.bring(f"/v1/{what}/import", table, "text/csv"))


def main() -> None:
    database_url = os.environ["ALENTOUR_DATABASE_URL"]
    contenders.WORKERS = 1  # type: ignore[misc]  # one event loop, so that it is felt by all
    made = subprocess.run(
        [sys.executable, "-m", "api.cli", "key", "create"], capture_output=True, text=True, check=True
    )
    with contenders.Contenders(database_url) as servers:
        measure(Retailer(servers.alentour().url, made.stdout.split()[-1], "Measured"))


if __name__ == "__main__":
    main()
