"""What a run found: one structure for machines, one page for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from simulator.judging import Verdict
from simulator.options import Options
from simulator.parking.findings import ParkingFindings
from simulator.phones import PhoneAtWork
from simulator.recount import KINDS as VIOLATIONS
from simulator.recount import Violation
from simulator.score import Kind, Score
from simulator.world import World

MOST_LINES: Final = 20


class Quality(msgspec.Struct):
    """Of enters or of exits, from 0 to 1."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, score: Score) -> "Quality":
        """Rounded to what means something."""
        return cls(round(score.precision, 4), round(score.recall, 4), round(score.f1, 4))


class Menus(msgspec.Struct):
    """How often phones read the menus of a place, or looked for menus around."""

    reads: int


class Report(msgspec.Struct, kw_only=True):
    """The first ten are the promise of the command line; the rest explains them.

    fixes        sent by the phones, repeats not counted
    crossings    enters, dwells and exits that the server told of
    deliveries   different ones that reached a phone
    redemptions  that a till accepted
    suppressed   how often each reason held an offer back, as the server counts
    violations   what the recount found, by kind
    detection    crossings against the truth
    seconds      of real time
    menus        read by phones
    parking      what drivers paid, and were asked

    `errors` holds everything that is not as it should be and is no broken promise: answers nobody
    expected, statements that cannot be true, plausible fixes refused (`plausible_fixes_refused`).
    """

    fixes: int
    crossings: int
    deliveries: int
    redemptions: int
    suppressed: dict[str, int]
    violations: dict[str, int]
    detection: dict[Kind, Quality]
    seconds: float
    menus: Menus
    parking: ParkingFindings
    explanations: list[str]
    errors: dict[str, int]
    retries: dict[str, int]
    requests: int
    fix_statuses: dict[str, int]
    plausible_fixes_refused: dict[str, int]
    crossing_kinds: dict[str, int]
    true_stays: int
    scores: dict[Kind, Score]
    detection_of_clear_changes: dict[Kind, Quality]
    redemptions_refused: dict[str, int]
    repeats_answered_differently: int
    people: int
    phones: int
    simulated_from: str
    simulated_minutes: float
    seed: int
    phases_s: dict[str, float]


def report_on(
    options: Options,
    world: World,
    phones: Sequence[PhoneAtWork],
    suppressed: Mapping[str, int],
    verdict: Verdict,
    parking: ParkingFindings,
    violations: list[Violation],
    phases_s: dict[str, float],
) -> Report:
    """Everything that a run found, put together."""
    seen = world.journal.seen.values()
    return Report(
        fixes=world.fixes_sent,
        crossings=len(world.crossing_kinds),
        deliveries=sum(one.delivery.decided_at >= world.start for one in seen),
        redemptions=len(world.journal.redemptions),
        suppressed=dict(sorted(suppressed.items())),
        violations=counted(violations),
        detection=_qualities(verdict.scores),
        menus=Menus(world.menu_reads),
        parking=parking,
        seconds=round(sum(phases_s.values()), 2),
        explanations=[f"{violation.kind}: {violation.explanation}" for violation in violations],
        errors=_errors(world, verdict),
        retries=dict(world.api.retries.most_common()),
        requests=world.api.requests,
        fix_statuses=dict(sorted(world.fix_statuses.items())),
        plausible_fixes_refused=dict(sorted(verdict.refused.items())),
        crossing_kinds=dict(sorted(Counter(world.crossing_kinds.values()).items())),
        true_stays=verdict.stays,
        scores=verdict.scores,
        detection_of_clear_changes=_qualities(verdict.clear),
        redemptions_refused=dict(sorted(world.refused_redemptions.items())),
        repeats_answered_differently=world.repeats_answered_differently,
        people=sum(phone.phone.is_first for phone in phones),
        phones=len(phones),
        simulated_from=world.start.isoformat(),
        simulated_minutes=options.minutes,
        seed=options.seed,
        phases_s=phases_s,
    )


def _errors(world: World, verdict: Verdict) -> dict[str, int]:
    refused = {f"plausible fix refused: {status}": n for status, n in verdict.refused.items()}
    return dict((world.api.errors + world.contradictions + Counter(refused)).most_common())


def _qualities(scores: dict[Kind, Score]) -> dict[Kind, Quality]:
    return {kind: Quality.of(score) for kind, score in scores.items()}


def counted(violations: list[Violation]) -> dict[str, int]:
    """How many of each kind, zeros included."""
    return {kind: sum(violation.kind == kind for violation in violations) for kind in VIOLATIONS}


def written(report: Report) -> bytes:
    """The report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def show(report: Report, console: Console) -> None:
    """A summary that fits a terminal."""
    console.print(_happened(report))
    console.print(_judged(report))
    for name, lines in (("Violations", report.explanations), ("Errors", _lines(report.errors))):
        for line in lines[:MOST_LINES]:
            console.print(f"[red]{name}:[/red] {line}", highlight=False)
        if len(lines) > MOST_LINES:
            console.print(f"… and {len(lines) - MOST_LINES} more, in the report")


def _happened(report: Report) -> Table:
    table = Table(
        title=f"{report.phones} phones of {report.people} people, {report.simulated_minutes:g} minutes"
    )
    table.add_column("what")
    table.add_column("how many", justify="right")
    table.add_row("fixes", f"{report.fixes:,}")
    for status, n in report.fix_statuses.items():
        table.add_row(f"  {status}", f"{n:,}")
    table.add_row("crossings", f"{report.crossings:,}")
    for kind, n in report.crossing_kinds.items():
        table.add_row(f"  {kind}", f"{n:,}")
    table.add_row("offers delivered", f"{report.deliveries:,}")
    table.add_row("offers redeemed", f"{report.redemptions:,}")
    table.add_row("menus read", f"{report.menus.reads:,}")
    for what, many in report.parking.lines():
        table.add_row(what, many)
    for reason, n in sorted(report.suppressed.items(), key=lambda item: -item[1]):
        table.add_row(f"held back: {reason}", f"{n:,}")
    return table


def _judged(report: Report) -> Table:
    table = Table(title="Against the truth and the rules")
    for column in ("", "precision", "recall", "F1"):
        table.add_column(column, justify="left" if not column else "right")
    for kind, quality in report.detection.items():
        table.add_row(kind, *(f"{value:.3f}" for value in (quality.precision, quality.recall, quality.f1)))
    prompts = report.parking.prompts
    if prompts.asked or prompts.due:
        table.add_row(
            "asked to pay", f"{prompts.precision:.3f}", f"{prompts.recall:.3f}", f"{prompts.f1:.3f}"
        )
    table.add_section()
    for violation, n in report.violations.items():
        table.add_row(f"broke {violation.replace('_', ' ')}", f"{n}")
    table.caption = f"{report.seconds:.1f} s of real time, {report.requests:,} requests"
    return table


def _lines(errors: dict[str, int]) -> list[str]:
    return [f"{n} times {error}" for error, n in errors.items()]
