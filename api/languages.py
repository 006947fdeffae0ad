"""Which of the languages Alentour speaks by itself an answer is in (RFC 9110 § 12.5.4)."""

from typing import Annotated, Final

from litestar.params import HeaderParameter

from offers.handing.plain_words import SpokenLanguage

SPOKEN: Final[tuple[SpokenLanguage, ...]] = ("en", "fr")

AcceptLanguage = Annotated[
    str | None,
    HeaderParameter(
        name="Accept-Language", max_length=400, description="Which of en and fr you would rather read."
    ),
]


def spoken_language(accept_language: str | None, fallback: str = "en") -> SpokenLanguage:
    """English or French: what the header likes best, else the base language of `fallback`, else English."""
    wanted = [*ranked_languages(accept_language), fallback]
    for tag in wanted:
        base = tag.partition("-")[0].strip().lower()
        for language in SPOKEN:
            if base == language:
                return language
    return "en"


def ranked_languages(header: str | None) -> list[str]:
    """The language tags of a header, best first; what cannot be read is left out."""
    weighed = [(_weight(parameters), tag) for tag, _, parameters in _parts(header or "")]
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]


def _parts(header: str) -> list[tuple[str, str, str]]:
    return [part.strip().partition(";") for part in header.split(",") if part.strip()]


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
