"""localstripe: a Stripe server of somebody else's making, as a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.serving import free_port

KEY = "sk_test_alentour"
SECRET = "whsec_alentour"
CARDS = {
    "visa": "4242424242424242",
    "declined": "4000000000000341",
    "three_d_secure": "4000002500003155",
    "three_d_secure_declined": "4000008400001629",
}


@dataclass
class FakeStripe:
    """Speaks to it as a phone would, with Stripe's own paths."""

    url: str
    log: Path

    def delivered(self) -> int:
        """How many webhooks were taken."""
        return self.log.read_text().count("successfully delivered")

    def method(self, card: str = "visa") -> str:
        """A payment method as a phone makes one with Stripe: our server never sees the card."""
        card_of = {"number": CARDS[card], "exp_month": 12, "exp_year": 2099, "cvc": "123"}
        return str(self._post("/v1/payment_methods", {"type": "card", "card": card_of})["id"])

    def authenticate(self, intent: str, client_secret: str, *, success: bool) -> None:
        """The person confirms at their bank, or does not."""
        body = {"client_secret": client_secret, "success": success}
        self._post(f"/v1/payment_intents/{intent}/_authenticate", body)

    def intents(self) -> list[dict[str, Any]]:
        return list(self._get("/v1/payment_intents?limit=100")["data"])

    def refunds(self) -> list[dict[str, Any]]:
        return list(self._get("/v1/refunds?limit=100")["data"])

    def sends_webhooks_to(self, url: str) -> None:
        httpx.post(
            f"{self.url}/_config/webhooks/alentour", json={"url": url, "secret": SECRET}
        ).raise_for_status()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return _told(httpx.post(self.url + path, json=body, headers={"authorization": f"Bearer {KEY}"}))

    def _get(self, path: str) -> dict[str, Any]:
        return _told(httpx.get(self.url + path, headers={"authorization": f"Bearer {KEY}"}))


def _told(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


@contextlib.contextmanager
def running() -> Iterator[FakeStripe]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"],
                cwd=folder, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            _wait(port, process, log)
            yield FakeStripe(f"http://127.0.0.1:{port}", log)
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/js.stripe.com/v3/", timeout=2).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
