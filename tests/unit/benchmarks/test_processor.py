"""Processor time of a process tree, ended children included."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.processor import processor_seconds

BURN = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print('done', flush=True); input()"


def test_children_that_ended_count_with_their_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        assert processor_seconds([process.pid]) >= 0.35
        process.communicate("\n")
    assert processor_seconds([process.pid]) == 0
