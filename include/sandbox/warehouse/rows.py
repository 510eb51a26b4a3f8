"""Good follow-ups: spread over days, hours, owners, task types and related entities as in real sales offices."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sandbox.directory import APPOINTMENT, CustomField, Directory, TaskType
from sandbox.warehouse import texts

OFFICE_ZONE = ZoneInfo("Asia/Kolkata")
FIRST_START = time(9, 30)
#: Nothing that takes time begins later, so that an hour's meeting ends at 18:30.
LAST_START = time(17, 30)
APPOINTMENTS = "appointments"
DOCUMENTS = "document_collection"
SUNDAY_WEIGHT = 0.12
_SATURDAY_WEIGHT = 0.7
_SLOT = timedelta(minutes=5)
_FIELD_SAMPLES = 50

Item = TypeVar("Item")


class Row(NamedTuple):
    """One row of the table `followups`, in the order of its columns."""

    followup_id: str
    task_type: str
    subject: str | None
    owner_email: str | None
    owner_id: str | None
    due_at: datetime | None
    end_at: datetime | None
    duration_minutes: int | None
    description: str | None
    location: str | None
    related_to: str | None
    related_id: str | None
    reminder_minutes: int | None
    notify_owner: bool | None
    custom_fields: str | None
    cancelled: bool
    feed: str


def split_over_days(rows: int, days: int, around: date) -> list[tuple[date, int]]:
    """Share `rows` out over `days` days, half of them before `around`; Saturdays get fewer, Sundays few."""
    dates = [around + timedelta(days=offset - days // 2) for offset in range(days)]
    weights = [{5: _SATURDAY_WEIGHT, 6: SUNDAY_WEIGHT}.get(day.weekday(), 1.0) for day in dates]
    ends = [round(rows * share / sum(weights)) for share in accumulate(weights)]
    return [(day, end - begin) for day, begin, end in zip(dates, [0, *ends], ends, strict=False)]


@dataclass(frozen=True)
class _Kind:
    """A task type with all that its rows choose from."""

    name: str
    minutes: int
    needs_lead: bool
    scenario: texts.Scenario
    #: What it is about, and custom fields that agree with it.
    items: tuple[tuple[str, str | None], ...]


class RowMaker:
    """Make good rows. The same directory and random numbers give the same rows."""

    def __init__(self, directory: Directory, rng: random.Random) -> None:
        self._random = rng.random
        by_category: dict[bool, list[_Kind]] = {True: [], False: []}
        for task_type in directory.task_types:
            by_category[task_type.category == APPOINTMENT].append(_kind(task_type, rng))
        self._appointments = by_category[True]
        self._to_dos = by_category[False]
        # A directory lists its colleagues by name; a few of them carry most of the work.
        active = [user for user in directory.users if user.active]
        self._owners = [user for rank, user in enumerate(active) for _ in range(1 + 12 // (rank % 10 + 1))]
        self._leads = [lead.id for lead in directory.leads]
        self._opportunities = [opportunity.id for opportunity in directory.opportunities]
        self._made = {APPOINTMENTS: 0, DOCUMENTS: 0}

    def rows(self, day: date, count: int) -> Iterator[Row]:
        """Make `count` rows that are due on `day`, in no order of time, about 55 in 100 of them appointments."""
        opening = datetime.combine(day, FIRST_START, OFFICE_ZONE)
        slots = (datetime.combine(day, LAST_START, OFFICE_ZONE) - opening) // _SLOT + 1
        for _ in range(count):
            due = opening + _SLOT * int(self._random() * slots)
            yield self._appointment(due) if self._random() < 0.55 else self._document(due)

    def _pick(self, items: Sequence[Item]) -> Item:
        return items[int(self._random() * len(items))]

    def _appointment(self, due: datetime) -> Row:
        kind = self._pick(self._appointments)
        chance = self._random()
        return self._row(
            kind,
            APPOINTMENTS,
            "AP",
            due,
            # Some sources keep the end, some the length, some neither.
            end_at=due + timedelta(minutes=kind.minutes) if chance < 0.6 else None,
            duration_minutes=kind.minutes if chance >= 0.4 and chance < 0.85 else None,
            location=self._pick(kind.scenario.places) or None,
        )

    def _document(self, due: datetime) -> Row:
        return self._row(self._pick(self._to_dos), DOCUMENTS, "DC", due)

    def _row(
        self,
        kind: _Kind,
        feed: str,
        prefix: str,
        due: datetime,
        *,
        end_at: datetime | None = None,
        duration_minutes: int | None = None,
        location: str | None = None,
    ) -> Row:
        self._made[feed] += 1
        owner = self._pick(self._owners)
        by_id = self._random() < 0.08
        related_to, related_id = self._related(kind)
        scenario = kind.scenario
        item, custom_fields = self._pick(kind.items)
        return Row(
            followup_id=f"{prefix}-{self._made[feed]:06d}",
            task_type=kind.name,
            subject=self._subject(scenario, item),
            owner_email=None if by_id else owner.email,
            owner_id=owner.id if by_id else None,
            due_at=due,
            end_at=end_at,
            duration_minutes=duration_minutes,
            description=self._pick(scenario.notes) if self._random() < 0.8 else None,
            location=location,
            related_to=related_to,
            related_id=related_id,
            reminder_minutes=self._pick((10, 15, 30, 60, None)),
            notify_owner=self._pick((True, False, None)),
            custom_fields=custom_fields,
            cancelled=self._random() < 0.01,
            feed=feed,
        )

    def _subject(self, scenario: texts.Scenario, item: str) -> str:
        name = self._pick(texts.OTHER_SCRIPTS if self._random() < 0.07 else texts.LATIN_NAMES)
        subject = self._pick(scenario.subjects).format(name=name, item=item)
        return subject[0].upper() + subject[1:]

    def _related(self, kind: _Kind) -> tuple[str | None, str | None]:
        chance = self._random()
        if kind.needs_lead or chance < 0.67:
            return "lead", self._pick(self._leads)
        if chance < 0.80:
            return "opportunity", self._pick(self._opportunities)
        return None, None


def _kind(task_type: TaskType, rng: random.Random) -> _Kind:
    scenario = texts.SCENARIOS.get(task_type.name, texts.ANY_SCENARIO)
    items = [rng.choice(scenario.items) for _ in range(_FIELD_SAMPLES)]
    return _Kind(
        name=task_type.name,
        minutes=task_type.default_minutes or 30,
        needs_lead=task_type.mandatory_lead,
        scenario=scenario,
        items=tuple((item, _custom_fields(task_type.custom_fields, item, rng)) for item in items),
    )


def _custom_fields(fields: Sequence[CustomField], item: str, rng: random.Random) -> str | None:
    """Fill mandatory fields always and the others now and then; None where nothing is filled in."""
    filled = {
        field.schema_name: _field_value(field, item, rng) for field in fields if field.mandatory or rng.random() < 0.5
    }
    return json.dumps(filled, ensure_ascii=False) if filled else None


def _field_value(field: CustomField, item: str, rng: random.Random) -> str:
    choices = field.options or texts.FIELD_VALUES.get(field.display_name, ("As discussed",))
    named = next((choice for choice in choices if choice.lower() == item.lower()), None)
    return named or rng.choice(choices).replace("{number}", f"{rng.randrange(10**6):06d}")
