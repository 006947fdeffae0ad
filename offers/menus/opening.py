"""When a menu is served: its own hours within those of its site.

A menu without hours is served whenever the site is open; hours that are not known close nothing.
Pure: no database.
"""

from datetime import datetime
from typing import Final, NamedTuple

from offers.schedule import is_open, next_change

# Two meals a day for a month, each with a change of the site's beside it.
_MOST_STEPS: Final = 250


class Opening(NamedTuple):
    """`open_now` None: not known. One of the others says when that ends (UTC), within a year or so."""

    open_now: bool | None
    closes_at: datetime | None = None
    opens_at: datetime | None = None


def opening_of(menu: str | None, site: str | None, time_zone: str, now: datetime) -> Opening:
    """How it stands at `now` with these two expressions (OSM syntax), in the site's zone."""
    state = _state(menu, site, time_zone, now)
    if state is None:
        return Opening(None)
    changed = _changes(menu, site, time_zone, now, state)
    return Opening(True, closes_at=changed) if state else Opening(False, opens_at=changed)


def is_served(menu: str | None, site: str | None, time_zone: str, now: datetime) -> bool | None:
    """Only whether it is served now; None: not known."""
    return _state(menu, site, time_zone, now)


def _state(menu: str | None, site: str | None, time_zone: str, at: datetime) -> bool | None:
    of_site = is_open(site, time_zone, at)
    if menu is None or of_site is False:
        return of_site
    return is_open(menu, time_zone, at)


def _changes(
    menu: str | None, site: str | None, time_zone: str, now: datetime, state: bool
) -> datetime | None:
    at = now
    for _ in range(_MOST_STEPS):
        nexts = [next_change(hours, time_zone, at) for hours in (menu, site)]
        coming = [one for one in nexts if one is not None]
        if not coming:
            return None
        at = min(coming)
        if _state(menu, site, time_zone, at) is not state:
            return at
    return None
