"""Reports in the browser: written, handed in, judged; outcomes for everybody."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session

from grants.adapters.memory_scanning import NoScanner
from grants.awards.rules import AgreementState, AwardState
from grants.kernel.actors import Role
from grants.reports.models import Picture, Report
from grants.reports.rules import ReportState
from tests.builders.awards import all_known, an_agreement, an_award
from tests.builders.people import a_member, a_person
from tests.builders.reports import a_report
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.statements import statements

WRITTEN = {
    "what_happened": "We cooked together.",
    "what_1": "people who came",
    "some_1": "27",
    "of_1": "62",
    "how_1": "the register",
    "spent": "900",
    "story": "Ada came.",
    "story_consent": "y",
    "version": "0",
}


def state_of(session: Session, report: Report) -> ReportState:
    session.rollback()
    return session.get_one(Report, report.id).state


def png() -> BytesIO:
    content = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(content, "PNG")
    content.seek(0)
    return content


def test_a_group_writes_and_hands_in_and_a_steward_accepts(as_: SignIn, app_session: Session) -> None:
    report = a_report(app_session)
    rose, steward = as_(a_member(app_session, report.award.group)), as_(Role.STEWARD)
    path = f"/reports/{report.id}"
    assert "Still missing" in rose.get(path).text
    rose.post(f"{path}/edit", data={"story": "Ada came.", "version": "0"})
    assert state_of(app_session, report) is ReportState.DRAFT
    lacking = rose.post(f"{path}/submit")
    assert (lacking.status_code, "Say what happened" in lacking.text) == (422, True)
    assert "Saved." in rose.post(f"{path}/edit", data={**WRITTEN, "version": "1"}, follow_redirects=True).text
    assert "was handed in" in rose.post(f"{path}/submit", follow_redirects=True).text
    assert "Accept this report" not in rose.get(path).text
    public = steward.post(f"{path}/accept", follow_redirects=True).text
    for words in ("What happened", "We cooked together.", "of 62", "people who came", "Ada came.", "£900"):
        assert words in public


def test_the_second_of_two_writers_keeps_what_they_typed(as_: SignIn, app_session: Session) -> None:
    report = a_report(app_session)
    rose = as_(a_member(app_session, report.award.group))
    rose.post(f"/reports/{report.id}/edit", data=WRITTEN)
    late = rose.post(f"/reports/{report.id}/edit", data={**WRITTEN, "story": "Words that took an hour."})
    assert late.status_code == 422
    assert "Somebody else of your group" in late.text
    assert "Words that took an hour." in late.text


def test_numbers_that_do_not_fit_are_named(as_: SignIn, app_session: Session) -> None:
    report = a_report(app_session)
    rose = as_(a_member(app_session, report.award.group))
    wrong = {**WRITTEN, "of_1": "20", "what_2": "meals", "some_3": "4"}
    page = rose.post(f"/reports/{report.id}/edit", data=wrong).text
    for words in ("Number 1: this must be 27 or more", "Number 2: enter how many", "Number 3: say what you counted"):
        assert words in page


def test_a_question_goes_back_to_the_group(as_: SignIn, app_session: Session) -> None:
    report = a_report(app_session, state=ReportState.SUBMITTED)
    steward, rose = as_(Role.STEWARD), as_(a_member(app_session, report.award.group))
    assert "Write your question" in steward.post(f"/reports/{report.id}/query", data={}).text
    steward.post(f"/reports/{report.id}/query", data={"reason": "How were people counted?"})
    assert "How were people counted?" in rose.get(f"/reports/{report.id}").text
    assert state_of(app_session, report) is ReportState.QUERIED


def test_until_it_is_accepted_only_those_inside_read_it(as_: SignIn, client: FlaskClient, app_session: Session) -> None:
    report = a_report(app_session, state=ReportState.SUBMITTED)
    app_session.commit()
    assert client.get(f"/outcomes/{report.award_id}").status_code == 404
    assert as_(a_person(app_session)).get(f"/reports/{report.id}").status_code == 403
    assert as_(Role.AUDITOR).get(f"/reports/{report.id}").status_code == 200


def test_a_story_without_consent_is_not_published(client: FlaskClient, app_session: Session) -> None:
    report = a_report(app_session, state=ReportState.ACCEPTED, story="A secret.", story_consent=False)
    app_session.commit()
    assert "A secret." not in client.get(f"/outcomes/{report.award_id}").text


def test_only_pictures_with_consent_of_accepted_reports_are_public(
    app: Flask, as_: SignIn, client: FlaskClient, app_session: Session
) -> None:
    report = a_report(app_session)
    rose = as_(a_member(app_session, report.award.group))
    for alt, consent in (("Beans", {"consent": "y"}), ("A face", {})):
        form = {"picture": (png(), "../../evil.php"), "alt": alt, **consent}
        answer = rose.post(f"/reports/{report.id}/pictures", data=form, content_type="multipart/form-data")
        assert answer.status_code == 302
    app_session.rollback()
    beans, face = (app_session.query(Picture).filter_by(alt=alt).one().id for alt in ("Beans", "A face"))
    shown = rose.get(f"/pictures/{face}")
    assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
    assert shown.headers["Cache-Control"] == "private, no-store"
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert client.get(f"/pictures/{beans}").status_code == 404
    app_session.get_one(Report, report.id).state = ReportState.ACCEPTED
    app_session.commit()
    assert client.get(f"/pictures/{beans}").status_code == 200
    assert client.get(f"/pictures/{face}").status_code == 404
    with pytest.MonkeyPatch.context() as patch:  # the next tests have their scanner again
        patch.delitem(app.extensions, "looked_at")
        patch.setitem(app.extensions, "scanner", NoScanner())
        assert client.get(f"/pictures/{beans}").status_code == 503, "nothing is opened that nobody looked at"


def test_what_is_no_picture_is_refused_by_its_content(as_: SignIn, app_session: Session) -> None:
    report = a_report(app_session)
    rose = as_(a_member(app_session, report.award.group))
    form = {"picture": (BytesIO(b"<script>alert(1)</script>"), "nice.jpg"), "alt": "Beans"}
    answer = rose.post(f"/reports/{report.id}/pictures", data=form, content_type="multipart/form-data")
    assert (answer.status_code, "JPEG, PNG or WebP file" in answer.text) == (422, True)


def test_a_steward_signs_for_the_fund(as_: SignIn, app_session: Session) -> None:
    award = an_award(app_session, state=AwardState.ACCEPTED)
    signers = [a_person(app_session), a_person(app_session)]
    an_agreement(app_session, award, version=2, state=AgreementState.SIGNED, signers=signers)
    all_known(app_session, award)
    steward = as_(Role.STEWARD)
    assert "Sign for the fund" in steward.get(f"/awards/{award.id}/agreement").text
    assert "The award is under way" in steward.post(f"/awards/{award.id}/countersign", follow_redirects=True).text
    again = steward.post(f"/awards/{award.id}/countersign")
    assert again.status_code == 422


def test_each_person_is_told_what_waits_for_them(as_: SignIn, app_session: Session) -> None:
    report = a_report(app_session, state=ReportState.SUBMITTED)
    due = a_report(app_session, due_on=START.date())
    offer = an_award(app_session, state=AwardState.OFFERED)
    both = a_member(app_session, due.award.group, a_member(app_session, offer.group))
    home = as_(both).get("/home").text
    assert f"Answer the offer for “{offer.proposal.title}”" in home
    assert f"Tell us how “{due.award.proposal.title}” went" in home
    assert f"Read the report on “{report.award.proposal.title}”" in as_(Role.STEWARD).get("/home").text
    assert "Read the report" not in as_(Role.FINANCE_OFFICER).get("/home").text


def test_the_list_of_outcomes_takes_as_many_queries_for_ten_as_for_two(
    client: FlaskClient, app_session: Session, app: Flask
) -> None:
    counts = []
    for more in (2, 8):
        for _ in range(more):
            a_report(app_session, state=ReportState.ACCEPTED)
        app_session.commit()
        with statements(app) as heard:
            assert client.get("/outcomes").status_code == 200
        counts.append(len(heard))
    assert counts[0] == counts[1]
