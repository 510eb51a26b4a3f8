"""`make bench`: all benchmarks, one after the other; prints one table and writes include/docs/benchmarks.md.

A quick look takes less than 3 minutes, `--full` less than 40. Ends with 0 only if all came to their end and met their
goals.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import signal
import subprocess
import sys
import tempfile
import time

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from demo.environment import ROOT
from tests.benchmarks.document import Section, document
from tests.benchmarks.figures import from_line, results
from tests.benchmarks.overhead import PICTURE

DOCUMENT = ROOT / "include" / "docs" / "benchmarks.md"
BENCHMARKS = ("rate", "planning", "saturation", "overhead")


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="all of it, instead of a quick look")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=BENCHMARKS, help="print these, write nothing")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(width=max(Console().width, 110))
    sections = []
    for name in arguments.only:
        sections.append(_run(console, name, full=arguments.full))
        console.print(f"{name}: {sections[-1].seconds:.0f} s", highlight=False)
    console.print(results([figure for section in sections for figure in section.figures]))
    if list(arguments.only) == list(BENCHMARKS):
        DOCUMENT.write_text(document(sections, _command(full=arguments.full), PICTURE.name), encoding="utf-8")
        console.print(f"written to {DOCUMENT.relative_to(ROOT)}", highlight=False)
    return _verdict(console, sections)


def _run(console: Console, name: str, *, full: bool) -> Section:
    """Run one benchmark in a process of its own, and show how it goes on."""
    options = ["--full"] if full else []
    module = f"tests.benchmarks.{name}"
    about = inspect.cleandoc(importlib.import_module(module).__doc__ or "")
    section = Section(name=name, command=" ".join(["python -m", module, *options]), about=about)
    began = time.monotonic()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[last]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress, tempfile.TemporaryFile("w+") as errors:
        bar = progress.add_task(name, total=None, last="")
        command = [sys.executable, "-m", module, "--lines", *options]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            try:
                for line in process.stdout or ():
                    section.figures.append(figure := from_line(line))
                    progress.update(bar, last=f"{figure.subject}: {figure.measure} {figure.shown}")
            except BaseException:
                process.terminate()
                raise
        section.seconds = time.monotonic() - began
        if process.returncode:
            errors.seek(0)
            told = errors.read().strip()
            console.print(told, highlight=False, markup=False)
            section.failure = told.rpartition("\n")[2] or f"status {process.returncode}"
    return section


def _verdict(console: Console, sections: list[Section]) -> int:
    for section in sections:
        if section.failure:
            console.print(f"[red]{section.name} did not finish:[/red] {section.failure}", highlight=False)
        for figure in section.missed:
            told = f"{figure.subject}: {figure.measure} {figure.shown}, goal {figure.goal}"
            console.print(f"[red]{section.name} missed:[/red] {told}", highlight=False)
    return 1 if any(section.failure or section.missed for section in sections) else 0


def _command(*, full: bool) -> str:
    return "make bench ARGS=--full" if full else "make bench"


if __name__ == "__main__":
    sys.exit(main())
