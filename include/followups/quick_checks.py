"""Rows that need no mending, as nearly all do, checked in a third of the time that their full check takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, ValidationError, convert

from followups.follow_up import (
    COLUMNS,
    GUID_PATTERN,
    MAX_DESCRIPTION,
    MAX_LOCATION,
    MAX_MINUTES,
    MAX_NAME,
    MAX_SUBJECT,
    FollowUp,
)
from followups.row_checks import check_together, custom_fields, email_address, in_utc, is_storable

Mend = Callable[[Any], Any]
#: What msgspec raises, pydantic's own errors, and what comes of values of other types.
_REFUSALS = (ValidationError, ValueError, TypeError, AttributeError)
_PLACES = {name: place for place, name in enumerate(COLUMNS)}
_texts = itemgetter(*(_PLACES[name] for name in ("followup_id", "task_type", "subject", "description", "location")))


_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_Subject = Annotated[str, Meta(min_length=1, max_length=MAX_SUBJECT)]
_Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION)]
_Location = Annotated[str, Meta(max_length=MAX_LOCATION)]
# To Python's `$` a line end may follow.
_Guid = Annotated[str, Meta(max_length=36, pattern=GUID_PATTERN)]
_Minutes = Annotated[int, Meta(ge=0, le=MAX_MINUTES)]


class _Plain(Struct, array_like=True, gc=False):
    """Values of a row in the order of `COLUMNS`, as they are in most rows."""

    followup_id: _Name
    task_type: _Name
    subject: _Subject
    due_at: datetime
    owner_email: str | None
    owner_id: _Guid | None
    end_at: datetime | None
    duration_minutes: _Minutes | None
    description: _Description | None
    location: _Location | None
    related_to: Literal["lead", "opportunity"] | None
    related_id: _Guid | None
    reminder_minutes: _Minutes | None
    notify_owner: bool | None
    custom_fields: dict[str, Any] | None
    cancelled: bool | None


class QuickCheck:
    """Returns a row's follow-up, just as `check_row` does; None where a row needs that one's mending or verdict.

    :param names: the columns of the rows, in their order.
    :param utc: those whose date-times have no zone because they are all in UTC.
    """

    def __init__(self, names: Sequence[str], utc: Collection[str], defaults: Mapping[str, Any]) -> None:
        self._arrange = _arranging(names)
        mends = {**_MENDS, **{name: attach_utc for name in utc if name in _MENDS}}
        self._mends = [(_PLACES[name], mend) for name, mend in mends.items()]
        self._defaults = [
            (_PLACES[name], _mended(_MENDS.get(name), value)) for name, value in defaults.items() if name in _PLACES
        ]

    def __call__(self, row: Sequence[Any]) -> FollowUp | None:
        """Check one row."""
        values = self._arrange(row)
        try:
            for place, mend in self._mends:
                if (value := values[place]) is not None:
                    values[place] = mend(value)
            for place, default in self._defaults:
                if values[place] is None:
                    values[place] = default
            convert(values, _Plain)
            follow_up = FollowUp(*values)
            check_together(follow_up)
        except _REFUSALS:
            return None
        return follow_up if _are_clean(_texts(values)) else None


def attach_utc(moment: datetime) -> datetime:
    """Return a moment in UTC that has no zone with it; `replace` takes four times as long."""
    return datetime.combine(moment, moment.time(), UTC)


def _arranging(names: Sequence[str]) -> Callable[[Sequence[Any]], list[Any]]:
    """Return what puts a row's values in the order of `COLUMNS`."""
    if tuple(names) == COLUMNS:
        return list
    places = {name: place for place, name in enumerate(names)}
    if places.keys() >= set(COLUMNS):
        pick = itemgetter(*(places[name] for name in COLUMNS))
        return lambda row: [*pick(row)]
    # A column that the query lacks is the None that is put behind each row.
    pick = itemgetter(*(places.get(name, len(names)) for name in COLUMNS))
    return lambda row: list(pick((*row, None)))


def _are_clean(texts: Iterable[str | None]) -> bool:
    for text in texts:  # `all` takes twice as long
        if text is not None and ((not text.isprintable() and not is_storable(text)) or text.strip() != text):
            return False
    return True


def _id(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _moment(value: Any) -> datetime:
    if type(value) is not datetime:  # msgspec would read texts, by rules of its own
        raise TypeError
    return in_utc(value)


def _mended(mend: Mend | None, default: Any) -> Any:
    """Return a feed's default as a row's own value is mended; what no check takes where that fails."""
    try:
        return mend(default) if mend and default is not None else default
    except _REFUSALS:
        return ...


_MENDS: Mapping[str, Mend] = {
    "followup_id": _id,
    "due_at": _moment,
    "owner_email": email_address,
    "end_at": _moment,
    "custom_fields": custom_fields,
}
