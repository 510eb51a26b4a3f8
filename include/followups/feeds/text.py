"""The text of a feed file: what it holds, and on which line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml


class Repeated(NamedTuple):
    """A field that is given twice; YAML would silently take the second."""

    name: str
    first_line: int
    line: int


class FeedText:
    """A feed file's content, with the lines of its parts.

    :raises yaml.YAMLError: it is not YAML.
    """

    def __init__(self, text: str) -> None:
        loader = _Loader(text)
        self._tree = loader.get_single_node()
        # Before the content is built: that copies what `<<` merges into the tree.
        self.repeated = list(_repeated(self._tree, set()))
        self.content: Any = loader.construct_document(self._tree) if self._tree else None

    def line_of(self, location: Sequence[str | int]) -> int | None:
        """Return the line of the deepest part of `location` that the file holds."""
        node, line = self._tree, None
        for part in location:
            node, found = _step(node, part)
            line = found or line
        return line


class _Loader(yaml.SafeLoader):
    """Leaves names of fields as they are written, and dates that there are not: the fields' own checks name them."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = self.DEFAULT_SCALAR_TAG

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            return node.value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _step(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, int | None]:
    """Return the part of a node and its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, _line(key)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], _line(node.value[part])
    return None, None


def _repeated(node: yaml.Node | None, seen: set[int]) -> Iterator[Repeated]:
    """Yield fields given twice, in every depth; an alias leads to a node that was seen."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return
    seen.add(id(node))
    parts = node.value
    if isinstance(node, yaml.MappingNode):
        yield from _repeated_here(node)
        parts = [value for _, value in node.value]
    for part in parts:
        yield from _repeated(part, seen)


def _repeated_here(node: yaml.MappingNode) -> Iterator[Repeated]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in lines:
            yield Repeated(key.value, lines[key.value], _line(key))
        lines.setdefault(key.value, _line(key))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
