"""The documentation page: one HTML file made from the OpenAPI document, with nothing to load.

Owns how the document looks. What it says is `api.openapi`'s; the frame around it is `api.docs_page.frame`'s.
"""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

import msgspec

from api.docs_page.frame import SCRIPT, framed, inline, prose

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

# Beyond this a bound is only that of the integers.
_NO_LIMIT: Final = 2**53
# How far into objects within objects the tables of members go.
_DEEPEST: Final = 3

Schemas = dict[str, Any]


def render(document: dict[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    groups = _grouped(document)
    schemas: Schemas = document["components"]["schemas"]
    body = "".join(_group(tag, operations, schemas) for tag, operations in groups if operations)
    return framed(
        f"{info['title']} API",
        f"<header><h1>{escape(info['title'])}</h1>"
        f"<p class=version>API {escape(info['version'])} · <a href='/openapi.json'>openapi.json</a>"
        " · <a href='/problems'>problems</a></p>"
        "<label class=search><span>Find</span>"
        "<input id=search type=search placeholder='offer, /v1/fixes, consent…' autocomplete=off></label>"
        f"<nav aria-label='Operations'>{''.join(_contents(groups))}</nav></header>"
        f"<main><div class=intro><p class=lead>{escape(info.get('summary') or '')}</p>"
        f"{prose(info['description'])}</div>{body}"
        "<p id=nothing hidden>Nothing is called that.</p></main>"
        f"<script>{SCRIPT}</script>",
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
        f"{prose(operation.get('description', ''))}{_access(operation)}"
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
        f"<td>{inline(one.get('description') or '')}"
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
        f"<tr><td><code>{escape(status)}</code></td><td>{_problems(one)}</td></tr>"
        for status, one in bad.items()
    )
    return f"{told}<details><summary>Problems</summary><div class=wide><table>{rows}</table></div></details>"


def _problems(response: dict[str, Any]) -> str:
    """Each code with what it means, and a way to what to do about it."""
    linked = prose(response.get("description", ""))
    for content in response.get("content", {}).values():
        for code in content.get("examples", {}):
            linked = linked.replace(
                f"<li><code>{code}</code>", f"<li><a href='/problems/{code}'><code>{code}</code></a>"
            )
    return linked


def _content(media_type: str, content: dict[str, Any], schemas: Schemas) -> str:
    examples = content.get("examples") or {"": {"value": content.get("example")}}
    shown = "".join(_example(one) for one in examples.values() if one["value"] is not None)
    return f"<p class=media>{escape(media_type)}</p>{shown}{_members(content.get('schema', {}), schemas)}"


def _example(example: dict[str, Any]) -> str:
    caption = f"<p class=media>{escape(example['summary'])}:</p>" if example.get("summary") else ""
    value = example["value"]
    text = value if isinstance(value, str) else _json(value)
    return f"{caption}<pre tabindex=0><code>{escape(text)}</code></pre>"


def _members(schema: dict[str, Any], schemas: Schemas) -> str:
    schema = _resolved(schema, schemas)
    rows = "".join(_member_rows(schema, schemas, "", _DEEPEST))
    if not rows:
        return ""
    described = inline(schema.get("description") or "")
    return (
        f"<details><summary>Members</summary><p>{described}</p>"
        f"<div class=wide><table>{rows}</table></div></details>"
    )


def _member_rows(schema: dict[str, Any], schemas: Schemas, within: str, depth: int) -> Iterator[str]:
    """A row per member, and beneath it those of the object that it is, or is a list of."""
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        resolved = _resolved(member, schemas)
        presence = "required" if name in required else "optional"
        yield (
            f"<tr><td><code>{escape(within + name)}</code>"
            f"<small>{'read only' if resolved.get('readOnly') else presence}</small></td>"
            f"<td>{inline(resolved.get('description') or '')} "
            f"<small>{escape(_limits(resolved))}</small></td></tr>"
        )
        if depth:
            inner, mark = _inside(resolved, schemas)
            yield from _member_rows(inner, schemas, f"{within}{name}{mark}.", depth - 1)


def _inside(schema: dict[str, Any], schemas: Schemas) -> tuple[dict[str, Any], str]:
    """The object that a member holds, and how it holds it: itself, in a list, or under any name."""
    for variant in schema.get("anyOf", []):
        if variant.get("type") != "null":
            return _inside(_resolved(variant, schemas), schemas)
    if "items" in schema:
        return _resolved(schema["items"], schemas), "[]"
    if isinstance(schema.get("additionalProperties"), dict):
        return _resolved(schema["additionalProperties"], schemas), ".*"
    return schema, ""


def _resolved(schema: dict[str, Any], schemas: Schemas) -> dict[str, Any]:
    if "$ref" in schema:
        resolved: dict[str, Any] = schemas.get(schema["$ref"].rpartition("/")[2], {})
        return resolved
    return schema


def _limits(schema: dict[str, Any]) -> str:
    """What a schema allows, in few words."""
    variants = schema.get("anyOf")
    if variants:
        return " or ".join(dict.fromkeys(filter(None, map(_limits, variants))))
    kind = schema.get("type", "")
    words = [" or ".join(kind) if isinstance(kind, list) else str(kind), str(schema.get("format", ""))]
    if "$ref" in schema:
        words.append("object")
    if schema.get("enum"):
        words.append("one of " + ", ".join(map(str, schema["enum"])))
    words += [
        f"{word} {schema[name]:,}"
        for name, word in _LIMITS.items()
        if name in schema and abs(schema[name]) < _NO_LIMIT
    ]
    if schema.get("default") not in (None, [], {}, ""):
        words.append(f"default {msgspec.json.encode(schema['default']).decode()}")
    return ", ".join(filter(None, words))


def _wrappable(path: str) -> str:
    return escape(path).replace("/", "/<wbr>")


def _anchor(method: str, path: str) -> str:
    return method + "".join(sign if sign.isalnum() else "-" for sign in path)


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
