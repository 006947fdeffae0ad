"""What a retailer may say in an offer: the value, and what is wrong with it.

Pure. Fields are named as in the wire form of the API. Writing offers is `offers.retail.catalogue`'s.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from geo.errors import Fault, InvalidInput
from geo.places import external_id_faults, moment_faults, tags_faults
from offers.retail.audience_edits import audience_faults
from offers.schedule import parse_hours
from offers.symbols import CodeFormat
from offers.terms import Audience, Channel, Trigger

LONGEST_TITLE: Final = 140
LONGEST_TEXT: Final = 1_000
MOST_LANGUAGES: Final = 20
MOST_TARGETS: Final = 1_000

# RFC 5646 in the shape that apps use: a language, then script or region.
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")

# Columns that are called otherwise on the wire.
WIRE: Final[Mapping[str, str]] = {
    "fence_ids": "fences.ids",
    "fence_tags": "fences.tags",
    "site_ids": "fences.site_ids",
}


class OfferEdit(msgspec.Struct, frozen=True, kw_only=True):
    """All that a retailer says about an offer but its budget; see `offers.terms.Offer`."""

    content: dict[str, dict[str, str]]
    triggers: tuple[Trigger, ...]
    channel: Channel
    external_id: str | None = None
    tags: tuple[str, ...] = ()
    priority: int = 0
    fence_ids: tuple[int, ...] = ()
    fence_tags: tuple[str, ...] = ()
    site_ids: tuple[int, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekly_hours: str | None = None
    only_while_open: bool = False
    customer_limit: int | None = None
    customer_limit_days: int | None = None
    re_eligible_after_s: int | None = None
    ignores_caps: bool = False
    counts_toward_caps: bool = True
    when_quiet: Literal["drop", "hold", "inbox_only"] = "drop"
    needs_presence: bool = False
    audience: Audience = Audience()
    holdout_percent: int = 0
    regulated: tuple[str, ...] = ()
    code_format: CodeFormat | None = None
    menu_id: int | None = None
    expires_after_s: int = 86_400
    stale_after_s: int = 120

    def columns(self) -> dict[str, Any]:
        """As the table keeps it: lists without repetitions, the audience as JSON without what is not said."""
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        said["audience"] = msgspec.json.decode(msgspec.json.encode(self.audience))
        return {
            name: list(dict.fromkeys(value)) if isinstance(value, tuple) else value
            for name, value in said.items()
        }


def refuse_faulty(edit: OfferEdit) -> None:
    """Raise InvalidInput with every fault."""
    if faults := offer_faults(edit):
        raise InvalidInput("The offer cannot be used.", faults=tuple(faults))


def offer_faults(edit: OfferEdit) -> list[Fault]:
    """Every fault that the offer has by itself, whatever else there is."""
    faults = [
        *_content_faults(edit.content),
        *external_id_faults(edit.external_id, "external_id"),
        *tags_faults(edit.tags, "tags"),
        *target_faults(edit),
        *_schedule_faults(edit),
        *audience_faults(edit.audience),
    ]
    if edit.needs_presence and edit.when_quiet != "hold":
        faults.append(Fault("quiet_hours.needs_presence", "goes with when_quiet hold"))
    if edit.needs_presence and "exit" in edit.triggers:
        faults.append(Fault("quiet_hours.needs_presence", "cannot hold for somebody who left (exit)"))
    if not edit.triggers:
        faults.append(Fault("triggers", "must name at least one"))
    if edit.customer_limit_days is not None and edit.customer_limit is None:
        faults.append(Fault("limits.per_customer.at_most", "is missing"))
    return faults


def missing_faults(ids: Sequence[int], known: Collection[int], column: str) -> list[Fault]:
    """One fault for each id that is not known."""
    return [
        Fault(f"{WIRE[column]}[{n}]", "there is no such place")
        for n, each in enumerate(ids)
        if each not in known
    ]


def missing_menu(menu_id: int | None, known: Collection[int], field: str = "menu_id") -> list[Fault]:
    return [] if menu_id is None or menu_id in known else [Fault(field, "there is no such menu")]


def _content_faults(content: Mapping[str, Mapping[str, str]]) -> list[Fault]:
    if not 1 <= len(content) <= MOST_LANGUAGES:
        return [Fault("content", f"must be in 1 to {MOST_LANGUAGES} languages")]
    faults = []
    for language, said in content.items():
        if not _LANGUAGE.fullmatch(language):
            faults.append(Fault(f"content.{language[:20]}", "is not a language tag such as fr or en-GB"))
        faults += _words_faults(said["title"], f"content.{language[:20]}.title", LONGEST_TITLE)
        faults += _words_faults(said["text"], f"content.{language[:20]}.text", LONGEST_TEXT, lines=True)
    return faults


def _words_faults(words: str, field: str, longest: int, *, lines: bool = False) -> list[Fault]:
    shown = words.replace("\n", " ") if lines else words
    # Joiners hold emoji and Indic letters together, and are the one sort of unprintable that is meant.
    shown = shown.replace("\u200d", "").replace("\u200c", "")
    if shown.strip() and len(words) <= longest and shown.isprintable():
        return []
    return [Fault(field, f"must be 1 to {longest} printable characters")]


def target_faults(edit: OfferEdit) -> list[Fault]:
    """What is wrong with the places that it names, whether they exist or not."""
    targets = {"fence_ids": edit.fence_ids, "fence_tags": edit.fence_tags, "site_ids": edit.site_ids}
    if not any(targets.values()):
        return [Fault("fences", "must name at least one fence id, fence tag or site id")]
    faults = tags_faults(edit.fence_tags, WIRE["fence_tags"])
    for column in ("fence_ids", "site_ids"):
        if len(targets[column]) > MOST_TARGETS:
            faults.append(Fault(WIRE[column], f"names more than {MOST_TARGETS}"))
    return faults


def _schedule_faults(edit: OfferEdit) -> list[Fault]:
    faults = [
        *moment_faults(edit.starts_at, "schedule.starts_at"),
        *moment_faults(edit.ends_at, "schedule.ends_at"),
        *hours_faults(edit.weekly_hours, "schedule.weekly_hours"),
    ]
    if edit.starts_at and edit.ends_at and edit.ends_at <= edit.starts_at:
        faults.append(Fault("schedule.ends_at", "must be after starts_at"))
    return faults


def hours_faults(text: str | None, field: str) -> list[Fault]:
    """What is wrong with opening hours (OSM syntax), if anything."""
    reason = None if text is None else _why_not_hours(text)
    return [] if reason is None else [Fault(field, reason)]


@lru_cache(maxsize=4096)
def _why_not_hours(text: str) -> str | None:
    # Kept, since ten thousand imported shops share a few hundred opening hours.
    try:
        parse_hours(text)
    except InvalidInput as error:
        return error.faults[0].reason
    return None
