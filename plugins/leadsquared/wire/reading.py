"""Read LeadSquared's objects tolerantly: any casing, numbers as text, three forms of dates, lists that may be missing.

No reader raises: what is missing or cannot be read is None, as every field is optional in some reply.
"""

from __future__ import annotations

from typing import Any, Final

from leadsquared.wire.records import (
    Account,
    Column,
    CrmTask,
    DaySlots,
    Lead,
    Opportunity,
    Page,
    Slot,
    TaskType,
    User,
)
from leadsquared.wire.values import Item, flatten, host_of, texts_of, to_list, to_text

_LIST_KEYS: Final = ("List", "TaskList", "Leads", "Users", "Tasks", "Opportunities")
_NO_USER: Final = {"1", "inactive", "false"}


def read_page(data: Any) -> Page:
    """Return a look-up's items, whether they come as a bare array or as `{RecordCount, List | TaskList | Leads}`.

    Beside a RecordCount the list may be left out when nothing matches; see `is_page` for what is none.
    """
    if isinstance(data, list):
        return Page(None, _objects(data))
    item = Item(data)
    listed = item.get(*_LIST_KEYS)
    if listed is None:
        listed = next((value for value in item.data.values() if isinstance(value, list)), [])
    count = item.number("RecordCount")
    return Page(Item(item.get("SearchInfo")).number("RecordCount") if count is None else count, _objects(listed))


def is_page(data: Any) -> bool:
    """Tell whether a reply is a page: an array of objects, or an object with RecordCount or such an array."""
    if isinstance(data, list):
        return len(_objects(data)) == len(data)
    page = read_page(data)
    return page.record_count is not None or bool(page.items) or isinstance(Item(data).get(*_LIST_KEYS), list)


def is_whole(data: Any) -> bool:
    """Tell whether a reply is a page that holds all that it announces."""
    page = read_page(data)
    return is_page(data) and len(page.items) >= (page.record_count or 0)


def is_one(data: Any) -> bool:
    """Tell whether a reply is one object, or an empty array for none."""
    return data == [] or read_one(data) is not None


def is_one_task(data: Any) -> bool:
    """Tell whether a reply is one CRM task, or an empty array for none."""
    return data == [] or read_crm_task(read_one(data)).id is not None


def read_one(data: Any) -> dict[str, Any] | None:
    """Return the object of a reply that may be an array of one, an empty array, or the object itself."""
    if isinstance(data, dict):
        return data or None
    return next((entry for entry in to_list(data) if isinstance(entry, dict)), None)


def read_crm_task(data: Any) -> CrmTask:
    """Return the CRM task in an item of `/retrieve-tasks/`, `/retrieve-tasks-by-leadid/` and their relatives."""
    item = Item(data)
    kind = item.get("TaskType")
    task_type = Item(kind)
    return CrmTask(
        id=item.identity("UserTaskId", "TaskID", "Id"),
        name=item.text("Name"),
        description=item.text("Description"),
        category=item.number("Category"),
        due_at=item.moment("DueDate"),
        end_at=item.moment("EndDate"),
        owner_id=item.identity("OwnerId"),
        owner_email=item.identity("OwnerEmailAddress"),
        owner_name=item.text("OwnerName"),
        related_entity=item.number("RelatedEntity"),
        related_id=item.identity("RelatedEntityId"),
        status_code=item.number("StatusCode", "Status"),
        status_text=_read_word(item.get("Status")),
        created_at=item.moment("CreatedOn"),
        created_by=item.identity("CreatedBy"),
        modified_at=item.moment("ModifiedOn"),
        modified_by=item.identity("ModifiedBy"),
        completed_at=item.moment("CompletedOn"),
        task_type=task_type.text("Name", "TaskName", "TaskTypeName") or to_text(kind) or item.text("TaskTypeName"),
        task_type_id=task_type.identity("Id", "TaskTypeId") or item.identity("TaskTypeId"),
        location=item.text("Location"),
        reminder_minutes=item.number("Reminder"),
        reminder_before_days=item.number("ReminderBeforeDays"),
        reminder_time=item.identity("ReminderTime"),
        notify_by=item.text("NotifyBy"),
        custom_fields=_custom_fields(item.get("CustomFields")),
    )


def read_user(data: Any) -> User:
    """Return the user in an item of `/get-users` or `/get-user-by-id/`; the latter knows active users only."""
    item = Item(data)
    name = " ".join(part for part in (item.text("FirstName"), item.text("LastName")) if part)
    return User(
        id=item.identity("ID", "UserId"),
        email=item.identity("EmailAddress", "Email"),
        name=name or item.text("Name", "UserName"),
        role=item.text("Role"),
        active=str(item.get("StatusCode", "Status")).strip().casefold() not in _NO_USER,
        time_zone=item.text("TimeZone"),
    )


def read_task_type(data: Any) -> TaskType:
    """Return the task type in an item of `/get-list-of-task-types-2/`, with the rules of its fields."""
    item = Item(data)
    columns = (_read_column(Item(entry)) for entry in item.items("ColumnConfiguration"))
    return TaskType(
        id=item.identity("Id", "TaskTypeId"),
        name=item.text("Name", "TaskName", "TaskTypeName"),
        category=item.number("Category"),
        columns=tuple(column for column in columns if column.schema_name),
    )


