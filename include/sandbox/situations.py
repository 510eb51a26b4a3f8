"""Why the service refuses a request or a row, and the words in which it does so.

The vendor names hardly any exception of task operations; the texts here are plausible inventions and every one of them
can be replaced by the switch `errors`. Clients must not branch on them.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Situation(StrEnum):
    """What is wrong with a request or with one of its rows."""

    OWNER = "owner"
    LEAD = "lead"
    OPPORTUNITY = "opportunity"
    MALFORMED_OPPORTUNITY = "malformed_opportunity"
    TASK_TYPE = "task_type"
    TASK = "task"
    MANDATORY = "mandatory"
    DATE = "date"
    INPUT = "input"
    TOO_LONG = "too_long"
    HTML = "html"
    PAGE_SIZE = "page_size"
    NO_PARAMETER = "no_parameter"
    UNAUTHORISED = "unauthorised"
    WRONG_REGION = "wrong_region"
    RATE = "rate"
    DAILY_RATE = "daily_rate"
    MALFORMED = "malformed"
    UNKNOWN_OPERATION = "unknown_operation"
    POISON = "poison"


class ErrorText(BaseModel):
    """An exception's type and its message, in which `{field}`, `{value}` and `{limit}` are filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    message: str


DEFAULT_TEXTS: dict[Situation, ErrorText] = {
    Situation.OWNER: ErrorText(type="MXInvalidInputException", message="Invalid Input! Parameter Name: {field}"),
    Situation.LEAD: ErrorText(type="MXInvalidEntityException", message="Lead does not exist in the system"),
    Situation.OPPORTUNITY: ErrorText(
        type="MXInvalidEntityException", message="The Opportunity Id '{value}' does not exist in the system"
    ),
    Situation.MALFORMED_OPPORTUNITY: ErrorText(type="MXInvalidEntityException", message="Not a valid Opportunity Id"),
    Situation.TASK_TYPE: ErrorText(type="MXInvalidInputException", message="Invalid Input! Parameter Name: TaskType"),
    Situation.TASK: ErrorText(type="MXInvalidEntityException", message="Task does not exist in the system"),
    Situation.MANDATORY: ErrorText(type="MXMandatoryAttributeMissingException", message="'{field}' is mandatory"),
    Situation.DATE: ErrorText(type="MXInvalidInputException", message="{field} value is not correct."),
    Situation.INPUT: ErrorText(type="MXInvalidInputException", message="Invalid Input! Parameter Name: {field}"),
    Situation.TOO_LONG: ErrorText(
        type="MXInvalidInputException", message="{field} can not be more than {limit} characters"
    ),
    Situation.HTML: ErrorText(type="MXXSSException", message="Potentially dangerous value in {field}"),
    Situation.PAGE_SIZE: ErrorText(type="MXInvalidInputException", message="PageSize can not be more than {limit}"),
    Situation.NO_PARAMETER: ErrorText(type="MXInvalidInputException", message="You have not passed Parameter."),
    Situation.UNAUTHORISED: ErrorText(type="MXInvalidAccessDetailsException", message="Invalid access details"),
    Situation.WRONG_REGION: ErrorText(
        type="MXUnAuthorizedAccessException", message="Wrong host for this account. Use {value} instead"
    ),
    Situation.RATE: ErrorText(
        type="MXAPIRateLimitExceededException", message="API calls exceeded the limit of {limit} in {value} second(s)"
    ),
    Situation.DAILY_RATE: ErrorText(
        type="MXAPIRateLimitExceededException", message="API calls exceeded the daily limit of {limit}"
    ),
    Situation.MALFORMED: ErrorText(
        type="MXInvalidInputException", message="The request body contains malformed or unexpected JSON. {value}"
    ),
    Situation.UNKNOWN_OPERATION: ErrorText(type="MXInvalidInputException", message="No such operation"),
    Situation.POISON: ErrorText(type="MXInvalidInputException", message="Invalid Input! Parameter Name: {field}"),
}
