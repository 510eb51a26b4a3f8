"""All benchmarks, one after the other."""

from __future__ import annotations

import subprocess
import sys

QUICK = {"rate": ["--quick"], "planning": ["--rows", "20000"]}
FULL: dict[str, list[str]] = {"rate": [], "planning": ["--rows", "1000000"]}


def main() -> int:
    """Run each in a process of its own; `--full` takes long."""
    chosen = FULL if "--full" in sys.argv[1:] else QUICK
    status = 0
    for name, arguments in chosen.items():
        print(f"== {name} {' '.join(arguments)}", flush=True)
        status |= subprocess.call([sys.executable, "-m", f"tests.benchmarks.{name}", *arguments])
    return status


if __name__ == "__main__":
    sys.exit(main())
