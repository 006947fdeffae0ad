"""The words of a tariff and of a price: frozen values, in the form in which they are written as JSON.

Owns their shapes only: `reading` and `checking` say what is allowed in them, `pricing` what they mean.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

Activity = Literal["parking", "no_parking"]
Overnight = Literal["continues", "anew", "ends"]
ExtensionRule = Literal["cumulative", "new"]


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is written is what differs from the defaults; a member that is not known is refused."""


class StepLine(_Written, frozen=True, kw_only=True, tag_field="type", tag="step"):
    """`price_minor` is for the whole stay, if it ends after `from_minutes`, by `until_minutes`."""

    from_minutes: int = 0
    until_minutes: int | None = None
    price_minor: int


class IncrementLine(_Written, frozen=True, kw_only=True, tag_field="type", tag="increment"):
    """Every started `per_minutes` after `from_minutes` adds `price_minor` to the price reached there."""

    from_minutes: int = 0
    until_minutes: int | None = None
    price_minor: int
    per_minutes: int


Line = StepLine | IncrementLine


class Pass(_Written, frozen=True, kw_only=True):
    """One price for a number of days, whatever the minutes. Exactly one of the three lengths is given.

    `paid_days`: local days on which anything would have to be paid. `days`: local days in a row, the
    first being the one with the first paid minute. `months`: until the day before its date comes again.
    """

    price_minor: int
    paid_days: int | None = None
    days: int | None = None
    months: int | None = None


class FreeMinutes(_Written, frozen=True, kw_only=True):
    """The first `minutes` of paid hours that are free: of every `stay`, or once a local `day` and plate.

    What a stay leaves of the day's is lost, or kept for the next stay. The lines begin to count after them.
    """

    minutes: int
    per: Literal["day", "stay"] = "day"
    remainder: Literal["lost", "kept"] = "lost"


class Rate(_Written, frozen=True, kw_only=True):
    """What holds for whom and when; of several, the one with the lowest `priority`.

    `overnight` is what a new day does to a stay: its count `continues`, begins `anew`, or the stay `ends`.
    Where a rate counts days, they are local days that begin at `day_begins`, midnight if it does not say.
    """

    priority: int = 0
    name: dict[str, str] = {}
    user_classes: tuple[str, ...] = ()
    activity: Activity = "parking"
    hours: str = "24/7"
    currency: str | None = None
    lines: tuple[Line, ...] = ()
    passes: tuple[Pass, ...] = ()
    free: FreeMinutes | None = None
    overnight: Overnight = "continues"
    day_begins: str = "00:00"
    cap_per_day_minor: int | None = None
    max_stay_minutes: int | None = None
    no_return_minutes: int | None = None


class Tariff(_Written, frozen=True, kw_only=True):
    """One version of a tariff, in force from `valid_from` until before `valid_until`."""

    id: str
    version: int
    currency: str
    rates: tuple[Rate, ...]
    name: dict[str, str] = {}
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    extension: ExtensionRule = "cumulative"
    fps_minor: int | None = None


class FreeUse(msgspec.Struct, frozen=True):
    """Free minutes that a plate has had on a local day."""

    day: date
    minutes: int


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What one rate (by its place in the tariff) adds to a price. `free_minutes` are among its `minutes`.

    `pass_taken` is the place of the pass in the rate, where one was cheaper than the lines.
    """

    rate: int
    minutes: int
    free_minutes: int
    price_minor: int
    pass_taken: int | None = None


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """What a stay costs. `paid_minutes` are those in paid hours, `free_minutes` of them by a free quota.

    The price holds until `ends_at`, the moment from which a further minute costs more or is not
    allowed; None: not within a year. `fps_minor` is the whole FPS, before anything paid is taken off.
    """

    price_minor: int
    currency: str
    paid_minutes: int
    free_minutes: int
    lines: tuple[Charge, ...]
    ends_at: datetime | None
    fps_minor: int | None
    free_used: tuple[FreeUse, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A stay that ends after the step before, and at `until` the latest, costs `price_minor`.

    `until` None: the price rises no more within a year. `paid_minutes` are those until then.
    """

    until: datetime | None
    paid_minutes: int
    price_minor: int


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """`price_minor` is what is to be paid now.

    `priced` is, by the tariff's rule, the whole stay (cumulative) or the added part alone (new).
    """

    price_minor: int
    priced: Priced
