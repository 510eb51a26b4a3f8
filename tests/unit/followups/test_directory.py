"""What LeadSquared knows of users and task types refuses a row before it costs a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from followups.directory import Directory, Snapshot, TaskType, User
from followups.suggestions import MAX_ADDRESSES, NearAddresses

AVA = User(id="AAAAAAAA-0000-4000-8000-000000000001", email=" Ava@example.com", active=True)
GONE = User(id="aaaaaaaa-0000-4000-8000-000000000002", email="gone@example.com", active=False)
TYPES = [TaskType(name=name, category=0) for name in ("Meeting", "Site Visit", "Call")]
KNOWN = Directory.of([AVA, GONE], TYPES)


def test_nothing_known_refuses_nothing_but_an_id_that_must_be_resolved() -> None:
    empty = Directory()
    assert empty.owner("x@example.com", None) == ("x@example.com", None)
    assert empty.task_type_problem("Anything") is None
    assert empty.rules_problem("Anything", has_lead=False, fields={"mx_a": 1}) is None
    assert empty.has_field("Anything", "mx_a")
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
    reason = "custom_fields: task type 'Visit' demands mx_a, mx_b"
    assert directory.rules_problem("Visit", has_lead=False, fields=None) == reason
    assert directory.rules_problem("Visit", has_lead=False, fields={"mx_a": "", "mx_b": None, "mx_c": 1}) == reason
    assert directory.rules_problem("Visit", has_lead=False, fields={"mx_a": 0, "mx_b": False}) is None


def test_lead_is_demanded_where_the_task_type_demands_one() -> None:
    directory = Directory.of([], [TaskType(name="Visit", category=0, mandatory_lead=True)])
    assert directory.rules_problem("Visit", has_lead=True, fields=None) is None
    assert directory.rules_problem("Visit", has_lead=False, fields=None) == (
        "related_id: task type 'Visit' demands a lead"
    )


FIELDS = {"mx_Stage": ("Not started", "Done", "5"), "mx_Note": ()}
RULED = Directory.of([], [TaskType(name="Visit", category=0, fields=FIELDS)])


@pytest.mark.parametrize(
    "fields",
    [
        {"mx_Note": "anything; at all"},
        {"mx_Stage": "Done"},
        {"mx_Stage": "Done;Not started"},
        {"mx_Stage": 5},
        {"mx_Stage": ""},
        {"mx_Stage": None},
        {},
    ],
)
def test_value_that_the_field_takes_is_let_through(fields: dict[str, object]) -> None:
    assert RULED.rules_problem("Visit", has_lead=False, fields=fields) is None


@pytest.mark.parametrize("value", ["done", "Zeenat", "Done;Zeenat", 6, True, ["Done"]])
def test_value_outside_the_options_is_refused_with_the_options_and_without_the_value(value: object) -> None:
    assert RULED.rules_problem("Visit", has_lead=False, fields={"mx_Stage": value}) == (
        "custom_fields: mx_Stage takes one of 'Not started', 'Done', '5', exactly as written"
    )


def test_long_list_of_options_is_shown_in_part() -> None:
    many = Directory.of([], [TaskType(name="V", category=0, fields={"mx_a": [str(n) for n in range(40)]})])
    problem = many.rules_problem("V", has_lead=False, fields={"mx_a": "x"})
    assert problem is not None
    assert problem.endswith("'8', '9' and 30 more, exactly as written")


def test_field_that_the_task_type_has_not_is_refused_and_only_another_casing_is_suggested() -> None:
    start = "custom_fields: task type 'Visit' has no field "
    assert RULED.rules_problem("Visit", has_lead=False, fields={"mx_stage": "x"}) == (
        start + "mx_stage; did you mean 'mx_Stage'?"
    )
    assert RULED.rules_problem("Visit", has_lead=False, fields={"mx_Stagf": "x"}) == (
        start + "mx_Stagf; it has mx_Note, mx_Stage"
    )
    assert (RULED.has_field("Visit", "mx_Stage"), RULED.has_field("Visit", "mx_Marker")) == (True, False)


def test_rules_of_task_types_that_share_a_name_are_not_applied_and_the_name_is_told() -> None:
    twins = Directory.of([], [TaskType(name="Visit", category=n, mandatory_lead=True, fields={}) for n in (0, 1)])
    assert twins.ambiguous == ["Visit"]
    assert twins.task_type_problem("Visit") is None
    assert twins.rules_problem("Visit", has_lead=False, fields={"mx_a": 1}) is None
    assert twins.category("Visit") is None
    assert RULED.ambiguous == []


@pytest.mark.parametrize(
    ("address", "end"),
    [
        ("ava.sharmaa@example.com", "; did you mean av…a@example.com (the part before the @ differs)?"),
        ("ava.sharma@exmaple.com", "; did you mean av…a@example.com (the part after the @ differs)?"),
        ("someone@example.com", ""),
        ("gone.away@example.con", ""),
        ("", ""),
    ],
)
def test_address_that_is_near_a_known_one_comes_with_a_masked_suggestion(address: str, end: str) -> None:
    users = [
        User(id="1", email="Ava.Sharma@example.com", active=True),
        User(id="2", email="gone.away@example.com", active=False),
    ]
    known = Directory.of(users, [])
    if address:
        assert known.owner(address, None) == (None, f"owner_email: no LeadSquared user has this address{end}")


def test_suggestions_are_looked_for_a_bounded_number_of_times() -> None:
    near = NearAddresses(["ava@example.com"])
    for number in range(MAX_ADDRESSES):
        assert near.hint(f"{number}@example.org") == ""
    assert near.hint("avaa@example.com") == ""


def test_of_two_users_with_one_address_the_active_one_counts() -> None:
    users = [User(id=str(n), email="ava@example.com", active=active) for n, active in enumerate((True, False))]
    assert Directory.of(users, []).owner("ava@example.com", None) == ("ava@example.com", None)


class Account:
    """What LeadSquared would tell now, and how often it was asked."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot
        self.asked = 0

    def __call__(self) -> Snapshot | None:
        self.asked += 1
        return self.snapshot


