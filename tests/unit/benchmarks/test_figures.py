"""A benchmark's own output holds figures alone, whatever else prints."""

from __future__ import annotations

import subprocess
import sys

from demo.environment import ROOT
from tests.benchmarks.figures import Figure, from_line

NOISY = """
import subprocess, sys
from tests.benchmarks import figures

def measure(quick):
    print("a library's word")
    subprocess.run(["echo", "a program's word"])
    yield figures.Figure(subject="quick" if quick else "full", measure="calls", value=3)

figures.main(measure, None)
"""


def test_only_figures_reach_the_standard_output() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", NOISY, "--lines", "--full"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert from_line(ended.stdout) == Figure(subject="full", measure="calls", value=3)
    assert "a program's word" in ended.stderr
    assert "a library's word" in ended.stderr
