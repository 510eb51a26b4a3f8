"""LeadSquared's words stay, customers' values go."""

from __future__ import annotations

import pytest

from leadsquared.wire.redaction import MAX_LENGTH, redact


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("'leadId' is mandatory for updating lead", "'leadId' is mandatory for updating lead"),
        ("Invalid Input! Parameter Name: OwnerEmailAddress", "Invalid Input! Parameter Name: OwnerEmailAddress"),
        (
            "The Opportunity Id '00000000-0000-4000-8000-0000000000e1' does not exist in the system",
            "The Opportunity Id '00000000-0000-4000-8000-0000000000e1' does not exist in the system",
        ),
        ("API calls exceeded the limit of 25 in 5 second(s)", "API calls exceeded the limit of 25 in 5 second(s)"),
        ("PageSize can not be more than 1000", "PageSize can not be more than 1000"),
        ("user ava.example+x@example.com is inactive", "user <e-mail> is inactive"),
        ("call +91-98765 43210 first", "call <number> first"),
        ("Duplicate entry 'Asha' for key 'Name'", "Duplicate entry <value> for key 'Name'"),
        ('Error converting value "Asha Rao" to type', "Error converting value <value> to type"),
        ("note 'ring the bell twice' is too long", "note <value> is too long"),
        ("it doesn't and can't be", "it doesn't and can't be"),
        ("two\nlines\tand\x00 control\u202e signs", "two lines and control signs"),
    ],
)
def test_values_are_taken_out_and_names_stay(told: str, kept: str) -> None:
    assert redact(told) == kept


def test_no_text_is_longer_than_the_ledger_takes() -> None:
    assert len(redact("x" * 10_000)) == MAX_LENGTH