def read_account(data: Any) -> Account:
    """Return the account in a reply of `/user-authentication/`; how its list of hosts is keyed is not documented."""
    item = Item(read_one(data))
    return Account(
        organisation=item.text("OrgDisplayName"),
        organisation_code=item.identity("OrgShortCode", "OrgId"),
        user_id=item.identity("Id", "UserId"),
        user_name=item.text("Name"),
        role=item.text("Role"),
        time_zone=item.identity("TimeZone"),
        api_host=_find_host(item.get("LSQCommonServiceURLs"), "api"),
        app_host=_find_host(item.get("LSQCommonServiceURLs"), "app"),
    )


def read_lead(data: Any) -> Lead:
    """Return the lead in a flat object or in a list of attributes and values."""
    item = Item(data)
    pairs = item.get("LeadPropertyList", "Attributes")
    fields = dict(item.data) if pairs is None else flatten(pairs, "Attribute", "SchemaName")
    return Lead(id=Item(fields).identity("ProspectID", "LeadId", "Id"), fields=fields)


def read_opportunity(data: Any) -> Opportunity:
    """Return the opportunity in a flat object or in one with a list of fields."""
    item = Item(data)
    fields = {name: value for name, value in item.data.items() if not isinstance(value, list | dict)}
    fields.update(flatten(item.get("Fields"), "SchemaName", "Attribute"))
    return Opportunity(
        id=item.identity("OpportunityId", "ProspectOpportunityId", "ProspectActivityId", "Id"),
        lead_id=item.identity("RelatedProspectId", "ProspectId", "LeadId"),
        fields=fields,
    )


def read_opportunities(data: Any) -> list[Opportunity]:
    """Return the opportunities in a list of types, each with its own list (`/get-opportunities-in-bulk-by-ids/`)."""
    found: list[dict[str, Any]] = []
    for entry in read_page(data).items:
        of_type = any(name.casefold() == "opportunities" for name in entry)
        found += Item(entry).items("Opportunities") if of_type else [entry]
    return [read_opportunity(entry) for entry in found]


def count_opportunities(data: Any) -> int:
    """Return how many opportunities a list of types announces, or a plain list; 0 where neither does."""
    page = read_page(data)
    return max(page.record_count or 0, sum(Item(entry).number("RecordCount") or 0 for entry in page.items))


def read_day_slots(data: Any) -> list[DaySlots]:
    """Return the users' slots of one day (`/get-available-slots-of-users-by-user-email-address/`)."""
    day = Item(data)
    moment = day.moment("Date")
    return [
        DaySlots(
            day=moment.date() if moment else None,
            user_id=user.identity("UserId", "ID"),
            user_email=user.identity("EmailAddress"),
            time_zone=user.identity("UserTimeZone", "TimeZone"),
            free=_read_slots(user, "AvailableSlots"),
            busy=_read_slots(user, "BusySlots"),
            breaks=_read_slots(user, "BreakTimings", "BreakSlots", "Breaks"),
            reason=user.identity("NoSlotsReason"),
        )
        for user in map(Item, day.items("UserSlots"))
    ]


def _read_slots(user: Item, *names: str) -> tuple[Slot, ...]:
    slots = ((slot.text("StartTime", "Start"), slot.text("EndTime", "End")) for slot in map(Item, user.items(*names)))
    return tuple(Slot(start=start, end=end) for start, end in slots if start and end)


def _objects(listed: Any) -> tuple[dict[str, Any], ...]:
    return tuple(entry for entry in to_list(listed) if isinstance(entry, dict))


def _read_word(value: Any) -> str | None:
    return value if isinstance(value, str) and not value.strip().isdigit() else None


def _custom_fields(value: Any) -> dict[str, Any]:
    return dict(texts_of(value)) or flatten(value, "SchemaName", "Attribute", "Name")


def _read_column(item: Item) -> Column:
    schema_name = item.text("SchemaName", "InternalSchemaName") or ""
    return Column(
        schema_name=schema_name,
        display_name=item.text("DisplayName") or schema_name,
        mandatory=item.flag("Mandatory", "IsMandatory") or False,
        data_type=item.number("DataType"),
        options=_read_options(item.get("Options")),
    )


def _read_options(value: Any) -> tuple[str, ...]:
    options = to_list(value) or (value.split(",") if isinstance(value, str) else [])
    texts = (Item(option).text("Value", "Name", "Text", "DisplayName") or to_text(option) for option in options)
    return tuple(text.strip() for text in texts if text and text.strip())


def _find_host(urls: Any, word: str) -> str | None:
    """Return the host whose key is `word`, else the first one whose key or name begins with it."""
    hosts = {str(key).casefold(): host for key, url in texts_of(urls).items() if (host := host_of(url))}
    if word in hosts:
        return hosts[word]
    return next((host for key, host in hosts.items() if key.startswith(word) or host.startswith(word)), None)
