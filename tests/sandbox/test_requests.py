"""What every request must satisfy: keys, path, content type, JSON."""

from __future__ import annotations

import pytest
import requests

from sandbox.testing import RunningSandbox
from tests.sandbox.conftest import KEYS, Api, assert_refused, row

TYPES = "Task.svc/RetrieveTaskType"


def test_keys_in_the_query_are_accepted(sandbox: RunningSandbox) -> None:
    keys = {"accessKey": "demo-access-key", "secretKey": "demo-secret-key"}
    assert requests.get(f"{sandbox.url}/v2/{TYPES}", params=keys, timeout=5).status_code == 200
    sandbox.set(auth_mode="headers")
    assert requests.get(f"{sandbox.url}/v2/{TYPES}", params=keys, timeout=5).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"x-LSQ-AccessKey": "demo-access-key"}, {**KEYS, "x-LSQ-SecretKey": "no"}])
def test_missing_or_wrong_keys_are_401_with_the_envelope(sandbox: RunningSandbox, headers: dict[str, str]) -> None:
    reply = requests.get(f"{sandbox.url}/v2/{TYPES}", headers=headers, timeout=5)
    assert_refused(reply, 401, "MXInvalidAccessDetailsException")
    assert sandbox.audit()["calls"]["by_outcome"] == {"unauthorised": 1}


def test_headers_win_over_the_query(sandbox: RunningSandbox) -> None:
    wrong = {"accessKey": "x", "secretKey": "y"}
    assert requests.get(f"{sandbox.url}/v2/{TYPES}", headers=KEYS, params=wrong, timeout=5).status_code == 200


def test_the_wrong_region_names_the_right_host_and_still_says_who_calls(api: Api) -> None:
    api.sandbox.set(auth_mode="wrong_region")
    assert_refused(api.get(TYPES), 401, "MXUnAuthorizedAccessException", "api-in21.leadsquared.com")
    who = api.get("Authentication.svc/UserByAccessKey.Get").json()
    assert (who["OrgDisplayName"], who["TimeZone"]) == ("Example Org", "Asia/Kolkata")
    assert who["LSQCommonServiceURLs"]["api"] == "https://api-in21.leadsquared.com"


def test_an_inactive_user_has_no_access_at_all(api: Api) -> None:
    api.sandbox.set(auth_mode="inactive_user")
    assert api.get("Authentication.svc/UserByAccessKey.Get").status_code == 401


@pytest.mark.parametrize("path", ["Task.svc/Nothing", "Task.svc/create", "Nothing.svc/Create"])
def test_an_unknown_operation_is_404_with_the_envelope(api: Api, path: str) -> None:
    assert_refused(api.post(path, {}), 404, "MXInvalidInputException")


def test_a_wrong_method_is_404(api: Api) -> None:
    assert api.get("Task.svc/Create").status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"Name": NaN}', b'{"Name": "\\ud800"}', b"[" * 100_000]
)
def test_a_body_that_is_no_json_object_is_400(api: Api, body: bytes) -> None:
    reply = api.session.post(
        f"{api.sandbox.url}/v2/Task.svc/Create", data=body, headers={"Content-Type": "application/json"}, timeout=5
    )
    assert_refused(reply, 400, "MXInvalidInputException", "malformed")


def test_another_content_type_is_400(api: Api) -> None:
    reply = api.session.post(f"{api.sandbox.url}/v2/Task.svc/Create", data=b"{}", timeout=5)
    assert_refused(reply, 400, "MXInvalidInputException", "Content-Type")


@pytest.mark.parametrize(
    "wrong",
    [
        {"Name": 5},
        {"RelatedEntity": "one"},
        {"RelatedEntity": True},
        {"TaskType": "Meeting"},
        {"CustomFields": []},
        {"Reminder": 1.5},
    ],
)
def test_a_value_of_the_wrong_json_type_is_400(api: Api, wrong: dict[str, object]) -> None:
    for reply in (api.post("Task.svc/Create", row(**wrong)), api.create_in_bulk(row(), row(**wrong))):
        assert_refused(reply, 400, "MXInvalidInputException", next(iter(wrong)))
    assert api.sandbox.audit()["tasks"]["created"] == 0


@pytest.mark.parametrize("status", [400, 200])
def test_the_status_of_refusals_is_a_switch(api: Api, status: int) -> None:
    api.sandbox.set(validation_status=status)
    assert_refused(api.post("Task.svc/Create", row(Name="")), status, "MXMandatoryAttributeMissingException")


def test_the_words_of_refusals_are_a_switch(api: Api) -> None:
    api.sandbox.set(errors={"task_type": {"type": "MXOddException", "message": "No type: {field}"}})
    reply = api.post("Task.svc/Create", row(TaskType={"Name": "Gone"}))
    assert_refused(reply, 500, "MXOddException", "No type: TaskType")


def test_key_case_matters_only_when_switched_on(api: Api) -> None:
    loose = row(ownerEmailAddress="ananya.iyer@example.com", OwnerEmailAddress=...)
    assert api.post("Task.svc/Create", loose).status_code == 200
    api.sandbox.set(key_case="exact")
    assert_refused(api.post("Task.svc/Create", loose), 500, "MXInvalidInputException", "OwnerEmailAddress")
