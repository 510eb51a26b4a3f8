"""`make chaos`: every case, the negative controls and the ordinary clients; prints and writes the scoreboard."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from followups.crash_points import POINTS
from tests.chaos import scoreboard
from tests.chaos.airflow_tier.play import EXECUTORS, play_on_airflow, results
from tests.chaos.arena import Arena, postgres_server
from tests.chaos.cases import KILLS, Case, matrix, parse, sample, schedules
from tests.chaos.comparison import compare_clients
from tests.chaos.controls import MUTANT_CASES, play_mutant
from tests.chaos.faults import FAULTS
from tests.chaos.journal import Journal, remaining
from tests.chaos.play import Played
from tests.chaos.processes import ROOT

DOCUMENT = ROOT / "include" / "docs" / "chaos.md"
LANES_PER_CORE = 3


def main() -> int:
    """Play what is asked for; 0 only if every case passes and every control fails."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console()
    if arguments.list:
        console.print(f"points: {', '.join(POINTS)}\nkills: {', '.join(KILLS)}\nfaults: {', '.join(FAULTS)}")
        return 0
    if arguments.airflow:
        executors = EXECUTORS if arguments.airflow == "both" else [arguments.airflow]
        return play_on_airflow(console, executors, arguments.rows)
    with postgres_server() as server, Arena(arguments.lanes, server) as arena:
        if arguments.replay:
            return _replay(console, arena, parse(arguments.replay))
        cases = _cases(arguments)
        if server is None:
            console.print("[yellow]no PostgreSQL server: SQLite alone[/yellow]")
            cases = [case for case in cases if case.store == "sqlite"]
        score = _play(console, arena, cases, resume=arguments.resume)
        controls, all_caught = _controls(arena)
        with arena.world() as world:
            clients = compare_clients(world, arguments.rows_of_clients)
    for name, value in score.lines():
        console.print(f"{name.strip('*'):40} {value.replace('**', '')}", highlight=False)
    if not arguments.no_document:
        scoreboard.write(DOCUMENT, score, _command(), clients, controls, results())
    for played in score.failing:
        _print_failure(console, played)
    if not all_caught:
        console.print("[red]A control was not caught: the harness proves nothing.[/red]")
    return 0 if all_caught and not score.failing else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--sample", type=int, help="so many cases of the matrix instead of all")
    parser.add_argument("--schedules", type=int, default=300, help="random schedules besides")
    parser.add_argument("--only", metavar="TEXT", default="", help="those cases alone whose name holds the text")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random")
    parser.add_argument("--lanes", type=int, default=LANES_PER_CORE * (os.cpu_count() or 2), help="cases side by side")
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run of this code ended")
    parser.add_argument("--replay", metavar="CASE", help="play one case and say what came of it")
    parser.add_argument("--rows-of-clients", type=int, default=5000, help="for the comparison with other clients")
    parser.add_argument("--no-document", action="store_true", help="do not write include/docs/chaos.md")
    parser.add_argument("--list", action="store_true", help="name points, kills and faults")
    parser.add_argument(
        "--airflow",
        nargs="?",
        const="both",
        choices=["both", *EXECUTORS],
        help="kill a real Airflow's processes instead",
    )
    parser.add_argument("--rows", type=int, default=20_000, help="for --airflow")
    return parser.parse_args()


def _cases(arguments: argparse.Namespace) -> list[Case]:
    chosen = sample(arguments.sample, arguments.seed) if arguments.sample else matrix(arguments.seed)
    cases = [*chosen, *schedules(arguments.schedules, arguments.seed)]
    return [case for case in cases if arguments.only in case.name]


def _play(console: Console, arena: Arena, cases: list[Case], *, resume: bool) -> scoreboard.Score:
    score, journal = scoreboard.Score(), Journal()
    before = journal.played(cases) if resume else []
    for played in before:
        score.add(played)
    columns = (
        TextColumn("cases"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[bad]} failing"),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("cases", total=len(cases), completed=len(before), bad=len(score.failing))
        for played in arena.play(remaining(cases, before)):
            score.add(played)
            journal.add(played)
            if not played.verdict.faultless:
                _print_failure(progress.console, played)
            progress.update(bar, advance=1, bad=len(score.failing))
    return score


def _controls(arena: Arena) -> tuple[list[tuple[str, ...]], bool]:
    lines: list[tuple[str, ...]] = []
    all_caught = True
    for control in arena.each(list(MUTANT_CASES), play_mutant):
        caught, sound = not control.caught.verdict.faultless, control.sound.verdict.faultless
        all_caught = all_caught and caught and sound
        wrong = control.caught.verdict
        found = f"{wrong.duplicates_ever} doubled, {len(wrong.lost)} lost, {len(wrong.mislabelled)} mislabelled"
        lines.append((control.mutant.removeprefix("no "), found, "passes" if sound else "FAILS"))
    return lines, all_caught


def _replay(console: Console, arena: Arena, case: Case) -> int:
    (played,) = arena.play([case])
    _print_failure(console, played)
    console.print("passes" if played.verdict.faultless else "[red]fails[/red]")
    return 0 if played.verdict.faultless else 1


def _print_failure(console: Console, played: Played) -> None:
    note = " (the machine was too busy)" if played.void else ""
    ends = [f"{end} {failure}".strip() for end, failure in zip(played.ends, played.failures, strict=False)]
    console.print(f"{played.verdict}{note}\n  actors: {ends}, then {played.heirs}", highlight=False, markup=False)
    console.print(
        f"  python -m tests.chaos --replay '{played.case.name}'", highlight=False, markup=False, soft_wrap=True
    )


def _command() -> str:
    return " ".join(["python -m tests.chaos", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
