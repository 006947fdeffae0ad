"""Which provider takes the money, by the settings; and who is told when a payment is settled.

The one place that names providers. What they do is `offers.payments`'.
"""

from __future__ import annotations

import asyncpg
import structlog

from api.settings import Settings
from offers.payments.cashier import Cashier
from offers.payments.sandbox import Sandbox

_log = structlog.get_logger(__name__)


def open_cashier(settings: Settings, pool: asyncpg.Pool) -> Cashier:
    """The cashier of this worker. Subjects register their hooks here."""
    _ = settings
    _log.warning("payments are play money: the sandbox charges nobody")
    return Cashier(pool, Sandbox(pool))
