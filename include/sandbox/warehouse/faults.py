"""The ways a row can be wrong, or odd and still right: each by name, with what must become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sandbox.directory import Directory
from sandbox.warehouse.rows import Row

#: invalid: the row alone shows that it is wrong. refused: only the directory of LeadSquared does, so that pre-flight
#: may call it invalid or LeadSquared reject it. created: odd but right, and must arrive unharmed.
Outcome = Literal["invalid", "refused", "created"]

LONG_NOTE = 10_000
LONG_SUBJECT = 3_000

_NOT_ADDRESSES = ("aarav.sharma[at]example.com", "ravi@@example.com", "meera.joshi@", "anita rao@example.com", "N/A")
_NOT_GUIDS = ("LEAD-00123", "12345", "0000000-0000-4000-8000-000000000001", "zzzzzzzz-0000-4000-8000-000000000001")
_RENAMED_TYPES = ("Meetting", "Home Visit (old)", "Tele-Calling 2019")
_NO_LEAD = "00000000-0000-4000-8000-000000000001"
_NOTE = "ग्राहक से बात हुई 📞 – asked for the 8.45 % offer 🏠; “please confirm” ✅\n"


@dataclass(frozen=True)
class Fault:
    """One way to be wrong or odd: `apply` turns a good row into one that is."""

    kind: str
    outcome: Outcome
    apply: Callable[[Row], Row]


def _owner(row: Row, email: str | None) -> Row:
    return row._replace(owner_email=email, owner_id=None)


def _related(row: Row, to: str | None, entity: str | None) -> Row:
    return row._replace(related_to=to, related_id=entity)


def _choose(row: Row, choices: tuple[str, ...]) -> str:
    """Choose by the number in the row's id, so that the same row always gets the same fault."""
    return choices[int(row.followup_id[3:]) % len(choices)]


def _ends_before_due(row: Row) -> Row:
    assert row.due_at is not None
    return row._replace(end_at=row.due_at - timedelta(minutes=30), duration_minutes=None)


def _repeat(text: str, length: int) -> str:
    return (text * length)[:length]


def _note(text: str) -> Callable[[Row], Row]:
    return lambda row: row._replace(description=text)


def _custom(text: str) -> Callable[[Row], Row]:
    return lambda row: row._replace(custom_fields=text)


#: Wrong in itself. `duplicate_id` is made from the row before it, in `seeding`.
INVALID = (
    Fault("no_owner", "invalid", lambda row: _owner(row, None)),
    Fault("bad_email", "invalid", lambda row: _owner(row, _choose(row, _NOT_ADDRESSES))),
    Fault("no_subject", "invalid", lambda row: row._replace(subject=None)),
    Fault("subject_too_long", "invalid", lambda row: row._replace(subject=_repeat(row.subject or "", LONG_SUBJECT))),
    Fault("no_due_date", "invalid", lambda row: row._replace(due_at=None, end_at=None)),
    Fault("end_before_due", "invalid", _ends_before_due),
    Fault("malformed_lead_id", "invalid", lambda row: _related(row, "lead", _choose(row, _NOT_GUIDS))),
    Fault("unknown_related_to", "invalid", lambda row: _related(row, "account", _NO_LEAD)),
    Fault("related_id_without_related_to", "invalid", lambda row: _related(row, None, _NO_LEAD)),
    Fault("related_to_without_related_id", "invalid", lambda row: _related(row, "lead", None)),
    Fault("negative_reminder", "invalid", lambda row: row._replace(reminder_minutes=-15)),
    Fault("control_character", "invalid", _note("Pasted from a terminal: \x1b[1mcall back\x1b[0m\x07")),
    Fault("custom_fields_list", "invalid", _custom("[1, 2]")),
    Fault("custom_fields_text", "invalid", _custom('"Home Loan"')),
    Fault("custom_fields_truncated", "invalid", _custom('{"mx_Custom_1": "Home Lo')),
)
DUPLICATE_ID = "duplicate_id"

#: Odd and right.
ODD = (
    Fault("long_note", "created", _note(_repeat(_NOTE, LONG_NOTE - 1) + "∎")),
    Fault("right_to_left", "created", _note("محمد عارف خان: پیر کو کال کریں \u202e123-ABC\u202c")),
    Fault("joiners", "created", _note("Family 👨\u200d👩\u200d👧 comes along; ක්\u200dෂ, नम\u200dस्ते, zero\u200bwidth")),
    Fault("lone_combining_mark", "created", _note("\u0301 stands alone, and these crowd: Z\u0351\u0343\u0346a\u0363")),
    Fault("markup_and_quotes", "created", _note("""<b>O'Neil & "Sons"</b>; DROP TABLE x; -- \\n {{ ds }} %s `id`""")),
    Fault("line_breaks", "created", _note("one\ntwo\r\nthree\ttabbed\n\nfive, after a gap")),
)  # fmt: skip


def against(directory: Directory) -> tuple[Fault, ...]:
    """Return the faults that only LeadSquared's directory shows."""
    leavers = tuple(user.email for user in directory.users if not user.active)
    strict = [item for item in directory.task_types if any(field.mandatory for field in item.custom_fields)]
    faults = [Fault("unknown_task_type", "refused", lambda row: row._replace(task_type=_choose(row, _RENAMED_TYPES)))]
    if leavers:
        faults.append(Fault("inactive_owner", "refused", lambda row: _owner(row, _choose(row, leavers))))
    if strict:
        name = strict[0].name
        faults.append(
            Fault("missing_mandatory_field", "refused", lambda row: row._replace(task_type=name, custom_fields=None))
        )
    return tuple(faults)


def duplicate_of(row: Row) -> Row:
    """Return another row under the same id, as if the source had loaded a changed record twice.

    It is due a second later, so that both fall into one window and their order is certain.
    """
    assert row.due_at is not None
    return row._replace(due_at=row.due_at + timedelta(seconds=1), subject=f"{row.subject} (changed)")
