"""Who and what the account has: its users and task types, its leads and opportunities."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from leadsquared import errors
from leadsquared.hook import LeadSquaredHook
from leadsquared.wire import operations
from leadsquared.wire.criteria import AllOf, AnyOf, Condition
from leadsquared.wire.encoding import PayloadError
from sandbox.testing import RunningSandbox
from tests.contract.conftest import MakeHook
from tests.contract.hook_kit import (
    DIRECTORY,
    INACTIVE,
    LEAD,
    LEADS_FROM,
    OPPORTUNITY,
    OPPORTUNITY_TYPE,
    OWNER,
    UNKNOWN_ID,
    calls_of,
)

NOW = datetime(2031, 1, 1, tzinfo=UTC)


def test_the_account_names_its_user_and_the_host_of_its_region(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    sandbox.set(api_host="https://api-us11.leadsquared.com")
    account = hook.get_account()
    assert (account.api_host, account.app_host) == ("api-us11.leadsquared.com", "us11.leadsquared.com")
    assert (account.organisation, account.organisation_code) == ("Example Org", "90001")
    assert (account.user_id, account.user_name) == (DIRECTORY.users[0].id, DIRECTORY.users[0].name)
    assert (account.role, account.time_zone) == ("Administrator", "Asia/Kolkata")


def test_in_the_wrong_region_the_keys_prove_themselves_and_nothing_else_works(
    hook: LeadSquaredHook, sandbox: RunningSandbox
) -> None:
    sandbox.set(auth_mode="wrong_region")
    assert hook.get_account().api_host == "api-in21.leadsquared.com"
    works, told = hook.test_connection()
    assert not works
    assert "api-in21.leadsquared.com" in told


def test_the_connection_test_makes_two_calls(
    hook: LeadSquaredHook, make_hook: MakeHook, sandbox: RunningSandbox
) -> None:
    assert hook.test_connection() == (
        True,
        f"Connected to Example Org (90001) as {DIRECTORY.users[0].name}, Administrator, Asia/Kolkata; 9 task types.",
    )
    assert sandbox.audit()["calls"]["total"] == 2
    assert make_hook(password="another-key").test_connection()[0] is False


def test_task_types_carry_the_rules_of_their_fields(hook: LeadSquaredHook) -> None:
    types = {item.name: item for item in hook.get_task_types()}
    assert [(item.name, item.category) for item in DIRECTORY.task_types] == [
        (name, item.category) for name, item in types.items()
    ]
    assert "RelatedEntityId" in types["Site Visit"].mandatory_fields
    assert "RelatedEntityId" not in types["Meeting"].mandatory_fields
    assert "mx_Custom_1" in types["KYC Verification"].mandatory_fields
    (product,) = (column for column in types["Loan Counselling"].columns if column.schema_name == "mx_Custom_1")
    assert (product.display_name, product.options[0]) == ("Loan Product", "Home Loan")


def test_all_users_are_known_with_their_state(hook: LeadSquaredHook) -> None:
    users = {user.id: user for user in hook.get_users()}
    assert [user.id for user in DIRECTORY.users] == list(users)
    assert {user.id for user in DIRECTORY.users if not user.active} == {
        i for i, user in users.items() if not user.active
    }
    found = users[OWNER.id]
    assert (found.email, found.name, found.role) == (OWNER.email, OWNER.name, OWNER.role)


def test_one_user_is_found_while_active(hook: LeadSquaredHook) -> None:
    by_id, by_email = hook.get_user(OWNER.id), hook.get_user_by_email(OWNER.email)
    assert by_id is not None
    assert by_id == by_email
    assert (by_id.email, by_id.active, by_id.time_zone) == (OWNER.email, True, "Asia/Kolkata")
    assert [hook.get_user(INACTIVE.id), hook.get_user(UNKNOWN_ID)] == [None, None]
    assert [hook.get_user_by_email(INACTIVE.email), hook.get_user_by_email("nobody@example.com")] == [None, None]


@pytest.mark.parametrize(
    ("criteria", "finds"),
    [
        (AllOf(Condition("EmailAddress", "eq", OWNER.email)), 1),
        (AllOf(Condition("EmailAddress", "lik_e", "@example.com")), 43),
        (AllOf(Condition("StatusCode", "eq", "1")), 3),
        (AllOf(Condition("EmailAddress", "n")), 0),
        (AllOf(Condition("EmailAddress", "nn"), Condition("Role", "nlik", "Sales")), 1),
        (AllOf(AnyOf(Condition("FirstName", "eq", "Zoya"), Condition("FirstName", "lik_s", "Varu"))), 2),
        (AllOf(AnyOf(Condition("FirstName", "eq", "Zoya"), Condition("Role", "neq", "Sales_User"))), 5),
        (
            AllOf(
                Condition("StatusCode", "eq", "0"),
                AnyOf(Condition("FirstName", "eq", "Zoya"), Condition("FirstName", "eq", "Varun")),
                AnyOf(Condition("LastName", "eq", "Khan"), Condition("LastName", "eq", "Nobody")),
            ),
            1,
        ),
    ],
)
def test_users_are_found_by_criteria(
    hook: LeadSquaredHook, sandbox: RunningSandbox, criteria: AllOf, finds: int
) -> None:
    found = list(hook.iter_users(criteria))
    assert len(found) == len({user.id for user in found}) == finds
    sandbox.set(max_page_size=2)
    assert list(hook.iter_users(criteria)) == found
    known = {user.id: user for user in hook.get_users()}
    assert all(known[user.id].active == user.active for user in found)


@pytest.mark.parametrize(
    "criteria", [AllOf(), AllOf(AnyOf()), AllOf(Condition("Role")), AllOf(Condition("Role", "n", "x"))]
)
def test_criteria_without_meaning_cost_no_call(hook: LeadSquaredHook, sandbox: RunningSandbox, criteria: AllOf) -> None:
    with pytest.raises(PayloadError):
        list(hook.iter_users(criteria))
    assert sandbox.calls() == []


def test_a_lead_is_found_by_id_address_and_number(hook: LeadSquaredHook) -> None:
    found = [hook.get_lead(LEAD.id), hook.get_lead_by_email(LEAD.email), hook.get_lead_by_phone(LEAD.phone)]
    assert [lead.id if lead else None for lead in found] == [LEAD.id] * 3
    assert found[0] is not None
    assert (found[0].fields["FirstName"], found[0].fields["mx_City"]) == (LEAD.first_name, LEAD.city)
    nobody = [hook.get_lead(UNKNOWN_ID), hook.get_lead_by_email("no@example.com"), hook.get_lead_by_phone("0" * 10)]
    assert nobody == [None] * 3


@pytest.mark.parametrize("shape", ["properties", "flat"])
def test_leads_are_found_by_their_ids_whatever_their_shape(
    hook: LeadSquaredHook, sandbox: RunningSandbox, shape: str
) -> None:
    sandbox.set(lead_shape=shape, max_page_size=150)
    wanted = [lead.id for lead in DIRECTORY.leads]
    found = list(hook.get_leads_by_ids([UNKNOWN_ID, *wanted, *wanted], columns=["FirstName"]))
    assert [lead.id for lead in found] == wanted
    assert found[0].fields == {"ProspectID": wanted[0], "FirstName": DIRECTORY.leads[0].first_name}
    assert calls_of(sandbox, operations.LEADS_BY_IDS) == 3
    assert list(hook.get_leads_by_ids([UNKNOWN_ID])) == list(hook.get_leads_by_ids([])) == []


def test_leads_are_found_by_one_condition_over_cut_pages(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    everyone = list(hook.iter_leads_where("EmailAddress", "LIKE", "%@example.com", columns=["mx_City"]))
    assert len({lead.id for lead in everyone}) == len(DIRECTORY.leads)
    assert everyone[0].fields == {"ProspectID": DIRECTORY.leads[0].id, "mx_City": DIRECTORY.leads[0].city}
    sandbox.set(max_page_size=150)
    assert [lead.id for lead in hook.iter_leads_where("EmailAddress", "LIKE", "%@example.com")] == [
        lead.id for lead in everyone
    ]
    since = datetime.fromtimestamp(DIRECTORY.leads[-2].modified, UTC)
    assert len(list(hook.iter_leads_where("CreatedOn", ">=", since))) == 2
    assert list(hook.iter_leads_where("FirstName", "=", "Nobody")) == []


@pytest.mark.parametrize("shape", ["properties", "flat"])
def test_leads_are_found_by_when_they_were_modified(hook: LeadSquaredHook, sandbox: RunningSandbox, shape: str) -> None:
    sandbox.set(lead_shape=shape, max_page_size=150)
    found = list(hook.iter_leads_modified(LEADS_FROM, NOW))
    assert {lead.id for lead in found} == {lead.id for lead in DIRECTORY.leads}
    moment = datetime.fromtimestamp(LEAD.modified, UTC)
    assert [lead.id for lead in hook.iter_leads_modified(moment, moment)] == [LEAD.id]
    with pytest.raises(errors.RequestRejected, match="FromDate"):
        list(hook.iter_leads_modified(NOW, LEADS_FROM))


def test_opportunities_are_found_by_lead_and_by_id(hook: LeadSquaredHook) -> None:
    (found,) = hook.iter_opportunities_of_lead(OPPORTUNITY.lead_id)
    assert (found.id, found.lead_id) == (OPPORTUNITY.id, OPPORTUNITY.lead_id)
    assert list(hook.iter_opportunities_of_lead(OPPORTUNITY.lead_id, opportunity_type=OPPORTUNITY_TYPE)) == [found]
    assert list(hook.iter_opportunities_of_lead(OPPORTUNITY.lead_id, opportunity_type="12001")) == []
    assert list(hook.iter_opportunities_of_lead(UNKNOWN_ID)) == []
    one = hook.get_opportunity(OPPORTUNITY.id)
    assert one is not None
    assert (one.id, one.fields["Status"]) == (OPPORTUNITY.id, "Open")
    with pytest.raises(errors.RequestRejected, match="does not exist"):
        hook.get_opportunity(UNKNOWN_ID)


def test_opportunities_are_found_by_their_ids(hook: LeadSquaredHook, sandbox: RunningSandbox) -> None:
    wanted = [item.id for item in DIRECTORY.opportunities]
    strangers = [f"00000000-0000-4000-8000-{number:012x}" for number in range(2000)]
    found = hook.get_opportunities_by_ids([*wanted, *strangers], opportunity_type=OPPORTUNITY_TYPE)
    assert [item.id for item in found] == wanted
    assert calls_of(sandbox, operations.OPPORTUNITIES_BY_IDS) == 2
    assert list(hook.get_opportunities_by_ids(wanted[:1], opportunity_type="12001")) == []
    assert list(hook.get_opportunities_by_ids([], opportunity_type=OPPORTUNITY_TYPE)) == []
    with pytest.raises(errors.RequestRejected, match="Include_CSV"):
        list(hook.get_opportunities_by_ids(wanted[:1], opportunity_type=OPPORTUNITY_TYPE, columns=()))
