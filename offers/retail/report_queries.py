"""The statements of reports: what was crossed, decided and done, by offer, place and local period.

Owns the SQL and how one report's groups become its columns. All are bounded by the keys of offers and
fences and by time. Parameters: $1 to $5 fences, their sites and zones, and where the periods of each zone
begin; of those about offers $6 whether what is at no fence counts, $7 the offers, $8 and $9 the whole span.
"""

from typing import Final

BY_OFFER: Final = frozenset({"offer", "offer_at_fence"})
STAGES: Final = ("handed", "shown", "opened", "dismissed", "less_like_this", "redeemed", "cancelled")

FENCES: Final = """
SELECT f.fence_id, f.name AS fence, f.site_id, s.name AS site, s.time_zone
FROM fences f LEFT JOIN sites s ON s.site_id = f.site_id
WHERE f.retailer_id = $1 AND ($2::bigint IS NULL OR f.site_id = $2)
ORDER BY f.fence_id
"""
OFFERS: Final = """
SELECT offer_id, content FROM offers WHERE retailer_id = $1 AND ($2::bigint IS NULL OR offer_id = $2)
ORDER BY offer_id
"""
SITE: Final = "SELECT name FROM sites WHERE retailer_id = $1 AND site_id = $2"
RETAILER: Final = "SELECT name FROM retailers WHERE retailer_id = $1"

# How one report groups: by offer, by place, and by the periods of each zone.
_OFFER_KEY: Final = dict.fromkeys(BY_OFFER, "c.offer_id")
_PLACE_KEY: Final = {"site": "coalesce(p.site_id, 0)", "fence": "c.fence_id", "offer_at_fence": "c.fence_id"}

# Every fence with where the periods of its zone begin; width_bucket finds the one of a moment. What is at
# no fence of these is in the zone that comes first.
_PLACES: Final = """
WITH zone AS MATERIALIZED (
    SELECT z AS zone, array_agg(starts_at ORDER BY starts_at) AS starts
    FROM unnest($4::integer[], $5::timestamptz[]) AS t(z, starts_at) GROUP BY z
), place AS MATERIALIZED (
    SELECT p.fence_id, p.site_id, zone.zone, zone.starts, zone.starts[1] AS begins_at,
           zone.starts[cardinality(zone.starts)] AS ends_at
    FROM unnest($1::bigint[], $2::bigint[], $3::integer[]) AS p(fence_id, site_id, zone)
    JOIN zone USING (zone)
), elsewhere AS MATERIALIZED (
    SELECT zone, starts, starts[1] AS begins_at, starts[cardinality(starts)] AS ends_at
    FROM zone WHERE zone = 0
)
"""
# A person is known by the bucket only, which many share: so many buckets are at least as many people.
_BUCKETS: Final = "bit_or(1::bigint << c.bucket::integer)"
_CROSSED: Final = """
place p
JOIN LATERAL (SELECT bucket, fence_id, kind, recorded_at FROM crossings
              WHERE bucket BETWEEN 0 AND 63 AND fence_id = p.fence_id
                AND occurred_at >= p.begins_at - {within}::interval AND occurred_at < p.ends_at
                AND recorded_at >= p.begins_at AND recorded_at < p.ends_at) c ON true
"""
_CROSSINGS: Final = f"""
{_PLACES}
SELECT 0::bigint AS offer, {{place}} AS place, p.zone, width_bucket(c.recorded_at, p.starts) AS period,
       'crossing_kind' AS about, c.kind AS what, count(*) AS n, {_BUCKETS} AS buckets
FROM {_CROSSED.format(within="$6")}
GROUP BY 2, 3, 4, 6
"""  # noqa: S608 - joined from constants of this module
# Of a fence that is no more there are counts still, as long as no site is asked for.
_AT_PLACES: Final = """
LEFT JOIN place p ON p.fence_id = c.fence_id
CROSS JOIN elsewhere e
WHERE c.at >= coalesce(p.begins_at, e.begins_at) AND c.at < coalesce(p.ends_at, e.ends_at)
  AND (p.fence_id IS NOT NULL OR $6)
"""
_WHEN: Final = "coalesce(p.zone, 0) AS zone, width_bucket(c.at, coalesce(p.starts, e.starts)) AS period"
_DECIDED: Final = f"""
(
    SELECT offer_id, fence_id, hour AS at, moment, outcome, n FROM decision_totals
    WHERE offer_id = ANY ($7::bigint[]) AND hour >= $8 AND hour < $9
    UNION ALL
    SELECT offer_id, fence_id, hour, moment, outcome, n FROM decision_counts
    WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($7::bigint[]) AND hour >= $8 AND hour < $9
    UNION ALL
    SELECT offer_id, fence_id, held_at, 'now', 'waiting', 1 FROM held_offers
    WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($7::bigint[]) AND held_at >= $8 AND held_at < $9
) c {_AT_PLACES}
"""  # noqa: S608 - the same
_DECISIONS: Final = f"""
{_PLACES}
SELECT 0::bigint AS offer, {{place}} AS place, {_WHEN}, c.moment AS about, c.outcome AS what,
       sum(c.n)::bigint AS n, NULL::bigint AS buckets
FROM {_DECIDED}
GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608 - the same
# With them, who crossed where and when the offer was considered, by one of its triggers: none of these
# crossings is counted, but no fewer people than these stand behind the decisions.
_DECISIONS_OF_OFFERS: Final = f"""
{_PLACES}, decided AS MATERIALIZED (
    SELECT c.offer_id, c.fence_id, {_WHEN}, c.moment, c.outcome, sum(c.n) AS n
    FROM {_DECIDED}
    GROUP BY 1, 2, 3, 4, 5, 6
), crossed AS MATERIALIZED (
    SELECT p.fence_id, p.zone, width_bucket(c.recorded_at, p.starts) AS period, c.kind, {_BUCKETS} AS buckets
    FROM {_CROSSED.format(within="$10")}
    GROUP BY 1, 2, 3, 4
)
SELECT c.offer_id AS offer, {{place}} AS place, c.zone, c.period, c.moment AS about, c.outcome AS what,
       sum(c.n)::bigint AS n, NULL::bigint AS buckets
