"""LeadSquaredHook: one method per operation of LeadSquared's API.

base       connection, throttle, one call, retries of reads
creating   CRM tasks, one or up to 50 at a time
changing   update, complete, delete, move CRM tasks
finding    look CRM tasks up: by id, owner, lead, opportunity, users and dates; users' free slots
directory  who am I, users, task types
leads      leads and opportunities
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leadsquared.addresses import is_loopback
from leadsquared.errors import LeadSquaredError
from leadsquared.hook.changing import ChangingTasks
from leadsquared.hook.creating import CreatingTasks
from leadsquared.hook.directory import Directory
from leadsquared.hook.finding import FindingTasks
from leadsquared.hook.leads import LeadsAndOpportunities
from leadsquared.wire.records import Account

__all__ = ["LeadSquaredHook"]


class LeadSquaredHook(CreatingTasks, ChangingTasks, FindingTasks, Directory, LeadsAndOpportunities):
    """Talk to LeadSquared: keys in headers, every call through the account's throttle, no create ever repeated.

    One instance holds one pool of connections and may be used by up to `pool_size` threads.

    :param leadsquared_conn_id: Airflow connection of type `leadsquared`: host, access key (login), secret key
        (password); the names in its extra are those of `leadsquared.connection.RateSettings`.
    :param throttle: hands out the account's rate slots; None builds the shared one in the ledger's database.
    :param ledger_conn_id: Airflow connection of the ledger, used if `throttle` is None.
    :param pool_size: requests in flight at most; further threads wait for a place before they take a slot.
    """

    def rate_status(self) -> Sequence[Any]:
        """Return how the account's rate stands, in `BucketStatus`; makes no call."""
        return self._get_throttle().status()

    def test_connection(self) -> tuple[bool, str]:
        """Prove keys, region and access to tasks with two calls; return whether all is well and what was found."""
        try:
            account = self.get_account()
            if wrong := self._wrong_host(account):
                return False, wrong
            task_types = self.get_task_types()
        except LeadSquaredError as failure:
            return False, str(failure)
        except Exception as failure:
            return False, f"The test could not be made: {failure}"
        found = f"{_describe(account)}; {len(task_types)} task types."
        return True, " ".join(filter(None, (found, self.settings.doubts)))

    def _wrong_host(self, account: Account) -> str | None:
        """Say so if the keys, which prove themselves on every regional host, belong to another one."""
        host = self.settings.host
        if account.api_host in (None, host) or is_loopback(host):
            return None
        return f"{_describe(account)}, but at {account.api_host}, not {host}: change the connection's host."


def _describe(account: Account) -> str:
    organisation = account.organisation or "an unnamed organisation"
    code = f" ({account.organisation_code})" if account.organisation_code else ""
    details = [account.user_name or "an unnamed user", account.role, account.time_zone]
    return f"Connected to {organisation}{code} as {', '.join(detail for detail in details if detail)}"
