"""What age allows: pure rules over a declared age band and a country.

Nobody is asked for a birthday. The band is self-declared; `unknown` counts as a minor. A consent needs
the digital age of consent of the person's country (GDPR Art. 8 (1) is about consent as such, so no
purpose is exempt), marketing needs an adult. A band counts by its lowest age. The database holds the
same floor as a CHECK on `customers`, but for the countries.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from offers.terms import MARKETING, AgeBand

ADULT: Final = 18
LOWEST_AGE: Final[Mapping[AgeBand, int]] = {"unknown": 0, "under_15": 0, "15_17": 15, "adult": ADULT}

# GDPR Art. 8 (1): 16 where a country has chosen nothing else, and for whom no country is known.
STRICTEST: Final = 16
# The national choices: Commission SWD(2020) 115, p. 17 for the Union of 2020; since then Denmark 15
# (Databeskyttelsesloven § 6, from 2024) and Slovenia 15 (ZVOP-2 Art. 8, 2023); the EEA and the United
# Kingdom by their own acts. What changes is set by the operator (ALENTOUR_AGES_OF_CONSENT).
AGES_OF_CONSENT: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(("BE", "EE", "FI", "GB", "IS", "LV", "MT", "NO", "PT", "SE"), 13),
        **dict.fromkeys(("AT", "BG", "CY", "ES", "IT", "LT"), 14),
        **dict.fromkeys(("CZ", "DK", "FR", "GR", "SI"), 15),
        **dict.fromkeys(("DE", "HR", "HU", "IE", "LI", "LU", "NL", "PL", "RO", "SK"), 16),
    }
)
# Below 13 no country may go (Art. 8 (1)); above 18 there is nothing to choose.
YOUNGEST_AGE_OF_CONSENT: Final = 13


def age_of_consent(country: str | None, ages: Mapping[str, int] = AGES_OF_CONSENT) -> int:
    """Years, by ISO 3166 code; the strictest where the country is not known."""
    return STRICTEST if country is None else ages.get(country, STRICTEST)


def may_grant(grant: str, band: AgeBand, needed_age: int) -> bool:
    """Whether somebody of this band may give this consent (as written in `Person.grants`)."""
    if is_marketing(grant):
        return is_adult(band)
    return LOWEST_AGE[band] >= max(needed_age, YOUNGEST_AGE_OF_CONSENT)


def not_allowed(grants: Iterable[str], band: AgeBand, needed_age: int) -> frozenset[str]:
    """Those of the grants that this band may not give, or may keep no longer."""
    return frozenset(grant for grant in grants if not may_grant(grant, band, needed_age))


def is_marketing(grant: str) -> bool:
    return grant.partition(":")[0] == MARKETING


def is_adult(band: AgeBand) -> bool:
    return LOWEST_AGE[band] >= ADULT


def may_see_offers(band: AgeBand) -> bool:
    """An offer is marketing, also where somebody looks around by themselves. Places may be seen by all.

    So offers of regulated goods (`Offer.regulated`) need no rule of their own here.
    """
    return is_adult(band)
