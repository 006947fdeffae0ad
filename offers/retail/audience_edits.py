"""What is wrong with an audience as a retailer writes it. What it means is `offers.audience`'s."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from geo.errors import Fault
from geo.places import tags_faults
from offers.terms import Audience

MOST_ATTRIBUTES: Final = 20
LONGEST_VALUE: Final = 64
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")


def audience_faults(audience: Audience) -> list[Fault]:
    """Every fault, with the field's name on the wire."""
    faults = [
        Fault(f"audience.languages[{number}]", "is not a language such as fr, without region")
        for number, language in enumerate(audience.languages)
        if not _LANGUAGE.fullmatch(language)
    ]
    faults += tags_faults(audience.interests, "audience.interests")
    faults += _range_faults(audience.visits_at_least, audience.visits_at_most, "audience.visits")
    faults += _range_faults(
        audience.last_visit_days_at_least, audience.last_visit_days_at_most, "audience.last_visit_days"
    )
    faults += attribute_faults(audience.attributes, "audience.attributes")
    if audience.is_personal and audience.if_not_known is None:
        reason = "must say include or exclude: without consent to personalisation the answer is not known"
        faults.append(Fault("audience.if_not_known", reason))
    return faults


def attribute_faults(attributes: Mapping[str, Iterable[str]], field: str) -> list[Fault]:
    """Of names with their possible values."""
    faults = []
    if len(attributes) > MOST_ATTRIBUTES:
        faults.append(Fault(field, f"names more than {MOST_ATTRIBUTES}"))
    for name, values in attributes.items():
        at = f"{field}.{name[:40]}"
        listed = list(values)
        if not NAME.fullmatch(name):
            faults.append(Fault(at, "must be a name such as loyalty_tier: a to z, 0 to 9 and _"))
        if not listed:
            faults.append(Fault(at, "must name at least one value"))
        if any(not 1 <= len(value) <= LONGEST_VALUE or not value.isprintable() for value in listed):
            faults.append(Fault(at, f"must be 1 to {LONGEST_VALUE} printable characters"))
    return faults


def _range_faults(least: int | None, most: int | None, field: str) -> list[Fault]:
    if least is not None and most is not None and most < least:
        return [Fault(f"{field}.at_most", "must not be less than at_least")]
    return []
