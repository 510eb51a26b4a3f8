"""What Airflow adds to a run at the limit, on a real Airflow: scheduler, DAG processor, triggerer, API server, SQLite.

Our feed's run (plan, create, verify, report) stands beside the obvious alternative in the same Airflow: a DAG with one
`HttpOperator` mapped over batches of 50, in a pool with as many slots as the limit has calls a second, because such a
task holds its slot for about a second; its bodies go through files, and it neither verifies nor remembers anything.
Both meet the same sandbox: 25 calls in 5 s, 0.3 s a call. "Beyond the rate" is a run's length less all its calls /
rate. "Processor" is the time of all of Airflow's processes and all tasks during the run, less what the idle Airflow
takes in that time; Airflow's own start-up is shown apart and counted nowhere. Goals are for 20,000 rows: a quick look's
1,500 are sent in 6 s, beside which what every run costs once is large.
"""

from __future__ import annotations

from collections.abc import Iterator

from demo.environment import ROOT
from tests.benchmarks import figures
from tests.benchmarks.airflow_runs import ALTERNATIVE, OURS, MeasuredAirflow, Run, measured_airflow, window
from tests.benchmarks.arrivals import draw
from tests.benchmarks.figures import Figure

PICTURE = ROOT / "include" / "docs" / "arrivals.svg"
CALLS, PERIOD = 25, 5.0
RATE = CALLS / PERIOD
POOL_SLOTS = 5
NAMES = {OURS: "this project", ALTERNATIVE: f"HttpOperator, pool of {POOL_SLOTS}"}


def measure(quick: bool) -> Iterator[Figure]:
    """Run ours, then the alternative."""
    rows = 1_500 if quick else 20_000
    with measured_airflow(rows) as airflow:
        yield Figure(subject="Airflow itself", measure="start-up", value=airflow.started_in, unit="s")
        idle = airflow.settle(5 if quick else 20)
        yield Figure(subject="Airflow itself", measure="processor when idle", value=100 * idle, unit="% of a core")
        ours = airflow.run(OURS, window(rows))
        if ours.state != "success":
            raise RuntimeError(f"our run ended {ours.state}, so that it tells nothing")
        yield from _both_ways(OURS, ours)
        other = _alternative(airflow, rows)
        yield from _both_ways(ALTERNATIVE, other)
    yield from _side_by_side(ours, other, None if quick else 5)
    yield from _course(ours, None if quick else 1.1)
    PICTURE.write_text(draw({NAMES[OURS]: ours.calls, NAMES[ALTERNATIVE]: other.calls}, CALLS, PERIOD))


def _alternative(airflow: MeasuredAirflow, rows: int) -> Run:
    airflow.pool(POOL_SLOTS)
    return airflow.run(ALTERNATIVE, {"limit": rows})


def beyond(run: Run) -> float:
    """Return the seconds that a run took beyond all its calls at the limit."""
    return run.seconds - len(run.calls) / RATE


def _both_ways(name: str, run: Run) -> Iterator[Figure]:
    subject, per_1000 = NAMES[name], 1000 / max(run.rows, 1)
    refused = Figure(subject=subject, measure="refused", value=run.refused, at_most=0 if name == OURS else None)
    yield Figure(subject=subject, measure="created", value=run.rows, unit="tasks")
    yield Figure(subject=subject, measure="calls", value=len(run.calls))
    yield refused
    yield Figure(subject=subject, measure="run's length", value=run.seconds, unit="s")
    yield Figure(subject=subject, measure="beyond the rate", value=beyond(run), unit="s")
    yield Figure(subject=subject, measure="processor per 1,000", value=run.processor * per_1000, unit="s")


def _side_by_side(ours: Run, other: Run, goal: float | None) -> Iterator[Figure]:
    def ratio(theirs: float, own: float) -> float:
        return (theirs / max(other.rows, 1)) / (own / max(ours.rows, 1))

    subject = "the alternative, times as much a row"
    processor, latency = ratio(other.processor, ours.processor), ratio(beyond(other), beyond(ours))
    yield Figure(subject=subject, measure="processor", value=processor, at_least=goal)
    yield Figure(subject=subject, measure="time beyond the rate", value=latency, at_least=goal)


def _course(run: Run, goal: float | None) -> Iterator[Figure]:
    """Where the time of our run goes."""
    first, last = run.creates[0], run.creates[-1]
    look_ups = sum(call > last for call in run.calls)
    share = (run.ended - first) / (sum(call >= first for call in run.calls) / RATE)
    subject = "a run's course"
    yield Figure(subject=subject, measure="its start to the first create", value=first - run.started, unit="s")
    yield Figure(subject=subject, measure="of that, planning", value=run.end("plan") - run.begin("plan"), unit="s")
    sending = (last - first) / ((len(run.creates) - 1) / RATE)
    yield Figure(subject=subject, measure="first to last create, of calls / rate", value=sending, at_most=goal)
    yield Figure(subject=subject, measure="first create to the end, of calls / rate", value=share, at_most=goal)
    yield Figure(subject=subject, measure="last create to the report", value=run.end("report") - last, unit="s")
    verification = run.end("verify") - run.begin("verify")
    yield Figure(subject=subject, measure="of that, verification", value=verification, unit="s")
    yield Figure(subject=subject, measure="read-back calls per 1,000", value=1000 * look_ups / max(run.rows, 1))


if __name__ == "__main__":
    figures.main(measure, __doc__)
