"""The OpenAPI document as one page for people.

Laws: no script, and no style but the operator page's own sheet; every text is escaped.  Pure.
"""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>leadstream interface</title>
<link rel="stylesheet" href="/page/page.css">
<link rel="icon" href="/page/icon.svg">
</head>
<body>
<header class="bar"><h1>leadstream interface</h1><a href="/openapi.json">openapi.json</a></header>
<main class="docs">
"""
FOOT: Final = "</main>\n</body>\n</html>\n"


def docs_page(document: Mapping[str, Any]) -> str:
    """Return the page of a document."""
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    sections = [
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    shapes = [_shape(name, schema) for name, schema in schemas.items()]
    about = f"<p>{escape(document['info']['description'])}</p>\n"
    return HEAD + about + "".join(sections) + "<h2>Shapes</h2>\n" + "".join(shapes) + FOOT


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = "".join(f"<li>{text}</li>\n" for text in _told(operation))
    title = f"<code>{method.upper()} {escape(path)}</code> {escape(operation['summary'])}"
    return f"<details>\n<summary>{title}</summary>\n<ul>\n{rows}</ul>\n</details>\n"


def _told(operation: Mapping[str, Any]) -> Iterator[str]:
    yield escape(operation["description"])
    for parameter in operation["parameters"]:
        name, where = escape(parameter["name"]), escape(parameter["in"])
        yield f"<code>{name}</code> ({where}) {escape(parameter.get('description', ''))}"
    if body := operation.get("requestBody"):
        yield f"Body: {_reference(next(iter(body['content'].values()))['schema'])}"
    for status, response in operation["responses"].items():
        yield f"{escape(status)} {escape(response['description'])}{_answer(response)}"


def _answer(response: Mapping[str, Any]) -> str:
    schema = next(iter(response.get("content", {}).values()), {"schema": {}})["schema"]
    data = schema.get("properties", {}).get("data", schema)
    shown = _reference(data.get("items", data))
    return f": {shown}" if shown else ""


def _reference(schema: Mapping[str, Any]) -> str:
    """Return a link to a named shape; nothing where there is none."""
    name = escape(str(schema.get("$ref", "")).rpartition("/")[2])
    return f'<a href="#{name}">{name}</a>' if name else ""


def _shape(name: str, schema: Mapping[str, Any]) -> str:
    text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
    return f'<details id="{escape(name)}">\n<summary>{escape(name)}</summary>\n<pre>{text}</pre>\n</details>\n'
