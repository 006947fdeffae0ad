"""Fence lint over HTTP: what is worth knowing about a fence, saved or not."""

import asyncio
from datetime import datetime
from typing import Final

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody

from api.audit import READS_ONLY
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Now, Session
from api.languages import AcceptLanguage, spoken_language
from api.room import Room
from api.routes.fence_forms import FenceFeature, edit_of
from api.routes.fences import refuse_faulty
from api.routes.resources import Id, RetailerId, existing_tenant
from geo.fence_lint import Finding, Numbers, Overlap, Severity, Surroundings, lint
from geo.fence_lint_words import say_assumptions, say_finding
from geo.fence_neighbours import nearby_of, overlaps_of
from geo.fences import FenceEdit, fence_of, shape_of
from geo.phone_trials import Trial, try_phones
from geo.shapes import Shape
from geo.sites import site_of
from geo.wall_clock import wall_time
from offers.handing.plain_words import SpokenLanguage
from offers.retail.stretches import longest_open_s


class FenceFinding(msgspec.Struct, kw_only=True):
    """`code` is stable, `message` is for people; `numbers` led to it."""

    code: str
    severity: Severity
    message: str
    numbers: Numbers


class FenceLint(msgspec.Struct, kw_only=True):
    """Findings, the worst first; a trial for phones of each accuracy, made as `assumptions` says."""

    findings: list[FenceFinding]
    overlaps: list[Overlap]
    trials: list[Trial]
    assumptions: str


class _Asked(msgspec.Struct):
    """A fence as far as it is judged here."""

    shape: Shape
    dwell_s: int
    site_id: int | None
    active_hours: str | None
    fence_id: int | None = None


_TRIED: Final = (
    "Findings about its size, its neighbours and its dwell, and what simulated phones would make of it:"
    " how many people who never come in would be said to have entered, and how many visits be missed, at"
    " 10, 30 and 65 m accuracy. Nothing is refused for a finding."
)

# Trials are pure Python for some tenths of a second, beside which this worker answers phones.
_room: Final = Room(2)


@get(
    "/{fence_id:int}/lint",
    guards=[requires("read")],
    operation_id="lintFence",
    summary="Judge a fence",
    description=_TRIED,
)
async def lint_one(
    session: Session,
    now: Now,
    key: AuthKey,
    fence_id: Id,
    retailer_id: RetailerId = None,
    accept_language: AcceptLanguage = None,
) -> Response[FenceLint]:
    tenant = tenant_of(key, retailer_id)
    fence = await fence_of(session, tenant, fence_id)
    asked = _Asked(shape_of(fence), fence.dwell_s, fence.site_id, fence.active_hours, fence_id)
    return await _answer(session, tenant, asked, now, spoken_language(accept_language))


@post(
    "/lint",
    guards=[requires("read")],
    status_code=200,
    opt=READS_ONLY,
    operation_id="lintFenceDraft",
    summary="Judge a fence before it is created",
    description=f"The same body as for creating one; nothing is saved. {_TRIED}",
)
async def lint_draft(
    session: Session,
    now: Now,
    key: AuthKey,
    data: JSONBody[FenceFeature],
    retailer_id: RetailerId = None,
    accept_language: AcceptLanguage = None,
) -> Response[FenceLint]:
    tenant = await existing_tenant(session, key, retailer_id)
    edit: FenceEdit = edit_of(data, "")
    await refuse_faulty(session, tenant, edit)
    asked = _Asked(edit.shape, edit.dwell_s, edit.site_id, edit.active_hours)
    return await _answer(session, tenant, asked, now, spoken_language(accept_language))


async def _answer(
    session: Session, tenant: int, asked: _Asked, now: datetime, language: SpokenLanguage
) -> Response[FenceLint]:
    overlaps = await overlaps_of(session, tenant, asked.shape, without=asked.fence_id, now=now)
    own, others = await nearby_of(session, tenant, asked.shape, now, without=asked.fence_id)
    around = Surroundings(
        overlaps=tuple(overlaps),
        own_nearby=own,
        others_nearby=others,
        open_at_most_s=await _open_at_most_s(session, tenant, asked, now),
    )
    with _room.taken():
        trials, findings = await asyncio.to_thread(_judge, asked, around)
    body = FenceLint(
        findings=[_told(finding, language) for finding in findings],
        overlaps=list(overlaps),
        trials=list(trials),
        assumptions=say_assumptions(language),
    )
    return Response(body, headers={"content-language": language, "vary": "Accept-Language"})


def _judge(asked: _Asked, around: Surroundings) -> tuple[tuple[Trial, ...], list[Finding]]:
    trials = try_phones(asked.shape)
    return trials, lint(asked.shape, asked.dwell_s, around, trials)


async def _open_at_most_s(session: Session, tenant: int, asked: _Asked, now: datetime) -> float | None:
    """The shorter of what the site's hours and the fence's active hours allow at a stretch."""
    texts, zone = [asked.active_hours], "UTC"
    if asked.site_id is not None:
        site = await site_of(session, tenant, asked.site_id)
        texts, zone = [asked.active_hours, site.opening_hours], site.time_zone
    wall = wall_time(now, zone)
    stretches = [longest_open_s(text, wall) for text in texts]
    return min((stretch for stretch in stretches if stretch is not None), default=None)


def _told(finding: Finding, language: SpokenLanguage) -> FenceFinding:
    return FenceFinding(
        code=finding.code,
        severity=finding.severity,
        message=say_finding(finding, language),
        numbers=finding.numbers,
    )


router: Final = Router(
    "/v1/fences",
    route_handlers=[lint_one, lint_draft],
    dependencies=ORM,
    tags=["Fences"],
    security=[{"retailerKey": []}],
)
