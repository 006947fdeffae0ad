"""What a run is told from outside."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

INTERVAL_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`start` None is the next Thursday noon in Helsinki by the server's clock.

    `tills` holds a till key per retailer id; offers of others are not redeemed. `inspectors` holds the key of
    those who walk the zones of an operator; in other zones there are none.
    """

    url: str
    admin_key: str
    city: Path
    phones: int = 300
    minutes: float = 60
    seed: int = 1
    start: datetime | None = None
    tills: dict[int, str] = field(default_factory=dict)
    inspectors: dict[int, str] = field(default_factory=dict)

    @property
    def ticks(self) -> int:
        """How many intervals of 15 s the run has."""
        return round(self.minutes * 60 / INTERVAL_S)


class _RetailerKeys(msgspec.Struct):
    retailer_id: int
    till: str


class _OperatorKeys(msgspec.Struct):
    retailer_id: int
    enforce: str


class Keys(msgspec.Struct):
    """The file of keys: an admin's, the tills' of retailers, and the inspectors' of parking operators.

    Other members are ignored, such as the names and manage keys that the demo writes as well.
    """

    admin: str | None = None
    retailers: list[_RetailerKeys] = []
    operators: list[_OperatorKeys] = []

    @property
    def tills(self) -> dict[int, str]:
        """The till key of each retailer."""
        return {retailer.retailer_id: retailer.till for retailer in self.retailers}

    @property
    def inspectors(self) -> dict[int, str]:
        """The inspectors' key of each operator."""
        return {operator.retailer_id: operator.enforce for operator in self.operators}


def read_keys(path: Path) -> Keys:
    """Raises OSError or msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=Keys)
