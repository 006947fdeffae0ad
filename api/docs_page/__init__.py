"""The documentation page: one HTML file made from the OpenAPI document, with nothing to load.

Owns how the document looks. What it says is `api.openapi`'s; style and script lie beside this file
and are put into the page, so that it works without a network and can be saved.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec

_FOLDER: Final = Path(__file__).parent
_STYLE: Final = (_FOLDER / "page.css").read_text(encoding="utf-8")
_SCRIPT: Final = (_FOLDER / "page.js").read_text(encoding="utf-8")
_METHODS: Final = ("get", "put", "post", "patch", "delete")

_LIMITS: Final = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
    "minLength": "at least",
    "maxLength": "at most",
    "minItems": "at least",
    "maxItems": "at most",
}

Schemas = dict[str, Any]


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


CONTENT_POLICY: Final = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)};"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def render(document: dict[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    groups = _grouped(document)
    schemas: Schemas = document["components"]["schemas"]
    body = "".join(_group(tag, operations, schemas) for tag, operations in groups if operations)
    return (
        "<!doctype html>"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(info['title'])}</h1>"
        f"<p class=version>API {escape(info['version'])} · <a href='/openapi.json'>openapi.json</a></p>"
        "<label class=search><span>Find</span>"
        "<input id=search type=search placeholder='offer, /v1/fixes, consent…' autocomplete=off></label>"
        f"<nav aria-label='Operations'>{''.join(_contents(groups))}</nav></header>"
        f"<main><div class=intro><p class=lead>{escape(info.get('summary') or '')}</p>"
        f"{_prose(info['description'])}</div>{body}"
        "<p id=nothing hidden>Nothing is called that.</p></main>"
        f"<script>{_SCRIPT}</script></body></html>"
    )


Operation = tuple[str, str, dict[str, Any]]


def _grouped(document: dict[str, Any]) -> list[tuple[dict[str, Any], list[Operation]]]:
    """Tags in the document's order, each with its operations by path."""
    tags = {tag["name"]: tag for tag in document.get("tags", [])}
    groups: dict[str, list[Operation]] = {name: [] for name in tags}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["Other"])[0]
                groups.setdefault(tag, []).append((method, path, item[method]))
    return [(tags.get(name, {"name": name}), operations) for name, operations in groups.items()]


def _contents(groups: list[tuple[dict[str, Any], list[Operation]]]) -> Iterator[str]:
    for tag, operations in groups:
        if operations:
            links = "".join(
                f"<li><a href='#{_anchor(method, path)}'><b class={method}>{method}</b>"
                f"<span>{escape(path)}</span></a></li>"
                for method, path, _ in operations
            )
            yield f"<section><h2>{escape(tag['name'])}</h2><ul>{links}</ul></section>"


def _group(tag: dict[str, Any], operations: list[Operation], schemas: Schemas) -> str:
    articles = "".join(_operation(*operation, schemas) for operation in operations)
    return (
        f"<section class=group><h2>{escape(tag['name'])}</h2>"
        f"<p>{escape(tag.get('description', ''))}</p>{articles}</section>"
    )


def _operation(method: str, path: str, operation: dict[str, Any], schemas: Schemas) -> str:
    return (
        f"<article id='{_anchor(method, path)}'>"
        f"<h3><b class={method}>{method.upper()}</b> <code>{_wrappable(path)}</code></h3>"
        f"<p class=summary>{escape(operation.get('summary', ''))}</p>"
        f"{_prose(operation.get('description', ''))}{_access(operation)}"
        f"{_parameters(operation.get('parameters', []))}{_request(operation, schemas)}"
        f"{_responses(operation['responses'], schemas)}</article>"
    )


