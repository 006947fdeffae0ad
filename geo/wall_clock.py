"""Between UTC moments and what a clock on the wall shows, where clocks are changed twice a year.

Owns zones and the two awkward hours: one that does not exist (a gap, in spring) and one that
happens twice (a fold, in autumn). Knows nothing of caps, quiet hours or opening hours.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

from geo.errors import Fault, InvalidInput


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    # Names that mean "wherever this machine is" are no place for a person or a shop to be in.
    return frozenset(available_timezones() - {"Factory", "localtime"})


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of that exact name; InvalidInput (field `time_zone`) where there is none."""
    if not is_zone(name):
        reason = "is not an IANA time zone such as Europe/Paris"
        raise InvalidInput(f"time_zone {reason}", faults=(Fault("time_zone", reason),))
    return ZoneInfo(name)


def is_zone(name: str) -> bool:
    """Whether `zone_of` knows the name."""
    return name in _zone_names()


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    lines = (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {row[2]: row[0] for row in rows}


def country_of(time_zone: str) -> str | None:
    """The ISO 3166 code of the country a zone is named for (tzdata's zone.tab), if it has one."""
    return _countries().get(time_zone)


def wall_time(at: datetime, time_zone: str) -> datetime:
    """What the clock on the wall shows at `at`: a naive datetime; both runs of a fold look alike."""
    return at.astimezone(zone_of(time_zone)).replace(tzinfo=None, fold=0)


def moment_of(wall: datetime, time_zone: str) -> datetime:
    """The first moment (UTC) at which the clock shows `wall`, or jumps over it."""
    zone = zone_of(time_zone)
    # In a gap fold=0 reads the clock that was (too late), fold=1 the one to come (too early):
    # the change lies between the two. In a fold fold=0 is the first run, which is the one we want.
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return late if late <= early else clock_change(early, late, time_zone) or late


def clock_change(after: datetime, until: datetime, time_zone: str) -> datetime | None:
    """A moment in (after, until] from which the zone has another offset than at `after`.

    None when both ends have the same offset. With one change in between it is exact.
    """
    zone = zone_of(time_zone)
    before = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == before:
        return None
    low, high = int(after.timestamp()), int(until.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def later(at: datetime, span: timedelta) -> datetime:
    """`at` moved by an exact span. Python adds wall-clock time to a datetime that carries a zone."""
    return at.astimezone(UTC) + span


def rfc3339(at: datetime) -> str:
    """A moment as it is written in traces and answers: UTC with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
