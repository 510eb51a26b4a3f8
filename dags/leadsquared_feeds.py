"""One DAG for each feed file: plan -> (approve) -> create_tasks (mapped) -> verify -> report.

Beside create_tasks, feeds that are kept in step with the warehouse have apply_changes.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param

from followups.feeds import Feed, FeedError, feed_files, feeds_dir, load_feed
from leadsquared.operators.apply_changes import ApplyChangesOperator
from leadsquared.operators.create_tasks import CreateTasksOperator
from leadsquared.operators.plan import PlanFollowUpsOperator
from leadsquared.operators.report import ReportDeliveriesOperator
from leadsquared.operators.verify import VerifyDeliveriesOperator
from leadsquared.retrying import RETRY_POLICY

POOL = "leadsquared"


def feed_params(feed: Feed) -> dict[str, Param]:
    """Return the form of a run triggered by hand."""
    moment = ["null", "string"]
    zone = f"Without an offset it is in {feed.timezone}."
    return {
        "from": Param(None, type=moment, format="date-time", title="Due from",
                      description=f"First due date to send. Empty: the run's interval, or "
                      f"{feed.look_back_days} days back. {zone}"),
        "to": Param(None, type=moment, format="date-time", title="Due before",
                    description=f"Due dates before this are sent. Empty: the run's interval, or now. {zone}"),
        "mode": Param("send", type="string", enum=["send", "preview"], title="Mode",
                      description="preview sends nothing and shows what would be sent, in the log of the task `plan`."),
        "limit": Param(None, type=["null", "integer"], minimum=1, title="Limit",
                       description="Send at most so many follow-ups. Empty: all."),
        "requeue": Param("none", type="string", enum=["none", "rejected", "held"], title="Send again",
                         description="Also send follow-ups of the window that were rejected, or that are held."),
    }  # fmt: skip


def build_dag(feed: Feed) -> DAG:
    """Return the DAG of a feed."""
    schedule = CronDataIntervalTimetable(feed.schedule, timezone=feed.timezone) if feed.schedule else None
    start = feed.start_date if feed.start_date.tzinfo else feed.start_date.replace(tzinfo=feed.zone)
    with DAG(
        dag_id=feed.dag_id,
        description=feed.description,
        doc_md=f"{feed.description}\n\nConfigured in `include/feeds/{feed.name}.yaml`, "
        f"its query is `include/sql/{feed.sql}`.",
        schedule=schedule,
        start_date=start,
        catchup=False,
        max_active_runs=feed.max_active_runs,
        params=feed_params(feed),
        tags=["leadsquared", *feed.tags],
        default_args={
            "owner": feed.owner,
            "retries": feed.retries,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": RETRY_POLICY,
        },
    ) as dag:
        plan = PlanFollowUpsOperator(task_id="plan", feed=feed.name)
        create_tasks = CreateTasksOperator.partial(
            task_id="create_tasks",
            pool=POOL,
            leadsquared_conn_id=feed.leadsquared_conn_id,
            quota_patience_hours=feed.quota_patience_hours,
            # Rendered after the work is done: it must not be able to fail.
            map_index_template="{{ slice_label | default('') }}",
        ).expand(plan_slice=plan.output)
        verify = VerifyDeliveriesOperator(task_id="verify", feed=feed.name, trigger_rule="all_done")
        report = ReportDeliveriesOperator(
            task_id="report", feed=feed.name, trigger_rule="all_done",
            outlets=[Asset(name=feed.dag_id, uri=f"leadsquared://{feed.name}")],
        )  # fmt: skip
        approved = plan
        if feed.approval:
            from leadsquared.operators.approve import ApproveRunOperator  # noqa: PLC0415 - heavy, and few feeds ask

            approved = ApproveRunOperator(task_id="approve", feed=feed.name, timeout=feed.approval.timeout)
            plan >> approved
        approved >> create_tasks >> verify >> report
        if feed.keeps_in_step:
            approved >> ApplyChangesOperator(task_id="apply_changes", feed=feed.name) >> verify
    return dag


class BrokenFeeds(DAG):
    """Shows wrong feed files as an import error and leaves the other feeds' DAGs alone."""

    def validate(self) -> None:
        """Raise what is wrong."""
        raise FeedError(self.description)


problems = []
for path in feed_files(feeds_dir()):
    try:
        loaded = load_feed(path)
    except FeedError as error:
        problems.append(str(error))
    else:
        globals()[loaded.dag_id] = build_dag(loaded)
if problems:
    broken = BrokenFeeds(dag_id="leadsquared_broken_feeds", schedule=None, description="\n".join(problems))