OLD = Snapshot(users=[GONE], task_types=[TYPES[0]], age=timedelta(minutes=12))
NEW = Snapshot(users=[AVA, replace(GONE, active=True)], task_types=TYPES)


@pytest.mark.parametrize(
    "ask",
    [
        lambda known: known.owner("ava@example.com", None)[1],
        lambda known: known.owner(None, AVA.id)[1],
        lambda known: known.owner("gone@example.com", None)[1],
        lambda known: known.task_type_problem("Call"),
    ],
)
def test_what_was_added_since_the_snapshot_is_found_by_asking_once(ask: Callable[[Directory], str | None]) -> None:
    account = Account(NEW)
    known = Directory(OLD, refresh=account)
    assert known.task_type_problem("Meeting") is None
    assert account.asked == 0
    assert ask(known) is None
    assert ask(known) is None
    assert known.owner("nobody@example.com", None)[1] is not None
    assert account.asked == 1


def test_rules_that_changed_since_the_snapshot_are_found_by_asking_once() -> None:
    strict, lax = (TaskType(name="Visit", category=0, mandatory_lead=demand) for demand in (True, False))
    account = Account(Snapshot(users=[], task_types=[lax]))
    known = Directory(Snapshot(users=[], task_types=[strict]), refresh=account)
    assert known.rules_problem("Visit", has_lead=False, fields=None) is None
    assert account.asked == 1


def test_snapshot_serves_on_where_asking_fails_and_it_is_not_tried_again() -> None:
    account = Account(None)
    known = Directory(OLD, refresh=account)
    assert known.owner("ava@example.com", None)[1] is not None
    assert known.task_type_problem("Call") is not None
    assert known.task_type_problem("Meeting") is None
    assert account.asked == 1
    assert known.summary == "1 users and 1 task types, read 12 min ago"


@pytest.mark.parametrize(
    ("age", "shown"), [(0, "just now"), (59, "just now"), (60, "1 min ago"), (7199, "119 min ago"), (86400, "24 h ago")]
)
def test_age_of_the_snapshot_is_shown(age: int, shown: str) -> None:
    assert Directory(replace(NEW, age=timedelta(seconds=age))).summary == f"2 users and 3 task types, read {shown}"
    assert Directory().summary == "nothing: users and task types could not be read"
