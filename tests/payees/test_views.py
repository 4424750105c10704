"""Bank details, checks, changes, holds and debts through the pages, each step as the person who does it."""

from __future__ import annotations

import re
from io import BytesIO

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from grants.adapters.memory_scanning import EICAR, MemoryScanner, NoScanner
from grants.awards.models import Award
from grants.awards.rules import FIRST_TEMPLATE, AgreementState, AwardState
from grants.disbursements.models import Repayment
from grants.disbursements.rules import DisbursementState
from grants.kernel.actors import Role
from grants.payees import queries
from grants.payees.models import GroupCheck
from grants.payees.rules.accounts import BankAccountState
from grants.payees.rules.checks import CheckKind, GroupCheckState
from tests.builders.awards import an_agreement, an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.payees import a_bank_account, a_check
from tests.builders.people import a_group, a_member, a_person
from tests.conftest import SignIn
from tests.home.test_files import PDF
from tests.support.statements import statements

GIVEN = {"account_name": "The Tea Table", "sort_code": "99-00-12", "account_number": "6637 4958"}


def upload(client: FlaskClient, path: str, **data: object) -> str:
    sent = {"paper": (BytesIO(PDF), "statement.pdf"), **data}
    return client.post(path, data=sent, content_type="multipart/form-data", follow_redirects=True).text


def test_an_account_is_given_confirmed_shown_checked_and_verified(as_: SignIn, app_session: Session) -> None:
    group = a_group(app_session)
    rose, ali = as_(a_member(app_session, group)), as_(a_member(app_session, group))
    officer = as_(Role.FINANCE_OFFICER)
    wrong = rose.post(f"/groups/{group.id}/bank/give", data={**GIVEN, "account_number": "66374959"})
    assert (wrong.status_code, "do not fit together" in wrong.text) == (422, True)
    given = rose.post(f"/groups/{group.id}/bank/give", data=GIVEN, follow_redirects=True).text
    assert "Now another member of your group confirms" in given
    assert ("4958" in given, "66374958" in given, "990012" in given) == (True, False, False)
    app_session.commit()
    account = queries.account(app_session, group.id)
    assert account is not None
    path, bank = f"/bank-accounts/{account.id}", f"/groups/{group.id}/bank"
    assert "Are these your group" not in rose.get(bank).text
    assert "You confirmed the bank details" in ali.post(f"{path}/confirm", follow_redirects=True).text
    assert "An officer looks at it next" in upload(rose, f"{path}/statement")
    assert "Check the name" in officer.get(bank).text
    assert officer.post(f"{path}/name", data={"answer": "close_match"}).status_code == 422
    officer.post(f"{path}/name", data={"answer": "match"})
    bad = officer.post(f"{path}/verify", data={"sort_code": "990012", "account_number": "66374950"})
    assert (bad.status_code, "66374950" in bad.text) == (422, True)
    done = officer.post(
        f"{path}/verify", data={"sort_code": "990012", "account_number": "66374958"}, follow_redirects=True
    )
    assert "Money can be paid to this account" in done.text
    assert "66374958" not in done.text
    answer = officer.get(f"{path}/statement")
    assert (answer.data, answer.headers["Content-Disposition"]) == (PDF, 'attachment; filename="statement.pdf"')


def test_strangers_see_nothing_of_an_account(as_: SignIn, app_session: Session) -> None:
    account = a_bank_account(app_session, a_group(app_session))
    stranger = as_(a_person(app_session))
    assert stranger.get(f"/groups/{account.group_id}/bank").status_code == 403
    assert stranger.get(f"/bank-accounts/{account.id}/statement").status_code == 404
    assert "Bank account" not in stranger.get(f"/groups/{account.group_id}").text


def test_digits_do_not_reach_the_log(app: Flask, as_: SignIn, app_session: Session, caplog: object) -> None:
    group = a_group(app_session)
    as_(a_member(app_session, group)).post(f"/groups/{group.id}/bank/give", data=GIVEN)
    written = " ".join(str(record.__dict__) for record in caplog.records)  # type: ignore[attr-defined]
    assert "payment_accounts.give" in written
    assert not re.search("6637|990012|Tea Table", written)


