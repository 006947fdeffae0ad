"""Which provider takes the money, by the settings; and who is told when a payment is settled.

The one place that names providers, and reads their secrets. What they do is `offers.payments`'.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import asyncpg
import structlog

from api.settings import Settings, variable_of
from geo.errors import Fault, InvalidInput
from offers.payments.cashier import Cashier
from offers.payments.port import Provider
from offers.payments.sandbox import Sandbox
from offers.payments.stripe_intents import API_BASE, Stripe

_log: Final = structlog.get_logger(__name__)


def open_cashier(settings: Settings, pool: asyncpg.Pool) -> Cashier:
    """The cashier of this worker. Subjects register their hooks with it.

    Raises InvalidInput where Stripe is chosen and one of its secrets is missing. The other provider, as far
    as it is known, goes on finishing what is its own.
    """
    sandbox = Sandbox(pool)
    if settings.payments == "stripe":
        check_secrets(settings)
        return Cashier(pool, _stripe(settings), [sandbox])
    _log.warning("payments are play money: the sandbox charges nobody")
    others: list[Provider] = [_stripe(settings)] if stripe_key_of(settings) else []
    return Cashier(pool, sandbox, others)


def check_secrets(settings: Settings) -> None:
    """Raises InvalidInput where Stripe is chosen and its key or its webhooks' secret is missing."""
    if settings.payments != "stripe":
        return
    for name, secret in (
        ("stripe_key", stripe_key_of(settings)),
        ("stripe_webhook_secret", webhook_secret_of(settings)),
    ):
        if not secret:
            raise _wrong(name, f"is needed with {variable_of('payments')}=stripe")


def stripe_key_of(settings: Settings) -> str | None:
    """Raises InvalidInput for a file that cannot be read."""
    return _secret("stripe_key", settings.stripe_key, settings.stripe_key_file)


def webhook_secret_of(settings: Settings) -> str | None:
    """The same for the secret that signs webhooks."""
    return _secret(
        "stripe_webhook_secret", settings.stripe_webhook_secret, settings.stripe_webhook_secret_file
    )


def _stripe(settings: Settings) -> Stripe:
    return Stripe(stripe_key_of(settings) or "", settings.stripe_api_base or API_BASE)


def _secret(name: str, given: str | None, file: Path | None) -> str | None:
    if given is not None and file is not None:
        raise _wrong(f"{name}_file", f"and {variable_of(name)} are set both; one is enough")
    if file is None:
        return given
    try:
        secret = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"{name}_file", f"cannot be read: {type(error).__name__}") from None
    return secret or None


def _wrong(name: str, reason: str) -> InvalidInput:
    variable = variable_of(name)
    return InvalidInput(f"{variable} {reason}", faults=(Fault(variable, reason),))
