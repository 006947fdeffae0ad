"""Where engine and reference disagree about a case, and the smallest case found in which they still do."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from offers.engine.deciding import Decided
from tests.reference import engine_side
from tests.reference.decision import Outcome, Reference
from tests.reference.facts import Case


def differences(case: Case) -> list[str]:
    """What differs, in words; nothing if they agree."""
    expected = Reference(case).decide()
    try:
        decided = engine_side.decide(case)
    except Exception as error:  # noqa: BLE001 - that it breaks is what is to be told of this case
        return [f"the engine breaks: {error!r}"]
    return list(_differences(expected, decided))


def _differences(expected: Outcome, decided: Decided) -> Iterator[str]:
    found = {
        "given": [
            (one.told.crossing_id, one.offer.offer_id, one.offer.channel) for one in decided.deliveries
        ],
        "held": [(one.occasion.crossing_id, one.offer_id, one.due_at) for one in decided.holds],
        "held_out": [
            (one.occasion.crossing_id, one.offer.offer_id, one.drawn_for) for one in decided.holdouts
        ],
        "no_longer_held": [(one.offer_id, one.fence_id) for one in decided.no_longer_held],
        "counts": engine_side.counts(decided),
    }
    wanted = vars(expected)
    for name, value in found.items():
        if value != wanted[name]:
            yield f"{name}: the engine says {_less(value, wanted[name])}, not {_less(wanted[name], value)}"
    units = [one.lease_id for one in decided.deliveries if one.offer.is_limited]
    if units != [UUID(int=one.offer.offer_id) for one in decided.deliveries if one.offer.is_limited]:
        yield f"units were taken of {units}"


def _less(value: Any, other: Any) -> Any:
    """Of counts only those that differ."""
    return value if isinstance(value, list) else dict(value - other)


def smallest(case: Case) -> Case:
    """What cannot be left out of the case without the two agreeing."""
    while True:
        simpler = next((one for one in _simpler(case) if _is_refuted_by(one)), None)
        if simpler is None:
            return case
        case = simpler


def _is_refuted_by(case: Case) -> bool:
    try:
        return bool(differences(case))
    except Exception:  # noqa: BLE001 - a case that cannot be asked about refutes nothing
        return False


def _simpler(case: Case) -> Iterator[Case]:
    for name in ("crossings", "let_go", "history", "caps", "offers"):
        parts = getattr(case, name)
        for number in range(len(parts)):
            yield _with_what_can_wait(replace(case, **{name: parts[:number] + parts[number + 1 :]}))
    for name in ("holds", "stopped"):
        if getattr(case, name):
            yield replace(case, **{name: frozenset()})
    for number, offer in enumerate(case.offers):
        for one in fields(offer):
            plain = one.default
            if plain != getattr(offer, one.name) and isinstance(plain, (int, str, tuple, bool, type(None))):
                changed = replace(offer, **{one.name: plain})
                yield replace(case, offers=(*case.offers[:number], changed, *case.offers[number + 1 :]))


def _with_what_can_wait(case: Case) -> Case:
    """Without what waited of an offer that was left out: nothing like that is ever let go."""
    offered = {offer.offer_id for offer in case.offers}
    return replace(case, let_go=tuple(one for one in case.let_go if one.offer_id in offered))


def told(case: Case) -> str:
    """The case, a line for each part of it."""
    lines = []
    for one in fields(case):
        value = getattr(case, one.name)
        if one.name == "units":
            value = {offer.offer_id: value[offer.offer_id] for offer in case.offers}
        if isinstance(value, tuple):
            lines += [f"  {one.name}: {_changed(part)}" for part in value]
        else:
            lines.append(f"  {one.name}: {_changed(value)}")
    return "\n".join(lines)


def _changed(value: Any) -> str:
    """A dataclass with those members only that are not plain."""
    if not hasattr(value, "__dataclass_fields__"):
        return str(value)
    said = {one.name: getattr(value, one.name) for one in fields(value) if one.repr}
    plain = {one.name: one.default for one in fields(value)}
    shown = (f"{name}={_changed(it)}" for name, it in said.items() if it != plain[name])
    return f"{type(value).__name__}({', '.join(shown)})"
