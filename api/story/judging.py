"""What the café learns of its fences before customers do: findings, trials, and who came by."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.places import CIRCLE_DRAFT, TERRACE_DRAFT
from api.story.told import FENCE_ID, TERRACE_ID, Told, answering
from geo.fence_lint import Finding, Numbers, Severity
from geo.fence_lint_words import say_assumptions, say_finding

_LANGUAGE: Final = "fr"
_ASSUMPTIONS: Final = say_assumptions(_LANGUAGE)
_SHARE: Final = 0.0243


def _finding(code: str, severity: Severity, **numbers: Any) -> dict[str, Any]:
    said: Numbers = numbers
    message = say_finding(Finding(code=code, severity=severity, numbers=said), _LANGUAGE)
    return {"code": code, "severity": severity, "message": message, "numbers": said}


def _trial(accuracy_m: float, staying: float, passing: float, missed: float) -> dict[str, float]:
    return {
        "accuracy_m": accuracy_m,
        "false_enters_of_100_staying": staying,
        "false_enters_of_100_passing": passing,
        "missed_of_100_visiting": missed,
    }


def _overlap(fence_id: int, this: float, other: float) -> dict[str, Any]:
    return {"fence_id": fence_id, "share_of_this": this, "share_of_other": other}


_OF_THE_CIRCLE: Final = {
    "findings": [
        _finding("overlaps_own", "warning", fences=1, fence_ids=[TERRACE_ID], largest_share=1.0),
        _finding("false_enters", "info", of_100_staying=20.5, of_100_passing=1.5, accuracy_m=30.0),
    ],
    "overlaps": [_overlap(TERRACE_ID, _SHARE, 1.0)],
    "trials": [_trial(10.0, 0.5, 0.0, 4.0), _trial(30.0, 20.5, 1.5, 15.5), _trial(65.0, 40.5, 10.5, 24.0)],
    "assumptions": _ASSUMPTIONS,
}
_OF_THE_TERRACE: Final = {
    "findings": [
        _finding("missed_visits", "serious", of_100_visiting=100.0, accuracy_m=30.0),
        _finding("smaller_than_accuracy", "warning", inner_radius_m=11.0, accuracy_m=30.0),
        _finding("overlaps_own", "warning", fences=1, fence_ids=[FENCE_ID], largest_share=1.0),
    ],
    "overlaps": [_overlap(FENCE_ID, 1.0, _SHARE)],
    "trials": [_trial(10.0, 0.0, 0.0, 54.0), _trial(30.0, 0.0, 0.0, 100.0), _trial(65.0, 0.0, 0.0, 100.0)],
    "assumptions": _ASSUMPTIONS,
}


def _count(trigger: str, days: int, people: int | None, **reachable: int | None) -> dict[str, Any]:
    return {"trigger": trigger, "days": days, "people": people, "reachable": reachable}


def _reach(kind: str, share_inside: float, *counts: dict[str, Any]) -> dict[str, Any]:
    return {
        "until": "2026-07-01T00:00:00Z",
        "basis": {"kind": kind, "fences": [{"fence_id": FENCE_ID, "share_inside": share_inside}]},
        "counts": list(counts),
        "hidden_below": 10,
        "rounded_to": 10,
    }


_ENTERED: Final = (
    _count("enter", 28, 410, push=130, inbox=180),
    _count("enter", 7, 120, push=40, inbox=50),
)
_STAYED: Final = (
    _count("dwell", 28, 230, push=90, inbox=120),
    _count("dwell", 7, 60, push=20, inbox=30),
)
_LEFT: Final = (
    _count("exit", 28, 400, push=130, inbox=180),
    _count("exit", 7, 120, push=30, inbox=50),
)
_OF_THE_OFFER: Final = (_count("enter", 28, 410, push=130), _count("enter", 7, 120, push=None))

TOLD: Final[Mapping[str, Told]] = {
    "lintFence": Told(answering(_OF_THE_CIRCLE)),
    "lintFenceDraft": Told(answering(_OF_THE_TERRACE), asked={"": TERRACE_DRAFT}),
    "forecastOfferReach": Told(answering(_reach("fences_of_offer", 1.0, *_OF_THE_OFFER))),
    "forecastFenceReach": Told(
        answering(_reach("overlapping_fences", 1.0, *_ENTERED, *_STAYED, *_LEFT)), asked={"": CIRCLE_DRAFT}
    ),
}
