"""Nothing is lost, cut or changed between a follow-up and LeadSquared's form of it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsquared.wire import creates
from leadsquared.wire.values import to_moment

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
subjects = texts.filter(lambda text: text.strip() != "")
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1900, 1, 2), datetime(9998, 12, 30), timezones=zones | st.timezones())  # noqa: DTZ001
codes = st.from_regex(r"[0-9A-Za-z-]{6,20}", fullmatch=True)
DUE = datetime(2031, 4, 5, 6, tzinfo=UTC)


def build(**fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "task_type": "Visit",
        "subject": "Site visit",
        "due_at": DUE,
        "owner_email": "ava@example.com",
    }
    return creates.build_payload(**given | fields)


@given(moment=moments)
def test_a_date_is_the_same_moment_in_utc_without_its_fraction(moment: datetime) -> None:
    text = creates.format_utc(moment)
    assert len(text) == 19
    assert to_moment(text) == moment.astimezone(UTC).replace(microsecond=0)


@given(moment=st.datetimes())
def test_a_date_without_a_zone_is_refused_by_name(moment: datetime) -> None:
    with pytest.raises(creates.PayloadError, match="due_at"):
        build(due_at=moment)


@given(subject=subjects, description=texts, location=texts, value=texts)
def test_text_arrives_unharmed(subject: str, description: str, location: str, value: str) -> None:
    payload = build(subject=subject, description=description, location=location, custom_fields={"mx_Custom_1": value})
    (arrived,) = json.loads(creates.bulk_body([creates.encode_payload(payload)]))["TaskList"]
    assert arrived["Name"] == subject
    assert arrived["Description"] == description
    assert arrived.get("Location", "") == location
    assert arrived["CustomFields"] == {"mx_Custom_1": value}


@given(
    related=st.sampled_from([(None, None), ("lead", "id-1"), ("opportunity", "id-2")]),
    notify=st.booleans(),
    length=st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
)
def test_defaults_are_always_sent(
    related: tuple[str | None, str | None], notify: bool, length: timedelta | None
) -> None:
    payload = build(
        related_to=related[0],
        related_id=related[1],
        notify_owner=notify,
        end_at=None if length is None else DUE + length,
    )
    assert payload["RelatedEntity"] == {None: 0, "lead": 1, "opportunity": 5}[related[0]]
    assert payload["RelatedEntityId"] == (related[1] or "")
    assert payload["NotifyBy"] == ("1100" if notify else "1000")
    assert payload["DueDate"] == "2031-04-05 06:00:00"
    assert payload["EndDate"] == creates.format_utc(DUE + (length or timedelta(0)))


@given(description=texts, code=codes)
def test_a_marker_is_found_again_and_the_text_before_it_is_whole(description: str, code: str) -> None:
    marked = build(description=description, marker=code)["Description"]
    assert creates.find_marker(marked) == code
    assert marked == (f"{description} [ref:{code}]" if description else f"[ref:{code}]")


@given(description=texts, code=codes, quoted=codes)
def test_a_marker_is_placed_once_however_often_and_wins_over_quoted_ones(
    description: str, code: str, quoted: str
) -> None:
    once = build(description=f"{description} [ref:{quoted}]", marker=code)["Description"]
    assert creates.find_marker(once) == code
    assert build(description=once, marker=code)["Description"] == once


@given(count=st.integers(1, 50), as_text=st.booleans())
def test_a_call_holds_its_payloads_in_their_order(count: int, as_text: bool) -> None:
    payloads = [build(subject=f"visit {number}") for number in range(count)]
    items = [creates.encode_payload(payload) for payload in payloads] if as_text else payloads
    assert json.loads(creates.bulk_body(items)) == {"TaskList": payloads}


@given(count=st.integers(51, 500) | st.just(0))
def test_a_call_never_holds_none_or_more_than_fifty(count: int) -> None:
    with pytest.raises(creates.PayloadError, match="1 to 50"):
        creates.bulk_body(["{}"] * count)


@given(
    before=texts,
    after=texts,
    bad=st.characters(categories=["Cs"]) | st.just("\0"),
    field=st.sampled_from(["Name", "Description", "Location", "mx_Custom_1"]),
)
def test_text_that_cannot_arrive_is_refused_by_its_fields_name(before: str, after: str, bad: str, field: str) -> None:
    text = f"x{before}{bad}{after}"
    payload = build(custom_fields={field: text}) if field == "mx_Custom_1" else build() | {field: text}
    with pytest.raises(creates.PayloadError) as refused:
        creates.encode_payload(payload)
    assert refused.value.field == field
    assert text not in str(refused.value)


@given(
    values=st.dictionaries(
        st.from_regex(r"mx_Custom_[0-9]{1,3}", fullmatch=True),
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts,
        max_size=5,
    )
)
def test_custom_fields_arrive_as_they_are(values: dict[str, Any]) -> None:
    arrived = json.loads(creates.encode_payload(build(custom_fields=values)))
    assert arrived.get("CustomFields", {}) == values


@given(day=st.dates(date(1900, 1, 1)), moment=moments)
def test_dates_in_custom_fields_take_the_wire_form(day: date, moment: datetime) -> None:
    payload = build(custom_fields={"mx_Custom_1": day, "mx_Custom_2": moment})
    assert payload["CustomFields"] == {"mx_Custom_1": day.isoformat(), "mx_Custom_2": creates.format_utc(moment)}
