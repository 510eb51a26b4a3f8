"""Imports go one way: dags -> plugins -> include; and the core never needs Airflow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What belongs to neither Airflow nor this project's upper layers may not reach up.
#: DAGs to copy from: what they may import is what those in `dags` may.
EXAMPLES = ROOT / "include" / "examples"
WITHOUT_AIRFLOW = (
    *(path for path in sorted((ROOT / "include").rglob("*.py")) if not path.is_relative_to(EXAMPLES)),
    *sorted((ROOT / "plugins" / "leadsquared" / "wire").glob("*.py")),
    ROOT / "plugins" / "leadsquared" / "errors.py",
)
DAG_MODULES = {path.stem for path in (ROOT / "dags").glob("*.py")}


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def top_level(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path)}


def importers(paths: Iterable[Path], names: set[str]) -> dict[str, set[str]]:
    """Files that import one of the names, and which."""
    found = {str(path.relative_to(ROOT)): names & top_level(path) for path in paths}
    return {path: wrong for path, wrong in found.items() if wrong}


def test_rule_finds_what_breaks_it() -> None:
    assert importers((ROOT / "dags").glob("*.py"), {"airflow", "leadsquared"})


def test_core_wire_and_errors_never_import_airflow() -> None:
    assert len(WITHOUT_AIRFLOW) > 80
    assert importers(WITHOUT_AIRFLOW, {"airflow"}) == {}


def test_include_imports_neither_plugins_nor_dags() -> None:
    files = {path for path in (ROOT / "include").rglob("*.py") if not path.is_relative_to(EXAMPLES)}
    demo = {path for path in files if path.is_relative_to(ROOT / "include" / "demo")}
    assert importers(files, {"leadsquared_plugin", "dags", *DAG_MODULES}) == {}
    assert importers(files - demo, {"leadsquared"}) == {}, "only the demo drives the whole product"


def test_plugins_import_no_dag() -> None:
    assert importers((ROOT / "plugins").rglob("*.py"), {"dags", *DAG_MODULES}) == {}


def test_core_wire_and_errors_can_be_imported_where_airflow_is_missing() -> None:
    modules = [
        path.relative_to(ROOT / path.relative_to(ROOT).parts[0]).with_suffix("").as_posix().replace("/", ".")
        for path in WITHOUT_AIRFLOW
        if path.name not in {"__main__.py", "env.py"} and "versions" not in path.parts and "demo" not in path.parts
    ]
    assert len(modules) > 40
    code = (
        "import importlib, sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'airflow': raise ImportError('airflow is blocked: ' + name)\n"
        "sys.meta_path.insert(0, Block())\n"
        f"for name in {modules!r}: importlib.import_module(name.removesuffix('.__init__'))\n"
        "assert 'airflow' not in sys.modules\n"
    )
    path = f"{ROOT / 'include'}:{ROOT / 'plugins'}"
    ended = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