def test_a_check_is_given_by_the_group_and_judged_by_an_officer(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, state=AwardState.ACCEPTED)
    rose, sam = as_(a_member(app_session, award.group)), as_(Role.STEWARD)
    path = f"/awards/{award.id}/needs"
    assert "What we need from you" in rose.get(path).text
    assert "Checks before money can leave" in sam.get(path).text
    assert rose.post(f"{path}/constitution", data={}).status_code == 422
    assert "An officer looks at it next" in upload(rose, f"{path}/constitution", words="Signed in May.")
    app_session.commit()
    given = app_session.scalars(select(GroupCheck)).one()
    assert "Signed in May." in sam.get(f"{path}/constitution").text
    assert sam.get(f"/checks/{given.id}/paper").data == PDF
    judged = f"/awards/{award.id}/checks/{given.id}/judge"
    assert rose.post(judged, data={"outcome": "pass"}).status_code == 403
    assert sam.post(judged, data={"outcome": "fail"}).status_code == 422
    sam.post(judged, data={"outcome": "pass"})
    assert "This is in order" in rose.get(f"{path}/constitution").text
    assert rose.get(f"{path}/dancing").status_code == 404


def test_one_officer_asks_to_waive_and_another_agrees(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, state=AwardState.ACCEPTED)
    sam, stella = as_(a_person(app_session, Role.STEWARD)), as_(a_person(app_session, Role.STEWARD))
    path = f"/awards/{award.id}/needs/two_people"
    sam.post(f"{path}/waive", data={"reason": "One person and her dog."})
    app_session.commit()
    asked = app_session.scalars(select(GroupCheck)).one()
    answer = f"/awards/{award.id}/checks/{asked.id}/waiver"
    assert sam.post(answer, data={"answer": "yes"}).status_code == 403
    assert "One person and her dog." in stella.get(path).text
    stella.post(answer, data={"answer": "yes"})
    assert "This award goes on without it" in stella.get(path).text


def test_the_page_of_needs_asks_a_fixed_number_of_questions(app: Flask, as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, state=AwardState.ACCEPTED)
    sam = as_(Role.STEWARD)
    counts = []
    for many in (1, 6):
        for _ in range(many):
            a_check(app_session, award.group, CheckKind.SAFEGUARDING, state=GroupCheckState.GIVEN)
        app_session.commit()
        sam.get(f"/awards/{award.id}/needs")
        with statements(app) as asked:
            sam.get(f"/awards/{award.id}/needs")
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_an_agreement_is_kept_on_paper(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, state=AwardState.ACCEPTED)
    member = a_member(app_session, award.group)
    an_agreement(app_session, award, version=2, state=AgreementState.SENT, signers=[member])
    answer = as_(member).get(f"/awards/{award.id}/agreement.pdf")
    assert answer.status_code == 200
    assert answer.data.startswith((b"%PDF", b"<!DOCTYPE"))
    assert as_(a_person(app_session)).get(f"/awards/{award.id}/agreement.pdf").status_code == 403


def test_a_steward_adds_a_template_and_a_bad_one_keeps_its_words(as_: SignIn, app_session: Session) -> None:
    sam = as_(Role.STEWARD)
    bad = sam.post("/agreements/template", data={"body": "Only {fund}.", "note": "Short"})
    assert (bad.status_code, "Only {fund}." in bad.text, "is missing" in bad.text) == (422, True, True)
    good = sam.post(
        "/agreements/template",
        data={"body": FIRST_TEMPLATE + "\n\nThank you.", "note": "Thanks"},
        follow_redirects=True,
    )
    assert "Version 2 holds" in good.text


def test_a_change_goes_from_the_group_to_the_steward_and_back(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session)
    rose, sam = as_(a_member(app_session, award.group)), as_(Role.STEWARD)
    path = f"/awards/{award.id}/changes"
    assert rose.post(path, data={"kind": "plan", "wish": "", "reason": "x"}).status_code == 422
    rose.post(path, data={"kind": "plan", "wish": "Add cake.", "reason": "Hunger."})
    change = re.search(r"/changes/([0-9a-f-]{36})/answer", sam.get(path).text)
    assert change is not None
    assert sam.post(f"/changes/{change[1]}/answer", data={"action": "query"}).status_code == 422
    sam.post(f"/changes/{change[1]}/answer", data={"action": "query", "words": "Which cake?"})
    assert "Which cake?" in rose.get(path).text
    rose.post(f"/changes/{change[1]}/again", data={"kind": "plan", "wish": "Add plum cake.", "reason": "Hunger."})
    sam.post(f"/changes/{change[1]}/answer", data={"action": "approve"})
    assert "version 2 of the award" in sam.post(f"/changes/{change[1]}/apply", follow_redirects=True).text
    assert "Add plum cake." in rose.get(f"/awards/{award.id}").text


