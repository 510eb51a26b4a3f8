"""Rows that were sent are found again by their marker, else by their fingerprint, in few calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from followups.keys import delivery_key, marker
from followups.ledger.sent_rows import OpenRow
from followups.model import State
from followups.readback import DayRange, Found, UnansweredError, look, look_closely

DUE = datetime(2031, 4, 5, 6, 0, tzinfo=UTC)
AVA, BEN = "ava@example.com", "ben@example.com"


@dataclass(frozen=True)
class Task:
    id: str | None
    marker: str | None = None
    name: str | None = "Visit"
    category: int | None = 0
    due_at: datetime | None = DUE
    owner_email: str | None = AVA
    related_id: str | None = None
    task_type: str | None = "Visit"
    created_at: datetime | None = None
    status_code: int | None = 0
    quoted: tuple[str, ...] = ()

    @property
    def markers(self) -> set[str]:
        return {*self.quoted, *filter(None, [self.marker])}


class Crm:
    """Answers look-ups with its tasks and remembers the calls; `elsewhere` are those that only closer looks show."""

    def __init__(self, *tasks: Task, elsewhere: Sequence[Task] = ()) -> None:
        self.tasks = tasks
        self.elsewhere = elsewhere
        self.calls: list[tuple[list[str], date, date]] = []
        self.closely: list[tuple[str | int, str | datetime]] = []
        self.cut_short = 0
        self.refused: set[str] = set()
        #: leads and owners about whom a look-up fails, is refused, or gives less than it announced
        self.failing: set[str] = set()
        self.untold: set[str] = set()
        self.short: set[str] = set()

    def __call__(self, ranges: Sequence[DayRange]) -> Iterable[Task]:
        self.calls += ranges
        return iter(self.tasks)

    def of_related(self, entity: int, related_id: str) -> Iterable[Task] | None:
        self.closely.append((entity, related_id))
        if related_id in self.untold:
            return None
        self._fail_or_cut(related_id)
        return [task for task in (*self.tasks, *self.elsewhere) if task.related_id == related_id]

    def of_owner(self, owner: str, created_since: datetime) -> Iterable[Task]:
        self.closely.append((owner, created_since))
        self._fail_or_cut(owner)
        return [task for task in (*self.tasks, *self.elsewhere) if task.owner_email == owner]

    def _fail_or_cut(self, asked: str) -> None:
        if asked in self.failing:
            raise UnansweredError("no answer")
        self.cut_short += asked in self.short


def row(number: int, *, marked: bool = True, due: str = "2031-04-05 06:00:00", **changes: Any) -> OpenRow:
    key = delivery_key("visits", str(number))
    payload = {"Name": "Visit", "OwnerEmailAddress": AVA, "DueDate": due, **changes}
    if marked:
        payload["Description"] = f"x [ref:{marker(key)}]"
    return OpenRow(
        id=number, key=key, generation=0, state=State.ACCEPTED, task_type="Visit", payload=json.dumps(payload)
    )


def ids(found: Found) -> dict[int, list[str | None]]:
    return {row_id: [task.id for task in tasks] for row_id, tasks in found.tasks.items()}


def mark(number: int) -> str:
    return marker(delivery_key("visits", str(number)))


def test_row_is_found_by_its_marker_whatever_else_changed() -> None:
    found = look([row(1)], Crm(Task("t1", mark(1), name="Renamed", due_at=None, owner_email=None)))
    assert ids(found) == {1: ["t1"]}


def test_several_tasks_with_one_marker_are_all_told_once_each() -> None:
    found = look([row(1)], Crm(Task("t1", mark(1)), Task("t1", mark(1)), Task("t2", mark(1))))
    assert ids(found) == {1: ["t1", "t2"]}


def test_alike_rows_with_markers_are_not_mixed_up() -> None:
    found = look([row(1), row(2)], Crm(Task("t2", mark(2))))
    assert ids(found) == {2: ["t2"]}


def test_task_with_another_rows_marker_is_never_taken_by_its_fingerprint() -> None:
    assert ids(look([row(1)], Crm(Task("t9", "abcdefghjkmn")))) == {}


def test_task_whose_marker_did_not_survive_is_found_by_its_fingerprint() -> None:
    assert ids(look([row(1)], Crm(Task("t1", None)))) == {1: ["t1"]}


def test_row_without_a_marker_is_found_even_if_the_text_quotes_a_strange_one() -> None:
    assert ids(look([row(1, marked=False)], Crm(Task("t1", "abcdefghjkmn")))) == {1: ["t1"]}


@pytest.mark.parametrize(
    "task",
    [
        Task("t1", name="Other"),
        Task("t1", owner_email=BEN),
        Task("t1", due_at=DUE + timedelta(minutes=1)),
        Task("t1", related_id="00000000-0000-4000-8000-000000000001"),
        Task(None),
    ],
)
def test_fingerprint_is_name_owner_due_date_and_related_entity(task: Task) -> None:
    assert ids(look([row(1, marked=False)], Crm(task))) == {}


def test_fingerprint_passes_over_casing_and_blanks() -> None:
    lead = "AAAAAAAA-0000-4000-8000-000000000001"
    task = Task("t1", name=" Visit ", owner_email="AVA@example.com", related_id=lead.lower())
    assert ids(look([row(1, marked=False, RelatedEntityId=lead)], Crm(task))) == {1: ["t1"]}


def test_alike_rows_without_markers_share_the_tasks_out() -> None:
    rows = [row(1, marked=False), row(2, marked=False)]
    assert ids(look(rows, Crm(Task("t1"), Task("t2")))) == {1: ["t1"], 2: ["t2"]}
    assert ids(look(rows, Crm(Task("t1")))) == {1: ["t1"]}
    assert ids(look(rows, Crm(Task("t1"), Task("t2"), Task("t3")))) == {1: ["t1"], 2: ["t2", "t3"]}


@pytest.mark.parametrize("changes", [{"OwnerEmailAddress": None}, {"DueDate": "tomorrow"}, {"DueDate": None}])
def test_row_that_cannot_be_looked_for_is_said_to_be(changes: dict[str, Any]) -> None:
    crm = Crm()
    assert look([row(1, **changes)], crm).impossible == [1]
    assert crm.calls == []


def test_purged_row_cannot_be_looked_for() -> None:
    purged = OpenRow(id=1, key="k", generation=0, state=State.UNKNOWN, task_type="Visit", payload=None)
    assert look([purged], Crm()).impossible == [1]


def test_ready_made_payload_may_hold_its_date_in_any_form() -> None:
    found = look([row(1, marked=False, due="2031-04-05T11:30:00+05:30")], Crm(Task("t1")))
    assert ids(found) == {1: ["t1"]}


def test_days_close_together_are_one_call_with_all_their_owners() -> None:
    crm = Crm()
    days = ("2031-04-05", "2031-04-06", "2031-04-08", "2031-04-20")
    owners = (BEN, AVA, BEN, AVA)
    look([row(n, due=f"{day} 06:00:00", OwnerEmailAddress=owner)
          for n, (day, owner) in enumerate(zip(days, owners, strict=True))], crm)  # fmt: skip
    assert crm.calls == [
        ([AVA, BEN], date(2031, 4, 5), date(2031, 4, 8)),
        ([AVA], date(2031, 4, 20), date(2031, 4, 20)),
    ]


def test_nothing_to_look_for_costs_no_call() -> None:
    crm = Crm()
    assert ids(look([], crm)) == {}
    assert crm.calls == []


def test_oldest_of_several_tasks_comes_first() -> None:
    younger = Task("t1", mark(1), created_at=DUE)
    older = Task("t2", mark(1), created_at=DUE - timedelta(hours=1))
    assert ids(look([row(1)], Crm(younger, older))) == {1: ["t2", "t1"]}


def test_look_tells_the_types_that_were_seen_and_whether_it_was_cut_short() -> None:
    crm = Crm(Task("t1", task_type="Visit"), Task("t2", task_type="Call"), Task("t3", task_type=None))
    crm.cut_short = 1
    found = look([row(1)], crm)
    assert found.visible_types == {"Visit", "Call"}
    assert not found.complete


def test_oldest_task_comes_first_and_those_without_a_date_last() -> None:
    days = {"new": DUE, "old": DUE - timedelta(days=9), "undated": None}
    crm = Crm(*(Task(name, mark(1), created_at=day) for name, day in days.items()))
    assert ids(look([row(1)], crm)) == {1: ["old", "new", "undated"]}


def test_look_tells_which_types_it_saw_and_whether_it_saw_all() -> None:
    crm = Crm(Task("t1"), Task("t2", task_type="Call"), Task("t3", task_type=None))
    crm.cut_short = 1
    found = look([row(1)], crm)
    assert (found.visible_types, found.complete) == ({"Visit", "Call"}, False)
    assert look([row(1)], Crm()).complete


def test_owner_about_whom_nothing_is_answered_proves_no_absence() -> None:
    crm = Crm()
    crm.refused = {BEN}
    assert look([row(1), row(2, OwnerEmailAddress=BEN)], crm).unanswered == {2}


@pytest.mark.parametrize(("hours", "category", "found"), [(-18, 1, True), (23, 1, True), (24, 1, False), (1, 0, False)])
def test_to_do_whose_date_alone_was_kept_is_found_by_its_fingerprint(hours: int, category: int, found: bool) -> None:
    crm = Crm(Task("t1", due_at=DUE + timedelta(hours=hours), category=category))
    assert ids(look([row(1, marked=False)], crm)) == ({1: ["t1"]} if found else {})


def test_to_dos_that_are_due_to_the_second_are_given_away_first() -> None:
    rows = [row(1, marked=False, due="2031-04-05 00:00:00"), row(2, marked=False)]
    tasks = [Task("t2", category=1), Task("t1", category=1, due_at=DUE - timedelta(hours=6))]
    assert ids(look(rows, Crm(*tasks))) == {1: ["t1"], 2: ["t2"]}


LEAD_ID = "00000000-0000-4000-8000-000000000001"
SENT = DUE - timedelta(days=3)


def test_row_that_a_rule_gave_to_somebody_else_is_found_by_its_lead() -> None:
    related = {"RelatedEntity": 1, "RelatedEntityId": LEAD_ID}
    crm = Crm(elsewhere=[Task("t1", mark(1), owner_email=BEN, related_id=LEAD_ID)])
    assert ids(look_closely([row(1, **related)], crm, SENT)) == {1: ["t1"]}
    assert crm.closely == [(1, LEAD_ID)]


def test_row_that_was_moved_to_another_day_is_found_by_its_owner() -> None:
    crm = Crm(elsewhere=[Task("t1", mark(1), due_at=DUE + timedelta(days=40))])
    assert ids(look_closely([row(1), row(2)], crm, SENT)) == {1: ["t1"]}
    assert crm.closely == [(AVA, SENT)]


def test_rows_of_one_lead_are_one_call_and_a_strange_relation_asks_for_the_owner() -> None:
    crm = Crm()
    related = {"RelatedEntity": "5", "RelatedEntityId": LEAD_ID}
    look_closely(
        [row(1, **related), row(2, **related), row(3, RelatedEntity="lead", RelatedEntityId=LEAD_ID)], crm, SENT
    )
    assert crm.closely == [(5, LEAD_ID), (AVA, SENT)]


@pytest.mark.parametrize(
    ("task", "doubtful"),
    [
        (Task("t1", created_at=SENT), [1]),
        (Task("t1", created_at=None), [1]),
        (Task("t1", created_at=SENT - timedelta(seconds=1)), []),
        (Task("t1", "abcdefghjkmn", created_at=SENT), []),
        (Task("t1", name="Other", created_at=SENT), []),
    ],
)
def test_young_task_of_the_same_name_without_a_marker_leaves_a_doubt(task: Task, doubtful: list[int]) -> None:
    found = look_closely([row(1)], Crm(elsewhere=[task]), SENT)
    assert (ids(found), found.impossible) == ({}, doubtful)


RELATED = {"RelatedEntity": 5, "RelatedEntityId": LEAD_ID}


def test_closer_look_that_fails_leaves_its_own_rows_open_and_no_others() -> None:
    crm = Crm(elsewhere=[Task("t3", mark(3), owner_email=BEN)])
    crm.failing = {LEAD_ID}
    found = look_closely([row(1, **RELATED), row(2), row(3, OwnerEmailAddress=BEN)], crm, SENT)
    assert (found.unanswered, found.complete, ids(found)) == ({1}, False, {3: ["t3"]})
    assert crm.closely == [(5, LEAD_ID), (AVA, SENT), (BEN, SENT)]


def test_closer_look_that_is_cut_short_leaves_its_own_rows_open_and_tells_what_it_shows() -> None:
    crm = Crm(elsewhere=[Task("t1", mark(1))])
    crm.short = {AVA}
    found = look_closely([row(1), row(2), row(3, OwnerEmailAddress=BEN)], crm, SENT)
    assert (found.unanswered, ids(found)) == ({1, 2}, {1: ["t1"]})
    assert look_closely([row(1)], Crm(), SENT).complete


def test_opportunity_of_which_leadsquared_does_not_tell_is_no_proof_of_absence_but_its_owners_are_asked() -> None:
    crm = Crm(elsewhere=[Task("t2", mark(2), owner_email=BEN)])
    crm.untold = {LEAD_ID}
    rows = [row(1, **RELATED), row(2, OwnerEmailAddress=BEN, **RELATED)]
    found = look_closely(rows, crm, SENT)
    assert (ids(found), found.complete) == ({2: ["t2"]}, True)
    assert crm.closely == [(5, LEAD_ID), (AVA, SENT), (BEN, SENT)]
    crm.failing = {BEN}
    assert look_closely(rows, crm, SENT).unanswered == {1, 2}


def test_task_with_our_marker_but_without_an_id_is_neither_found_nor_absent() -> None:
    found = look_closely([row(1)], Crm(elsewhere=[Task(None, mark(1), name="Renamed")]), SENT)
    assert (ids(found), found.impossible) == ({}, [1])
    both = look_closely([row(1)], Crm(elsewhere=[Task(None, mark(1)), Task("t1", mark(1))]), SENT)
    assert (ids(both), both.impossible) == ({1: ["t1"]}, [])


@pytest.mark.parametrize(
    ("task", "marked", "unanswered"),
    [
        (Task(None, mark(1), name="Renamed"), True, {1}),
        (Task(None), True, {1}),
        (Task(None), False, {1}),
        (Task(None, name="Other"), False, set()),
        (Task(None, "abcdefghjkmn"), True, set()),
    ],
)
def test_task_without_an_id_that_may_be_ours_proves_no_absence(task: Task, marked: bool, unanswered: set[int]) -> None:
    found = look([row(1, marked=marked)], Crm(task))
    assert (ids(found), found.unanswered) == ({}, unanswered)


QUOTE = "abcdefghjkmn"


def test_row_whose_text_quotes_another_marker_than_its_own_is_no_stranger_to_a_task_that_does() -> None:
    """Its own marker stands in a custom field, which not every look-up gives."""
    quoting = row(1, CustomFields={"mx_Custom_1": f"[ref:{mark(1)}]"}, marked=False, Description=f"see [ref:{QUOTE}]")
    assert ids(look([quoting], Crm(Task("t1", QUOTE)))) == {1: ["t1"]}
    assert ids(look([quoting], Crm(Task("t1", "zyxwvutsrqpn")))) == {}
    found = look_closely([quoting], Crm(elsewhere=[Task("t1", QUOTE, created_at=SENT)]), SENT)
    assert (ids(found), found.impossible) == ({}, [1])


def test_task_that_bears_our_marker_among_others_leaves_a_doubt() -> None:
    found = look_closely([row(1)], Crm(elsewhere=[Task("t1", QUOTE, name="Renamed", quoted=(mark(1),))]), SENT)
    assert (ids(found), found.impossible) == ({}, [1])
