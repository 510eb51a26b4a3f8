"""Tell people what a look at LeadSquared found that nobody but a person will settle."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from followups.feeds import FeedError, feeds_dir, load_feed
from followups.ledger.reading import LedgerReader
from leadsquared.notifying import tell
from leadsquared.runs import actor, task_url


class Watch:
    """Notes where the event log stands, so that `tell_all` tells what this task added: held rows and duplicates."""

    def __init__(self, engine: sa.Engine, context: Any) -> None:
        self._reader = LedgerReader(engine)
        self._context = context
        self._since = self._reader.last_event()

    def tell_all(self) -> None:
        """Send a mail to the people of each feed concerned; rows of feeds without a file are in the log alone."""
        for name, reasons in self._reader.needing_people(self._since, actor(self._context)).items():
            try:
                feed = load_feed(feeds_dir() / f"{name}.yaml")
            except FeedError:
                continue
            lines = [f"{count:>8} {reason}" for reason, count in reasons.most_common()]
            subject = f"{name}: {reasons.total()} rows need a person"
            tell(feed, subject, [*lines, "", "Their timelines in the ledger tell more.", task_url(self._context)])
