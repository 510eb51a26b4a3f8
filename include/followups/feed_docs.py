"""What editors and people read about the fields of a feed file, made from its model.

`python -m followups.feed_docs` writes both files anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from followups.feeds import Feed, feeds_dir


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of feed files, for editors."""
    schema = Feed.model_json_schema()
    schema["properties"].pop("name")
    schema["required"].remove("name")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def documents() -> dict[Path, str]:
    """Return the files and what they should hold."""
    return {feeds_dir() / "feed.schema.json": json.dumps(json_schema(), indent=2) + "\n"}


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
