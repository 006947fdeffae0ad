"""The state of a phone in words that its owner can read: what is remembered of where it is.

Owns the translation only; the state is `geo.tracking`'s, its phases are `geo.crossings`'.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from geo import crossings, vehicles
from geo.sightings import Sighting
from geo.tracking import FIX_ID_CHARACTERS, NO_ANSWER, DeviceState

_PHASES: Final[Mapping[int, str]] = {
    crossings.RESTING: "outside",
    crossings.ENTERING: "entering",
    crossings.INSIDE: "inside",
    crossings.DWELLED: "inside",
    crossings.LEAVING: "leaving",
    crossings.LEAVING_DWELLED: "leaving",
    crossings.LAPSED: "was_inside",
}
_CARS: Final[Mapping[int, str]] = {
    vehicles.ON_FOOT: "on_foot",
    vehicles.DRIVING: "driving",
    vehicles.STOPPING: "stopping",
    vehicles.PARKED: "parked",
}
_read: Final = msgspec.json.Decoder(DeviceState).decode


def read_state(text: str | None) -> DeviceState | None:
    return None if text is None else _read(text)


def in_words(state: DeviceState, fence_names: Mapping[int, str]) -> dict[str, Any]:
    """Members of `api.routes.export_forms.Whereabouts` but the device: last fix, fences, and the rest."""
    return {
        "last_fix": _fix(state.last),
        "doubted_fix": _fix(state.doubted),
        "fences": [
            {
                "fence_id": fence_id,
                "fence_name": fence_names.get(fence_id),
                "phase": _PHASES[fence.phase],
                "has_dwelled": fence.has_dwelled,
                "seen_at": _moment(fence.seen_at),
                "began_at": _moment(fence.began_at),
                "told_at": _moment(fence.told_at),
            }
            for fence_id, fence in sorted(state.fences.items())
        ],
        "car": None if state.vehicle is None else _car(state.vehicle),
        "monitored_fence_ids": list(state.monitored),
        "remembered_fix_ids": len(state.recent) // FIX_ID_CHARACTERS,
        "last_answer_kept": state.answer != NO_ANSWER,
    }


def _fix(sighting: Sighting | None) -> dict[str, Any] | None:
    if sighting is None:
        return None
    return {
        "lat": sighting.lat,
        "lon": sighting.lon,
        "accuracy_m": sighting.accuracy_m,
        "recorded_at": _moment(sighting.at),
    }


def _car(vehicle: vehicles.Vehicle) -> dict[str, Any]:
    return {
        "phase": _CARS[vehicle.phase],
        "since": _moment(vehicle.at),
        "lat": vehicle.lat,
        "lon": vehicle.lon,
        "accuracy_m": vehicle.accuracy_m,
        "fast_fixes": vehicle.fast_fixes,
        "is_leaving": vehicle.is_leaving,
    }


def _moment(at: float) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at else None
