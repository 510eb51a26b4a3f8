"""What the ledger records of a create's reply."""

from __future__ import annotations

import pytest

from followups.model import OutcomeKind
from leadsquared.outcomes import created_by, outcome_of
from leadsquared.wire.replies import Kind, Reply


def test_address_without_the_operation_stops_the_run_and_blames_no_row() -> None:
    outcome = created_by(Reply(Kind.REJECTED, 404))
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.UNAUTHORISED, 404)
    assert outcome.detail == "HTTP 404, no such operation at this address: check the connection's host"


@pytest.mark.parametrize("reply", [Reply(Kind.REJECTED, 400), Reply(Kind.REJECTED, 500), Reply(Kind.UNKNOWN, 404)])
def test_other_replies_are_recorded_as_what_they_are(reply: Reply) -> None:
    assert created_by(reply) == outcome_of(reply)
