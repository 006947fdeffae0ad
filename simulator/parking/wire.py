"""The parts of the API's JSON about parking that the simulator reads and writes."""

from datetime import datetime

import msgspec

from simulator.wire import Prompt


class ZoneProperties(msgspec.Struct, kw_only=True):
    """A zone as its operator sees it. A kerb has a `buffer_m`."""

    zone_id: int
    code: str
    time_zone: str
    tariff_id: int | None = None
    buffer_m: float | None = None
    closed_at: datetime | None = None


class ZoneFeature(msgspec.Struct):
    """A GeoJSON feature."""

    geometry: msgspec.Raw
    properties: ZoneProperties


class TariffVersion(msgspec.Struct, kw_only=True):
    """When one version holds."""

    version: int
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    withdrawn_at: datetime | None = None


class TariffLine(msgspec.Struct):
    """A tariff and its versions, in the order in which they hold."""

    tariff_id: int
    versions: list[TariffVersion]

    def version_at(self, at: datetime) -> int | None:
        """The one in force."""
        for one in self.versions:
            begins = one.valid_from is None or one.valid_from <= at
            ends = one.valid_until is not None and one.valid_until <= at
            if one.withdrawn_at is None and begins and not ends:
                return one.version
        return None


class Rate(msgspec.Struct):
    """For whom and when; what one pays is in the quote."""

    hours: str = "24/7"
    user_classes: list[str] = []
    free: dict[str, object] | None = None


class Tariff(msgspec.Struct):
    """The terms of one version."""

    rates: list[Rate]


class PublishedTariff(msgspec.Struct):
    """A version with its terms."""

    tariff: Tariff


class Quote(msgspec.Struct):
    """A price that holds for some minutes."""

    quote_id: str
    zone_id: int
    price_minor: int
    currency: str
    ends_at: datetime
    free_minutes: int = 0


class Purchase(msgspec.Struct, frozen=True):
    """One payment of a stay: `pending`, `paid`, `failed` or `given_back`."""

    purchase_id: str
    state: str
    price_minor: int
    given_back_minor: int = 0
    payment_id: str | None = None


class Session(msgspec.Struct):
    """A stay: `pending`, `active`, `ended` or `dropped`."""

    session_id: str
    state: str
    zone_id: int
    starts_at: datetime
    ends_at: datetime
    currency: str
    ended_at: datetime | None = None
    purchases: list[Purchase] = []


class Surcharge(msgspec.Struct):
    """What an inspector asks for, net of what was paid for the same stay."""

    due_minor: int


class PlateTold(msgspec.Struct):
    """`valid`, `nothing_due` or `not_paid`."""

    verdict: str | None = None
    fps: Surcharge | None = None


class Payment(msgspec.Struct):
    """A payment in a customer's own list."""

    payment_id: str
    subject: str
    captured_minor: int
    refunded_minor: int


class Account(msgspec.Struct):
    """An account of the books: debits less credits."""

    account: str
    currency: str
    balance_minor: int


class Total(msgspec.Struct):
    """What all accounts of a currency sum to."""

    currency: str
    ledger_balance_minor: int


class PublicBooks(msgspec.Struct):
    """The ledger, as an admin reads it."""

    accounts: list[Account]
    totals: list[Total]


class Prompts(msgspec.Struct):
    """What waits for an answer."""

    items: list[Prompt]
