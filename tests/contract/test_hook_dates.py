"""Dates are read in every form in which the vendor writes them, by every look-up that returns any."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from leadsquared.hook import LeadSquaredHook
from leadsquared.wire.records import CrmTask
from tests.contract.hook_kit import DUE, THE_OWNER, plant, span
from tests.support.faked_network import FakedNetwork, make_faked_network

MOMENT = datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC)
FORMS: dict[Any, datetime | None] = {
    "2031-04-05 06:07:08.000": MOMENT,
    "2031-04-05 06:07:08": MOMENT,
    f"/Date({int(MOMENT.timestamp()) * 1000}+0000)/": MOMENT,
    f"/Date({int(MOMENT.timestamp()) * 1000})/": MOMENT,
    "0001-01-01 00:00:00.000": None,
    "0001-01-01 00:00:00": None,
    "": None,
    "soon": None,
    None: None,
    1_300_000_000_000: None,
}
_DAYS = (date(2031, 4, 5), date(2031, 4, 5))
LOOK_UPS: dict[str, Callable[[LeadSquaredHook], list[CrmTask]]] = {
    "by id": lambda hook: [task for task in [hook.get_task("id-1")] if task],
    "by lead": lambda hook: hook.get_tasks_of_lead("id-1"),
    "by opportunity": lambda hook: hook.get_tasks_of_opportunity("id-1"),
    "by owner": lambda hook: list(hook.iter_tasks_of_owner("id-1", by="id", status="open")),
    "appointments": lambda hook: list(hook.iter_appointments(["id-1"], *_DAYS, by="id")),
    "appointments by criteria": lambda hook: list(hook.iter_appointments(THE_OWNER, *_DAYS)),
    "to-dos": lambda hook: list(hook.iter_to_dos(["id-1"], *_DAYS, by="id")),
}


@pytest.fixture(scope="module")
def network() -> FakedNetwork:
    return make_faked_network()


@pytest.mark.parametrize("look_up", LOOK_UPS)
def test_every_form_of_a_date_is_read(network: FakedNetwork, look_up: str) -> None:
    for form, moment in FORMS.items():
        names = ("DueDate", "EndDate", "CreatedOn", "ModifiedOn", "CompletedOn")
        item = {"UserTaskId": "id-1", **dict.fromkeys(names, form)}
        for key in ("List", "TaskList"):
            network.answer_json([item] if look_up == "by id" else {"RecordCount": 1, key: [item]})
            (task,) = LOOK_UPS[look_up](network.hook)
            found = {task.due_at, task.end_at, task.created_at, task.modified_at, task.completed_at}
            assert found == {moment}, form


@pytest.mark.parametrize(
    "form", ["2031-04-05", "2031-04-05 00:00:00.000", "2031-04-05 00:00:00", "/Date(1933113600000)/"]
)
def test_the_day_of_free_slots_is_read_in_every_form(network: FakedNetwork, form: str) -> None:
    network.answer_json({"RecordCount": 1, "List": [{"Date": form, "UserSlots": [{"UserId": "id-1"}]}]})
    (slots,) = network.hook.iter_free_slots(["ava@example.com"], *_DAYS)
    assert (slots.day, slots.user_id, slots.free) == (date(2031, 4, 5), "id-1", ())


def test_the_sandboxs_own_forms_agree(hook: LeadSquaredHook) -> None:
    planted = plant(hook)
    full = hook.get_task(planted.appointment)
    assert full is not None
    (short,) = hook.get_tasks_of_lead(full.related_id or "")
    assert full.due_at == short.due_at == DUE
    assert full.created_at == short.created_at
    assert (full.completed_at, short.end_at) == (None, None)
    assert [task.due_at for task in hook.iter_appointments([full.owner_email or ""], *span(0))] == [DUE]
