"""What LeadSquared knows of users and task types refuses a row before it costs a call."""

from __future__ import annotations

from followups.directory import Directory, TaskType, User

AVA = User(id="AAAAAAAA-0000-4000-8000-000000000001", email=" Ava@example.com", active=True)
GONE = User(id="aaaaaaaa-0000-4000-8000-000000000002", email="gone@example.com", active=False)
TYPES = [TaskType(name=name, category=0) for name in ("Meeting", "Site Visit", "Call")]
KNOWN = Directory.of([AVA, GONE], TYPES)


def test_nothing_known_refuses_nothing_but_an_id_that_must_be_resolved() -> None:
    empty = Directory()
    assert empty.owner("x@example.com", None) == ("x@example.com", None)
    assert empty.task_type_problem("Anything") is None
    assert empty.missing_for("Anything", has_lead=False, fields=()) is None
    assert empty.owner(None, AVA.id) == (None, "owner_id: users could not be read to resolve it; give owner_email")


def test_address_is_sent_in_the_directorys_own_spelling() -> None:
    assert KNOWN.owner("ava@example.com", None) == ("Ava@example.com", None)


def test_id_is_resolved_to_the_address_in_any_casing() -> None:
    assert KNOWN.owner(None, AVA.id.lower()) == ("Ava@example.com", None)


def test_address_wins_over_an_id() -> None:
    assert KNOWN.owner("ava@example.com", GONE.id) == ("Ava@example.com", None)


def test_unknown_owner_is_refused() -> None:
    assert KNOWN.owner("b@example.com", None) == (None, "owner_email: no LeadSquared user has this address")
    assert KNOWN.owner(None, "nobody") == (None, "owner_id: no LeadSquared user has this id; give owner_email")


def test_inactive_owner_is_refused_by_the_column_that_names_it() -> None:
    assert KNOWN.owner("gone@example.com", None) == (None, "owner_email: this LeadSquared user is not active")
    assert KNOWN.owner(None, GONE.id) == (None, "owner_id: this LeadSquared user is not active")


def test_unknown_task_type_comes_with_a_suggestion() -> None:
    assert KNOWN.task_type_problem("Site Vist") == "task_type: no such task type; did you mean 'Site Visit'?"
    assert KNOWN.task_type_problem("CALL") == "task_type: no such task type; did you mean 'Call'?"
    assert KNOWN.task_type_problem("Zzz") == ("task_type: no such task type; LeadSquared has Call, Meeting, Site Visit")
    assert KNOWN.task_type_problem("Meeting") is None


def test_mandatory_fields_are_demanded_by_name() -> None:
    directory = Directory.of([], [TaskType(name="Visit", category=0, mandatory_fields=("mx_b", "mx_a"))])
    assert directory.missing_for("Visit", has_lead=False, fields=["mx_c"]) == (
        "custom_fields: task type 'Visit' demands mx_a, mx_b"
    )
    assert directory.missing_for("Visit", has_lead=False, fields=["mx_a", "mx_b"]) is None
