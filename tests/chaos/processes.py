"""Real processes, forked from one that has everything imported; seen to end, to die, or to be stopped."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
#: Where measurements are kept between runs.
MEASURED: Final = ROOT / ".airflow" / "chaos"
PRELOADED: Final = ["tests.chaos.warm"]
_DIE_WITH_PARENT: Final = 1


@cache
def _server() -> Any:
    """The fork server: it imports once what takes an actor a second to import, and opens nothing."""
    parts = [str(ROOT), str(ROOT / "include"), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, parts))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def start_server(rehearsals: str) -> None:
    """Start the fork server if it does not run, and wait until it has rehearsed."""
    os.environ["CHAOS_REHEARSALS"] = rehearsals
    started = _server().Process(target=_nothing)
    started.start()
    started.join()
    del os.environ["CHAOS_REHEARSALS"]


def _nothing() -> None:
    return


class Actor:
    """One process that runs `work(order, tell)`; what it tells is kept in `told`."""

    def __init__(self, work: Callable[..., None], order: Any) -> None:
        context = _server()
        self._pipe, far = context.Pipe(duplex=False)
        self._process = context.Process(target=_main, args=(work, order, far), daemon=True)
        self._process.start()
        far.close()
        self.told: dict[str, Any] = {}

    def wait(self, seconds: float) -> str:
        """Wait until the process ended, died or was stopped: `ended`, the signal's name, `stopped`; else `runs`."""
        deadline = time.monotonic() + seconds
        while True:
            self._listen()
            if not self._process.is_alive():
                self._listen()
                code = self._process.exitcode or 0
                return "ended" if code >= 0 else signal.Signals(-code).name
            if self._is_stopped():
                return "stopped"
            if time.monotonic() > deadline:
                return "runs"
            self._process.join(0.015)

    def go_on(self) -> None:
        """Let a stopped process go on."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """End it, whatever it does."""
        self._signal(signal.SIGKILL)
        self._process.join(5)
        self._pipe.close()

    def expect(self, key: str, seconds: float = 20) -> Any:
        """Wait until it told something."""
        deadline = time.monotonic() + seconds
        while key not in self.told and self._process.is_alive() and time.monotonic() < deadline:
            self._process.join(0.01)
            self._listen()
        return self.told[key]

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while self._pipe.poll():
                key, value = self._pipe.recv()
                self.told[key] = value

    def _is_stopped(self) -> bool:
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self._process.pid and self._process.is_alive():
                os.kill(self._process.pid, number)


def _main(work: Callable[..., None], order: Any, pipe: Connection) -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    work(order, lambda key, value: pipe.send((key, value)))