def _access(operation: dict[str, Any]) -> str:
    names = {"retailerKey": "a retailer or admin key", "deviceToken": "a device token"}
    schemes = [names.get(name, name) for one in operation.get("security") or [] for name in one]
    return f"<p class=access>Needs {escape(' or '.join(schemes))}.</p>" if schemes else ""


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code><small>{escape(one['in'])}"
        f"{', required' if one.get('required') else ''}</small></td>"
        f"<td>{_inline(one.get('description') or '')}"
        f" <small>{escape(_limits(one['schema']))}</small></td></tr>"
        for one in parameters
    )
    return f"<h4>Parameters</h4><div class=wide><table>{rows}</table></div>"


def _request(operation: dict[str, Any], schemas: Schemas) -> str:
    if "requestBody" not in operation:
        return ""
    return "<h4>Request</h4>" + "".join(
        _content(media_type, content, schemas)
        for media_type, content in operation["requestBody"].get("content", {}).items()
    )


def _responses(responses: dict[str, Any], schemas: Schemas) -> str:
    good = {status: one for status, one in responses.items() if status[0] in "123"}
    bad = {status: one for status, one in responses.items() if status not in good}
    told = "".join(
        f"<h4>Answer {escape(status)} <small>{escape(one.get('description', ''))}</small></h4>"
        + "".join(_content(kind, content, schemas) for kind, content in one.get("content", {}).items())
        for status, one in good.items()
    )
    rows = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{_inline(one.get('description', ''))}</td></tr>"
        for status, one in bad.items()
    )
    return f"{told}<details><summary>Problems</summary><div class=wide><table>{rows}</table></div></details>"


def _content(media_type: str, content: dict[str, Any], schemas: Schemas) -> str:
    example = content.get("example")
    if example is None and content.get("examples"):
        example = next(iter(content["examples"].values())).get("value")
    shown = "" if example is None else f"<pre><code>{escape(_json(example))}</code></pre>"
    members = _members(content.get("schema", {}), schemas)
    return f"<p class=media>{escape(media_type)}</p>{shown}{members}"


def _members(schema: dict[str, Any], schemas: Schemas) -> str:
    schema = _resolved(schema, schemas)
    properties = schema.get("properties")
    if not properties:
        return ""
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code><small>{'required' if name in required else 'optional'}</small>"
        f"</td><td>{_inline(_resolved(member, schemas).get('description') or '')} "
        f"<small>{escape(_limits(_resolved(member, schemas)))}</small></td></tr>"
        for name, member in properties.items()
    )
    described = _inline(schema.get("description") or "")
    return (
        f"<details><summary>Members</summary><p>{described}</p>"
        f"<div class=wide><table>{rows}</table></div></details>"
    )


def _resolved(schema: dict[str, Any], schemas: Schemas) -> dict[str, Any]:
    if "$ref" in schema:
        resolved: dict[str, Any] = schemas.get(schema["$ref"].rpartition("/")[2], {})
        return resolved
    return schema


def _limits(schema: dict[str, Any]) -> str:
    """What a schema allows, in few words."""
    variants = schema.get("oneOf") or schema.get("anyOf")
    if variants:
        return " or ".join(dict.fromkeys(filter(None, map(_limits, variants))))
    kind = schema.get("type", "")
    words = [" or ".join(kind) if isinstance(kind, list) else str(kind), str(schema.get("format", ""))]
    if "$ref" in schema:
        words.append(schema["$ref"].rpartition("/")[2])
    if schema.get("enum"):
        words.append("one of " + ", ".join(map(str, schema["enum"])))
    words += [f"{word} {schema[name]:g}" for name, word in _LIMITS.items() if name in schema]
    if schema.get("default") is not None:
        words.append(f"default {schema['default']}")
    return ", ".join(filter(None, words))


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    """The two marks our texts use: `code` and **bold**."""
    parts = escape(text).split("`")
    coded = "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    parts = coded.split("**")
    return "".join(f"<strong>{part}</strong>" if at % 2 else part for at, part in enumerate(parts))


def _wrappable(path: str) -> str:
    return escape(path).replace("/", "/<wbr>")


def _anchor(method: str, path: str) -> str:
    return method + "".join(sign if sign.isalnum() else "-" for sign in path)


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
