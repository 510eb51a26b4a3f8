"""Tell the people a feed names that a run needs them, by e-mail; a mail that cannot be sent fails nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from followups.errors import PermanentError, TransientError
from followups.feeds import Feed, FeedError, feeds_dir, load_feed
from leadsquared.names import SMTP
from leadsquared.runs import task_url

log = logging.getLogger(__name__)


def tell(feed: Feed, subject: str, lines: Iterable[str]) -> None:
    """Send a mail to the addresses under the feed's `notify`, of counts and reasons alone.

    Without the connection `smtp_default`, or while its server cannot be reached, there is a warning in the log.
    """
    if not feed.notify:
        return
    try:
        from leadsquared.mail import PlainMail  # noqa: PLC0415 - most feeds notify nobody

        PlainMail(feed.notify, f"[LeadSquared] {subject}", lines).notify({})
    except Exception as error:  # an error's text may name addresses
        log.warning(
            "feed %s: the mail to its `notify` addresses was not sent (%s): check the connection %s (host, port, and "
            "`from_email` in its extra)",
            feed.name,
            type(error).__name__,
            SMTP,
        )
    else:
        log.info("told %d addresses: %s", len(feed.notify), subject)


def tell_of_failure(name: str, context: Any) -> None:
    """Tell the people of a feed why a run failed; never raises."""
    try:
        feed = load_feed(feeds_dir() / f"{name}.yaml")
    except FeedError as problem:
        log.warning("%s", problem)
        return
    error = context.get("exception")
    report = getattr(error, "report", None)
    lines = [f"Run {context['ti'].run_id}: {_words_of(error)}", "", *(report.lines() if report else ())]
    tell(feed, f"{feed.name}: a run failed", [*lines, "", task_url(context)])


def _words_of(error: Any) -> str:
    """Return the text of our own errors, which hold no personal data, and the kind of all others."""
    if error is None:  # Airflow calls back for a task whose process died
        return "its task was killed, or its worker was lost: clear the task, and what was sent is accounted for"
    return str(error) if isinstance(error, PermanentError | TransientError) else type(error).__name__
