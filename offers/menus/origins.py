"""Where in an imported body each part of a card came from, so that what is wrong is told there.

Pure: no database.
"""

import re
from collections.abc import Mapping

from geo.errors import Fault
from offers.menus.judging import SAME_AS

_LAST_PART = re.compile(r"[^.]+\.$")


class Origins:
    """Paths of a card (`sections[0].items[3].`) to paths of the body; `names`: members called otherwise."""

    def __init__(self, at: str, names: Mapping[str, str]) -> None:
        self._origins = {"": at}
        self._names = names

    def note(self, part: str, origin: str) -> None:
        """The part of the card with this path came from there. Both end with a dot, or are whole fields."""
        self._origins[part] = origin

    def told(self, fault: Fault) -> Fault:
        """A fault of the card as one of the body."""
        reason = fault.reason
        if reason.startswith(SAME_AS):
            reason = SAME_AS + self._path(reason.removeprefix(SAME_AS))
        return Fault(self._path(fault.field), reason)

    def _path(self, field: str) -> str:
        if (whole := self._origins.get(field)) is not None:
            return whole
        part = field
        while part and part not in self._origins:
            part = _LAST_PART.sub("", part) if part.endswith(".") else part.rpartition(".")[0] + "."
            part = "" if part == "." else part
        tail = field.removeprefix(part)
        member, bracket, rest = tail.partition("[")
        first, dot, inner = member.partition(".")
        told = self._names.get(first, first) + dot + inner + bracket + rest
        return f"{self._origins[part]}{told}".rstrip(".")
