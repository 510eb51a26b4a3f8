"""Looks ahead and writes behind: in order, never lost, and loud when they fail."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from followups.planning.beside import CHUNKS_AHEAD, SWITCH_SECONDS, Beside


def test_without_threads_everything_happens_at_once() -> None:
    written: list[int] = []
    with Beside() as beside:
        assert beside.look(lambda: 7)() == 7
        beside.write(lambda: written.append(1))
        assert written == [1]


def test_writes_end_in_order_and_before_the_next_begins() -> None:
    log: list[str] = []

    def write(name: str) -> None:
        log.append(f"{name} begins")
        time.sleep(0.02)
        log.append(f"{name} ends")

    with Beside(writes=True) as beside:
        beside.write(lambda: write("first"))
        beside.write(lambda: write("second"))
        beside.wait()
    assert log == ["first begins", "first ends", "second begins", "second ends"]


def test_write_goes_on_while_the_caller_does() -> None:
    may_end = threading.Event()
    with Beside(writes=True) as beside:
        beside.write(lambda: may_end.wait(10) or pytest.fail("nobody went on"))
        may_end.set()
        beside.wait()


def test_look_begins_before_its_result_is_asked_for() -> None:
    begun = threading.Event()
    with Beside(looks=True) as beside:
        result = beside.look(lambda: begun.set() or 7)
        assert begun.wait(10)
        assert result() == 7


def test_looks_at_all_chunks_ahead_go_on_at_once() -> None:
    together = threading.Barrier(CHUNKS_AHEAD)
    with Beside(looks=True) as beside:
        results = [beside.look(lambda: together.wait(10)) for _ in range(CHUNKS_AHEAD)]
        assert sorted(result() for result in results) == list(range(CHUNKS_AHEAD))


@pytest.mark.parametrize("asked", ["write", "wait"])
def test_failed_write_is_raised_before_anything_else_is_written(asked: str) -> None:
    written: list[int] = []

    def fail() -> None:
        raise OSError("disk full")

    with Beside(writes=True) as beside:
        beside.write(fail)
        with pytest.raises(OSError, match="disk full"):
            beside.write(lambda: written.append(1)) if asked == "write" else beside.wait()
        assert written == []


def test_failed_look_is_raised_where_its_result_is_asked_for() -> None:
    def fail() -> int:
        raise OSError("gone")

    with Beside(looks=True) as beside:
        result = beside.look(fail)
        with pytest.raises(OSError, match="gone"):
            result()


def test_what_is_under_way_ends_when_the_planner_fails() -> None:
    written: list[int] = []

    def write() -> None:
        time.sleep(0.05)
        written.append(1)

    with pytest.raises(ValueError, match="planner"), Beside(writes=True) as beside:  # noqa: PT012 - the order is tested
        beside.write(write)
        raise ValueError("planner")
    assert written == [1]


def test_threads_take_turns_quickly_for_as_long_as_there_are_any() -> None:
    before = sys.getswitchinterval()
    with Beside():
        assert sys.getswitchinterval() == before
    with Beside(looks=True):
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    assert sys.getswitchinterval() == before
