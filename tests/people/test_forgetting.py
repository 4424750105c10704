"""Whoever asks to be forgotten is forgotten by every stage."""

from __future__ import annotations

from sqlalchemy.orm import Session

from grants.proposals.rules.states import ProposalState
from tests.builders.issues import an_issue
from tests.builders.people import a_person
from tests.builders.proposals import a_proposal
from tests.conftest import SignIn


def test_addresses_left_with_issues_and_proposals_go_too(app_session: Session, as_: SignIn) -> None:
    person = a_person(app_session, email="rose@example.org")
    raised = an_issue(app_session, raised_by_id=person.id, contact_email="other@example.org")
    named = an_issue(app_session, contact_email="rose@example.org")
    strangers = an_issue(app_session, contact_email="len@example.org")
    bid = a_proposal(
        app_session, state=ProposalState.DRAFT, contact_name="Rose", contact_email="Rose@example.org", contact_phone="1"
    )
    answer = as_(person).post("/you/forget", data={"sure": "y"})
    assert answer.status_code == 302
    app_session.expire_all()
    assert (raised.contact_email, named.contact_email) == (None, None)
    assert strangers.contact_email == "len@example.org"
    assert (bid.contact_name, bid.contact_email, bid.contact_phone) == (None, None, None)
    assert person.email is None
