"""Which LeadSquared accounts there are: the connections that feeds name."""

from __future__ import annotations

from followups.feeds import FeedError, feeds_dir, load_feed
from leadsquared.names import DEFAULT_LEADSQUARED


def feed_accounts() -> list[str]:
    """Return the connections of all accounts that feeds send to; a wrong feed file is reported elsewhere.

    Without feeds it is the default one: whoever names another in all of them need not have that.
    """
    found = set()
    for path in feeds_dir().glob("*.yaml"):
        try:
            found.add(load_feed(path).leadsquared_conn_id)
        except FeedError:
            continue
    return sorted(found or {DEFAULT_LEADSQUARED})
