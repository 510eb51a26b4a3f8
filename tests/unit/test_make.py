"""What `make` does before the project's own code runs: Python, the Airflow home, `make clean`."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from demo.environment import ROOT, defaults, missing

WANTED = ">=3.11,<3.13"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with what `make` reads."""
    (tmp_path / "include/demo").mkdir(parents=True)
    for name in ("Makefile", "requirements.txt", "include/demo/venv.sh", "include/demo/setup.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def make(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A make within a make says which folder it enters.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=project, env=outside, capture_output=True, text=True, check=False)


def refused_setup(project: Path, python: str, wanted: str = WANTED) -> str:
    """Run `make setup` where it must fail; return the line that it says before make's own."""
    (project / "pyproject.toml").write_text(f'requires-python = "{wanted}"\n', encoding="utf-8")
    done = make(project, "--silent", "setup", f"PYTHON={python}")
    assert done.returncode != 0
    said, _ = done.stderr.splitlines()
    assert not (project / ".venv").exists()
    return said


@pytest.mark.parametrize("wanted", [">=2.6,<2.8", ">=3.98,<3.99"])
def test_another_python_than_pyproject_asks_for_is_refused(project: Path, wanted: str) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    said = refused_setup(project, sys.executable, wanted)
    assert said.startswith(f"Python {wanted} is needed and {sys.executable} is Python {version}: ")


def test_python_that_is_not_there_is_named(project: Path) -> None:
    said = refused_setup(project, "python-of-nobody")
    assert said.startswith(f"There is no python-of-nobody here, and Python {WANTED} is needed: ")


def test_python_without_its_venv_module_is_told_with_the_cure(project: Path) -> None:
    python = script(project / "python", f'case "$2" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac')
    assert "apt install python3-venv" in refused_setup(project, str(python))


def test_the_project_says_which_python_it_needs() -> None:
    assert f'requires-python = "{WANTED}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def calls_of_setup(project: Path) -> Callable[..., list[str]]:
    """Run setup.sh with an airflow that only notes how it is called; `found` is what `pools get` exits with."""
    migrations = project / "include/followups/ledger/migrations/versions"
    migrations.mkdir(parents=True)
    (migrations / "0001_initial.py").touch()
    home = project / "home"
    migrate = f"echo ledger > {home}/ledger.db"
    script(project / "bin/python", f'if [ "$1" = -c ]; then exec {sys.executable} "$@"; fi; {migrate}')

    def run(found: int = 0) -> list[str]:
        log = project / "calls"
        log.write_text("", encoding="utf-8")
        script(project / "bin/airflow", f'echo "$@" >> {log}; if [ "$2" = get ]; then exit {found}; fi')
        environment = {**os.environ, **defaults(home)}
        subprocess.run(["bash", "include/demo/setup.sh", "bin"], cwd=project, env=environment, check=True)
        return log.read_text(encoding="utf-8").splitlines()

    return run


@pytest.mark.parametrize(("found", "sets"), [(0, False), (1, True)])
def test_setup_leaves_a_pool_alone_that_is_there(
    calls_of_setup: Callable[..., list[str]], found: int, sets: bool
) -> None:
    calls = calls_of_setup(found)
    assert calls[:2] == ["db migrate", "pools get leadsquared"]
    assert any(call.startswith("pools set leadsquared 16 ") for call in calls) is sets


def test_setup_of_a_prepared_home_does_nothing_unless_the_pool_is_gone(
    calls_of_setup: Callable[..., list[str]], project: Path
) -> None:
    calls_of_setup()
    with closing(sqlite3.connect(project / "home/airflow.db")) as metadata:
        metadata.execute("CREATE TABLE slot_pool (pool TEXT)")
        assert calls_of_setup(1) != []
        with metadata:
            metadata.execute("INSERT INTO slot_pool VALUES ('leadsquared')")
        assert calls_of_setup() == []


def test_clean_keeps_the_ledger_and_says_how_to_remove_it(project: Path) -> None:
    kept = {"ledger.db", "ledger.db-wal"}
    for name in (*kept, ".prepared", "airflow.db", "demo/ledger.db"):
        path = project / ".airflow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (project / ".venv").mkdir()
    done = make(project, "clean")
    assert done.returncode == 0
    assert {path.name for path in (project / ".airflow").iterdir()} == kept
    assert not (project / ".venv").exists()
    assert "rm .airflow/ledger.db*" in done.stdout


def test_clean_leaves_nothing_where_there_is_no_ledger(project: Path) -> None:
    (project / ".airflow/logs").mkdir(parents=True)
    first, second = make(project, "clean"), make(project, "clean")
    assert (first.returncode, second.returncode, first.stdout + second.stdout) == (0, 0, "")
    assert not (project / ".airflow").exists()


def test_help_names_every_target_in_a_line(project: Path) -> None:
    lines = make(project).stdout.splitlines()
    (phony,) = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if ".PHONY" in line]
    assert [line.split()[1] for line in lines] == phony.split()[1:]
    assert all(len(line) <= 100 for line in lines)


def test_the_environment_puts_the_projects_commands_first() -> None:
    commands = str(ROOT / ".venv" / "bin")
    home = Path("/somewhere")
    added = missing({"PATH": f"/usr/bin:{commands}:/bin", "AIRFLOW_HOME": "/elsewhere"}, home)
    assert added["PATH"] == f"{commands}:/usr/bin:/bin"
    assert "AIRFLOW_HOME" not in added
    assert missing({**added, "AIRFLOW_HOME": "/elsewhere"}, home) == {}
