"""What the engine tells whoever measures it; it knows no metrics library and waits for nobody."""

from typing import Protocol


class Observer(Protocol):
    """Called on the hot path: implementations return at once and never raise."""

    def flushed(self, fixes: int, seconds: float) -> None:
        """One transaction of that many fixes was committed."""

    def fixed(self, verdict: str, n: int) -> None:
        """`n` fixes got this verdict (accepted, duplicate, late, rejected)."""

    def decided(self, reason: str, n: int) -> None:
        """`n` decisions fell for this reason (see offers.terms.Reason)."""

    def queued(self, n: int) -> None:
        """So many fixes wait now."""

    def refreshed(self, version: int, age_s: float) -> None:
        """The snapshot in memory has this version, and was last found current so long ago."""


class SilentObserver:
    """Nobody measures."""

    def flushed(self, fixes: int, seconds: float) -> None:
        pass

    def fixed(self, verdict: str, n: int) -> None:
        pass

    def decided(self, reason: str, n: int) -> None:
        pass

    def queued(self, n: int) -> None:
        pass

    def refreshed(self, version: int, age_s: float) -> None:
        pass
