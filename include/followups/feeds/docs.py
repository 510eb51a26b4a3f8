"""What editors and people read about the fields of a feed file, made from its model.

`python -m followups.feeds.docs` writes both files anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from followups.feeds import Feed, feeds_dir
from followups.feeds.trouble import flow

Schema = Mapping[str, Any]

_INTRODUCTION = """# Feed files

Each source of follow-ups is one file `include/feeds/<name>.yaml`. Fields that are left out have their default.
This page is made from the code: `python -m followups.feeds.docs`.

`<name>` is {name}.
"""
_HEAD = "| field | kind | default | example | meaning |\n|---|---|---|---|---|"
_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
_FORMATS = {"date": "date", "email": "e-mail address"}


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of feed files, for editors."""
    schema = Feed.model_json_schema()
    schema["properties"].pop("name")
    schema["required"].remove("name")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def page() -> str:
    """Return the page of all fields, for people."""
    schema = json_schema()
    parts = [_INTRODUCTION.format(name=Feed.model_fields["name"].description), *_table(schema)]
    for name, field in schema["properties"].items():
        group = schema["$defs"].get(_group(field))
        if group:
            parts += [f"\n## {name}\n\n{group['description']}\n", *_table(group)]
    return "\n".join(parts) + "\n"


def documents() -> dict[Path, str]:
    """Return the files that ship, and what they should hold."""
    return {
        feeds_dir() / "feed.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        feeds_dir().parent / "docs" / "feeds.md": page(),
    }


def _table(schema: Schema) -> Iterator[str]:
    yield _HEAD
    for name, field in schema["properties"].items():
        default = "must be given" if name in schema.get("required", ()) else _default(field)
        example = f"`{flow(field['examples'][0])}`" if "examples" in field else ""
        yield f"| `{name}` | {_kind(field)} | {default} | {example} | {field['description']} |"


def _default(field: Schema) -> str:
    """Return a field's default; a group's is told by its own fields."""
    default = field.get("default", {})
    return "" if isinstance(default, dict) else f"`{flow(default)}`"


def _kind(field: Schema) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    kind = field.get("type", "object")
    if kind == "array":
        return f"list: {_kind(field['items'])}"
    if kind == "object":
        return "group of fields"
    kinds = kind if isinstance(kind, list) else [kind]
    return _FORMATS.get(field.get("format", "")) or " or ".join(_KINDS[each] for each in kinds) + _range(field)


def _range(field: Schema) -> str:
    low = f" above {field['exclusiveMinimum']}" if "exclusiveMinimum" in field else ""
    low = f" from {field['minimum']}" if "minimum" in field else low
    return low + (f" to {field['maximum']}" if "maximum" in field else "")


def _group(field: Schema) -> str:
    """Return the name of the group that a field holds; empty where it holds none."""
    kinds = [field, *field.get("anyOf", ())]
    return next((str(kind["$ref"]).rpartition("/")[2] for kind in kinds if "$ref" in kind), "")


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
