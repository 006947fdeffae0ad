"""What all pages share: the frame around them, the style, and the policy that lets in nothing else.

Style and script lie beside this file and are put into the page, so that it works without a network
and can be saved.
"""

import base64
import hashlib
from html import escape
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
STYLE: Final = (_FOLDER / "page.css").read_text(encoding="utf-8")
SCRIPT: Final = (_FOLDER / "page.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


CONTENT_POLICY: Final = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)};"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def framed(title: str, body: str, *, language: str = "en", kind: str = "") -> str:
    """A whole page; `kind` is a class that the style knows."""
    return (
        "<!doctype html>"
        f'<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f'<body class="{kind}">{body}</body></html>'
    )


def prose(text: str) -> str:
    """Paragraphs, and lists of lines that begin with a hyphen."""
    return "".join(_block(part) for part in text.split("\n\n") if part.strip())


def _block(text: str) -> str:
    lines = text.splitlines()
    if all(line.startswith("- ") for line in lines):
        return f"<ul>{''.join(f'<li>{inline(line[2:])}</li>' for line in lines)}</ul>"
    return f"<p>{inline(text)}</p>"


def inline(text: str) -> str:
    """The two marks our texts use: `code` and **bold**."""
    parts = escape(text).split("`")
    coded = "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    parts = coded.split("**")
    return "".join(f"<strong>{part}</strong>" if at % 2 else part for at, part in enumerate(parts))
