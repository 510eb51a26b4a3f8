"""A mail by Airflow's SMTP notifier, whose texts are no templates."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from leadsquared.names import SMTP


class PlainMail(SmtpNotifier):
    """Lines of text, sent as they are: LeadSquared's words may stand in them."""

    template_fields: Sequence[str] = ()

    def __init__(self, to: Iterable[str], subject: str, lines: Iterable[str]) -> None:
        text = html.escape("\n".join(lines))
        super().__init__(to=list(to), subject=subject, html_content=f"<pre>{text}</pre>", smtp_conn_id=SMTP)