def test_a_condition_is_met_on_its_page(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session)
    award.instalments[0].condition = "You have opened."
    app_session.commit()
    sam, path = as_(Role.STEWARD), f"/instalments/{award.instalments[0].id}/met"
    assert "You have opened." in sam.get("/payments").text
    assert sam.post(path, data={}).status_code == 422
    assert "Written down" in sam.post(path, data={"note": "I was there."}, follow_redirects=True).text


def test_a_payment_is_held_and_released_on_its_page(as_: SignIn, app_session: Session) -> None:
    payment = a_disbursement(app_session)
    app_session.commit()
    fiona, path = as_(Role.FINANCE_OFFICER), f"/payments/{payment.id}"
    assert fiona.post(f"{path}/hold", data={}).status_code == 422
    fiona.post(f"{path}/hold", data={"reason": "The group rang."})
    page = fiona.get(path).text
    assert ("It is on hold. The group rang." in page, "Let it go on" in page) == (True, True)
    assert "Soup and seeds" in fiona.get("/payments?show=on-hold").text
    assert "asked for again" in fiona.post(f"{path}/release", follow_redirects=True).text


def test_limits_are_set_by_admins_and_a_second_officer_is_named(as_: SignIn, app_session: Session) -> None:
    person = a_person(app_session, Role.FINANCE_OFFICER)
    payment = a_disbursement(app_session)
    admin, felix = as_(Role.ADMIN), as_(person)
    app_session.commit()
    answer = admin.post("/payments/limits", data={"person": str(person.id), "limit": "100"}, follow_redirects=True)
    assert ("The limit is set" in answer.text, "£100" in answer.text) == (True, True)
    assert felix.post("/payments/limits", data={"person": str(person.id), "limit": "9"}).status_code == 403
    assert "Needs a second officer" in felix.post("/payments/authorise", data={"ids": str(payment.id)}).text
    assert "You have authorised it" in felix.get("/payments?show=authorise").text


def test_a_debt_is_asked_for_and_written_off_on_its_page(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session)
    a_disbursement(app_session, award, state=DisbursementState.PAID)
    fiona, felix = (as_(a_person(app_session, Role.FINANCE_OFFICER)) for _ in "ab")
    app_session.commit()
    path = f"/awards/{award.id}/repayments"
    assert fiona.post(path, data={"amount": "901", "why": "All"}).status_code == 422
    fiona.post(path, data={"amount": "100", "why": "Misspent."})
    app_session.commit()
    debt = app_session.scalars(select(Repayment)).one()
    fiona.post(f"/repayments/{debt.id}/write-off", data={"reason": "The group is gone."})
    assert "Another officer must agree" in fiona.get(path).text
    assert "The group is gone." in felix.get(path).text
    assert fiona.post(f"/repayments/{debt.id}/answer", data={"answer": "yes"}).status_code == 403
    felix.post(f"/repayments/{debt.id}/answer", data={"answer": "yes"})
    app_session.commit()
    assert app_session.get_one(Award, award.id).written_off_minor == 10_000


def test_refused_details_are_told_to_the_group_with_the_reason(as_: SignIn, app_session: Session) -> None:
    account = a_bank_account(app_session, a_group(app_session), state=BankAccountState.EVIDENCED)
    member = as_(a_member(app_session, account.group))
    fiona = as_(Role.FINANCE_OFFICER)
    app_session.commit()
    assert fiona.post(f"/bank-accounts/{account.id}/refuse", data={}).status_code == 422
    fiona.post(f"/bank-accounts/{account.id}/refuse", data={"reason": "Another name stands on it."})
    assert "Another name stands on it." in member.get(f"/groups/{account.group_id}/bank").text


def test_a_paper_is_looked_at_for_viruses_before_it_is_opened(app: Flask, as_: SignIn, app_session: Session) -> None:
    group = a_group(app_session)
    account = a_bank_account(app_session, group, state=BankAccountState.PROVIDED)
    rose, officer, path = as_(a_member(app_session, group)), as_(Role.FINANCE_OFFICER), f"/bank-accounts/{account.id}"
    app_session.commit()
    upload(rose, f"{path}/statement", paper=(BytesIO(PDF.replace(b"a statement", EICAR)), "statement.pdf"))
    closed = officer.get(f"{path}/statement")
    assert (closed.status_code, "A virus was found in this file" in closed.text) == (404, True)
    upload(rose, f"{path}/statement")
    app.extensions["scanner"] = NoScanner()
    later = officer.get(f"{path}/statement")
    assert (later.status_code, "so it stays closed" in later.text) == (503, True)
    app.extensions["scanner"] = scanner = MemoryScanner()
    assert [officer.get(f"{path}/statement").status_code for _ in range(2)] == [200, 200]
    assert len(scanner.scanned) == 1