FROM decided c GROUP BY 1, 2, 3, 4, 5, 6
UNION ALL
SELECT c.offer_id, {{place}}, c.zone, c.period, 'crossing_kind', x.kind, 0, bit_or(x.buckets)
FROM (SELECT DISTINCT offer_id, fence_id, zone, period FROM decided WHERE moment = 'crossing') c
JOIN crossed x ON x.fence_id = c.fence_id AND x.zone = c.zone AND x.period = c.period
JOIN offers o ON o.offer_id = c.offer_id AND x.kind = ANY (o.triggers)
GROUP BY 1, 2, 3, 4, 6
"""  # noqa: S608 - the same
_EVERY_STAGE: Final = ", ".join(
    f"count(c.{stage}_at) AS {stage}, {_BUCKETS} FILTER (WHERE c.{stage}_at IS NOT NULL) AS {stage}_buckets"
    for stage in STAGES
)
_STAGES: Final = f"""
{_PLACES}
SELECT {{offer}} AS offer, {{place}} AS place, {_WHEN}, {_EVERY_STAGE}
FROM (SELECT *, decided_at AS at FROM deliveries
      WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($7::bigint[])
        AND decided_at >= $8 AND decided_at < $9) c {_AT_PLACES}
GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - the same


def crossings_by(by: str) -> str:
    """Crossings by kind with the buckets behind them; $6 is how much later one may be written."""
    return _by(_CROSSINGS, by)


def decisions_by(by: str) -> str:
    """Outcomes by moment. Of a report by offer with the buckets behind them; $10 as $6 of crossings."""
    return _by(_DECISIONS_OF_OFFERS if by in BY_OFFER else _DECISIONS, by)


def stages_by(by: str) -> str:
    """How many deliveries came how far, and the buckets behind each stage."""
    return _by(_STAGES, by)


def _by(statement: str, by: str) -> str:
    return statement.format(offer=_OFFER_KEY.get(by, "0::bigint"), place=_PLACE_KEY.get(by, "0::bigint"))
