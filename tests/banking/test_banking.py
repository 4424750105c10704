"""Bank runs out and their answers in, and statements: nothing is paid without a line that says so, to the penny."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from io import BytesIO, StringIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grants.adapters.bank_run import CsvBankRun
from grants.banking import queries, service
from grants.banking.models import BankRun, BankRunLine, StatementLine
from grants.banking.rules import About, Outcome, RunState
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState
from grants.disbursements.service import returns
from grants.funds.models import Receipt
from grants.funds.rules import ContributionState, PaysBy
from grants.kernel.actors import Actor, Role
from grants.kernel.errors import Conflict, NotAllowed, RuleBroken, StepRefused
from grants.kernel.trail import AuditEvent
from grants.ledger.queries import breaks
from grants.outbox.models import OutboxRow
from grants.payees import queries as queries_of_payees
from grants.payees.rules.accounts import BankAccountState
from grants.people.queries import actor_for
from grants.ports.bank_run import Answer, BankLine, FileRefused, OrderFile
from grants.web.db import WRITES
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution
from tests.builders.payees import RING
from tests.builders.people import a_person
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.stripe import a_world
from tests.support.work import work

S = DisbursementState
FILES = CsvBankRun()
PAY_BY = START.date() + timedelta(days=3)


def officer(session: Session) -> Actor:
    return actor_for(session, a_person(session, Role.FINANCE_OFFICER).id, "")


def waiting(session: Session, count: int = 2) -> list[Disbursement]:
    """Payments of one fund that wait for a bank run, to payees with verified accounts."""
    contribution = a_contribution(session, amount_minor=1_000_000)
    contribution.fund.pays_by = PaysBy.BANK_RUN
    found = []
    for _ in range(count):
        award = an_award(session, contributions=[contribution])
        found.append(a_disbursement(session, award, state=S.AUTHORISED))
    session.flush()
    return found


def a_run(session: Session, payments: list[Disbursement]) -> BankRun:
    return service.make_run(work(session, officer(session)), payments[0].award.fund_id, PAY_BY, PaysBy.MEMORY)


def the_file(session: Session, run: BankRun) -> OrderFile:
    return service.order_file(work(session, officer(session)), run.id, RING, FILES, "CC1", "4711")


def handed_over(session: Session, payments: list[Disbursement]) -> BankRun:
    run = a_run(session, payments)
    the_file(session, run)
    return service.hand_over(work(session, officer(session)), run.id)


def answers(run: BankRun, *, paid: bool = True, reason: str = "") -> list[Answer]:
    return [Answer(run.batch, line.reference, line.amount_minor, paid, reason) for line in run.lines]


def test_the_file_holds_what_a_finance_office_needs_and_its_control_totals(any_session: Session) -> None:
    payments = waiting(any_session)
    run = a_run(any_session, payments)
    made = the_file(any_session, run)
    rows = list(csv.reader(StringIO(made.content.decode())))
    assert len(rows) == 4
    assert (rows[1][0], rows[1][6:9], rows[1][13]) == (run.batch, ["900.00", "CC1", "4711"], PAY_BY.isoformat())
    assert all(0 < len(row[5]) <= 18 for row in rows[1:3])
    assert all(len(row[3]) == 6 and len(row[4]) == 8 for row in rows[1:3])
    body = made.content[: made.content.rindex(b"control")]
    assert rows[3] == ["control", "2", "1800.00", sha256(body).hexdigest()]
    assert (run.count, run.total_minor, run.sha256) == (2, 180_000, made.sha256)
    assert the_file(any_session, run).content == made.content


def test_bank_details_show_in_the_file_and_nowhere_else(any_session: Session) -> None:
    run = a_run(any_session, waiting(any_session, 1))
    made = the_file(any_session, run)
    assert made.content.decode().split("\r\n")[1].split(",")[4] not in repr(made)


def test_a_payment_is_in_one_run_and_a_run_that_is_taken_back_sets_it_free(any_session: Session) -> None:
    payments = waiting(any_session)
    run = a_run(any_session, payments)
    with pytest.raises(StepRefused, match="Nothing waits"):
        a_run(any_session, payments)
    service.cancel_run(work(any_session, officer(any_session)), run.id)
    assert a_run(any_session, payments).count == 2


def test_handed_over_its_payments_are_on_their_way_and_paid_only_when_the_answer_says_so(any_session: Session) -> None:
    payments = waiting(any_session)
    run = a_run(any_session, payments)
    with pytest.raises(StepRefused, match="Get the file first"):
        service.hand_over(work(any_session, officer(any_session)), run.id)
    the_file(any_session, run)
    service.hand_over(work(any_session, officer(any_session)), run.id)
    assert [one.state for one in payments] == [S.SENT, S.SENT]
    letters = any_session.scalars(select(OutboxRow).where(OutboxRow.subject_id == run.id)).all()
    assert letters
    assert all(line.reference in " ".join(one.payload["text"] for one in letters) for line in run.lines)
    first, second = answers(run)
    teller = officer(any_session)
    assert service.take_answer(work(any_session, teller), run.id, first).refused == ""
    assert run.state is RunState.HANDED_OVER
    no = Answer(second.batch, second.reference, second.amount_minor, False, "Account closed")
    assert service.take_answer(work(any_session, teller), run.id, no).refused == ""
    assert sorted(one.state for one in payments) == [S.FAILED, S.PAID]
    assert {one.failure for one in payments} == {None, "The finance office could not pay it: Account closed"}
    assert run.state is RunState.DONE
    assert breaks(any_session) == []


def test_an_answer_counts_once_and_with_its_batch_reference_and_amount_only(any_session: Session) -> None:
    payments = waiting(any_session)
    run = handed_over(any_session, payments)
    right = answers(run)[0]
    for wrong in (
        Answer("SB000000-0009", right.reference, right.amount_minor, True),
        Answer(right.batch, "SB-0-9", right.amount_minor, True),
        Answer(right.batch, right.reference, right.amount_minor + 1, True),
    ):
        assert service.take_answer(work(any_session, officer(any_session)), run.id, wrong).refused
    assert [one.state for one in payments] == [S.SENT, S.SENT]
    assert not service.take_answer(work(any_session, officer(any_session)), run.id, right).refused
    again = service.take_answer(work(any_session, officer(any_session)), run.id, right)
    assert again.refused == "This was taken in before."
    assert breaks(any_session) == []


def test_a_payee_without_a_verified_account_is_named_and_nothing_is_handed_over(session: Session) -> None:
    payment = waiting(session, 1)[0]
    account = queries_of_payees.verified_account(session, payment.award.payee_id)
    assert account is not None
    account.state = BankAccountState.REPLACED
    session.flush()
    run = a_run(session, [payment])
    with pytest.raises(StepRefused, match="no verified bank account"):
        the_file(session, run)


def test_an_officer_of_another_fund_does_none_of_it(session: Session) -> None:
    payments = waiting(session, 1)
    run = handed_over(session, payments)
    person = a_person(session, Role.FINANCE_OFFICER, scope_id=a_contribution(session).fund_id)
    other = actor_for(session, person.id, "")
    for refused in (
        lambda: service.make_run(work(session, other), run.fund_id, PAY_BY, PaysBy.MEMORY),
        lambda: service.order_file(work(session, other), run.id, RING, FILES, "", ""),
        lambda: service.take_answer(work(session, other), run.id, answers(run)[0]),
        lambda: service.take_statement(work(session, other), run.fund_id, []),
    ):
        with pytest.raises(NotAllowed):
            refused()


def test_a_yes_after_a_no_and_a_no_after_a_yes_are_put_before_a_person(any_session: Session) -> None:
    """Stripe is asked how things stand now; a finance office's two words cannot both be true."""
    run = handed_over(any_session, waiting(any_session, 3))
    one, other, open_one = run.lines
    clerk = officer(any_session)

    def take(line: BankRunLine, *, paid: bool) -> Outcome:
        answer = Answer(run.batch, line.reference, line.amount_minor, paid)
        return service.take_answer(work(any_session, clerk), run.id, answer)

    take(one, paid=True)
    take(other, paid=False)
    assert "stands as paid, and now it is told to be rejected" in take(one, paid=False).refused
    assert "stands as not made, and now it is told to be paid" in take(other, paid=True).refused
    assert take(one, paid=True).refused == "This was taken in before."
    assert [line.payment.state for line in run.lines] == [S.PAID, S.FAILED, S.SENT]
    told = any_session.scalars(select(AuditEvent.subject_id).where(AuditEvent.verb == "payment.questioned")).all()
    assert set(told) == {one.disbursement_id, other.disbursement_id}
    assert take(open_one, paid=True).refused == ""
    assert breaks(any_session) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_statement_is_read_as_banks_and_spreadsheets_write_it(encoding: str) -> None:
    text = 'Date,Amount,Reference\r\n05/03/2026,"£1,250.5",Café – 1\r\n5 Mar 2026,−£3,FEE\r\n'
    lines = FILES.read_statement(text.replace("−", "-").encode(encoding))
    assert [(one.on, one.amount_minor, one.reference) for one in lines] == [
        (date(2026, 3, 5), 125_050, "Café – 1"),
        (date(2026, 3, 5), -300, "FEE"),
    ]


@pytest.mark.parametrize(
    "amount", ["1.250,00", "1e3", "1_000", "NaN", "Infinity", "1,25", "12,34.00", "(5.00)", "", "5-", "£"]
)
def test_what_is_no_amount_is_never_read_as_another(amount: str) -> None:
    with pytest.raises(FileRefused, match=r"Line 2: .* is no amount like 1,250\.00"):
        FILES.read_statement(f'date,amount,reference\n2026-03-05,"{amount}",R\n'.encode())


def test_a_line_of_a_day_that_has_not_come_is_refused(session: Session) -> None:
    fund_id = a_contribution(session).fund_id
    with pytest.raises(RuleBroken, match="dated 3 April 2026, which has not come yet"):
        service.take_statement(
            work(session, officer(session)),
            fund_id,
            [BankLine(START.date(), 1, "A"), BankLine(date(2026, 4, 3), 5, "B")],
        )
    assert queries.line_counts(session, None) == (0, 0)


def test_an_old_line_does_not_pay_a_new_attempt_of_the_same_part(any_session: Session) -> None:
    run = handed_over(any_session, waiting(any_session, 1))
    line = run.lines[0]
    before = BankLine(START.date() - timedelta(days=1), -line.amount_minor, line.reference)
    assert service.take_statement(work(any_session, officer(any_session)), run.fund_id, [before]) == (1, 0, 0)
    assert line.payment.state is S.SENT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "empty"),
        (b"PK\x03\x04\x00\x00", "not a text file"),
        (b"\x81\x8d", "not a text file"),
        (b"batch,reference,amount\n", "Missing: outcome"),
        (b"batch,reference,amount,outcome\nB,R,1.001,paid\n", "Line 2: .* no amount"),
        (b"batch,reference,amount,outcome\nB,R,1,perhaps\n", "Line 2: the outcome"),
        (b"batch,reference,amount,outcome\nB,R\n", "2 cells instead of 4"),
    ],
)
def test_a_file_that_cannot_be_read_says_which_line_and_why(text: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        FILES.read(text)


# statements


def test_a_line_of_the_bank_statement_pays_what_was_on_its_way(any_session: Session) -> None:
    payments = waiting(any_session)
    run = handed_over(any_session, payments)
    one, other = run.lines
    lines = [
        BankLine(START.date(), -one.amount_minor, f"bacs {one.reference.replace('-', ' ').lower()}"),
        BankLine(START.date(), -other.amount_minor + 1, other.reference),
        BankLine(START.date(), -1_200, "COFFEE"),
    ]
    teller = officer(any_session)
    assert service.take_statement(work(any_session, teller), run.fund_id, lines) == (3, 1, 0)
    assert [line.payment.state for line in run.lines] == [S.PAID, S.SENT]
    assert len(queries.lines_to_explain(any_session, None)) == 2
    assert service.take_statement(work(any_session, teller), run.fund_id, lines) == (0, 0, 3)
    assert breaks(any_session) == []


@pytest.mark.parametrize("told", ["in one file", "in two"])
def test_a_payment_that_the_groups_bank_sends_back_can_be_asked_for_again(any_session: Session, told: str) -> None:
    run = handed_over(any_session, waiting(any_session, 1))
    one = run.lines[0]
    out = BankLine(START.date(), -one.amount_minor, one.reference)
    again = BankLine(START.date(), one.amount_minor, f"UNPAID {one.reference}")
    clerk = officer(any_session)
    files = [[again, out]] if told == "in one file" else [[out], [again, out]]
    for lines in files:  # banks list the newest first
        service.take_statement(work(any_session, clerk), run.fund_id, lines)
    assert one.payment.state is S.RETURNED
    assert one.payment.failure == "The group's bank sent it back: it stands on the bank statement."
    assert queries.line_counts(any_session, None) == (2, 0)
    assert one.payment.award.disbursing_minor == 0
    assert breaks(any_session) == []


def test_money_that_a_group_gave_back_and_an_officer_wrote_down_stays_what_it_is(any_session: Session) -> None:
    run = handed_over(any_session, waiting(any_session, 1))
    one = run.lines[0]
    clerk = officer(any_session)
    left = BankLine(START.date(), -one.amount_minor, one.reference)
    service.take_statement(work(any_session, clerk), run.fund_id, [left])
    returns.record_return(
        work(any_session, clerk), one.payment.award_id, one.amount_minor, f"{one.reference} THANKS", START.date()
    )
    came = BankLine(START.date(), one.amount_minor, f"{one.reference} THANKS")
    assert service.take_statement(work(any_session, clerk), run.fund_id, [left, came]) == (1, 1, 1)
    assert one.payment.state is S.PAID
    assert breaks(any_session) == []


def test_two_equal_lines_are_two_lines_and_two_files_of_the_same_days_are_one(session: Session) -> None:
    fund_id = a_contribution(session).fund_id
    twice = [BankLine(START.date(), 500, "CASH"), BankLine(START.date(), 500, "CASH")]
    assert service.take_statement(work(session, officer(session)), fund_id, twice) == (2, 0, 0)
    assert service.take_statement(work(session, officer(session)), fund_id, twice) == (0, 0, 2)


def test_money_that_came_in_is_put_into_the_pot_from_its_line_once(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=50_000, received_minor=0, state=ContributionState.AGREED)
    teller = officer(any_session)
    service.take_statement(work(any_session, teller), one.fund_id, [BankLine(START.date(), 20_000, "TEES TRUST 1")])
    line = any_session.scalars(select(StatementLine)).one()
    service.credit_line(work(any_session, teller), line.id, one.id)
    receipt = any_session.scalars(select(Receipt)).one()
    assert (receipt.amount_minor, receipt.reference, receipt.received_on) == (20_000, "TEES TRUST 1", START.date())
    assert (line.about, line.about_id) == (About.MONEY_IN, receipt.id)
    with pytest.raises(Conflict):
        service.credit_line(work(any_session, teller), line.id, one.id)
    assert breaks(any_session) == []


def test_a_standing_order_with_one_reference_and_a_line_with_words_only_are_credited(any_session: Session) -> None:
    one = a_contribution(any_session, amount_minor=50_000, received_minor=0, state=ContributionState.AGREED)
    clerk = officer(any_session)
    day = START.date() - timedelta(days=1)
    words = "FASTER PAYMENT RECEIVED FROM THE TEES VALLEY TRUST FOR GOOD NEIGHBOURS AND THEIR GROUPS"
    lines = [
        BankLine(day, 10_000, "TEES TRUST"),
        BankLine(START.date(), 10_000, "Tees Trust"),
        BankLine(START.date(), 10_000, "TEES TRUST"),
        BankLine(START.date(), 20_000, "", words),
    ]
    service.take_statement(work(any_session, clerk), one.fund_id, lines)
    for line in queries.lines_to_explain(any_session, None):
        service.credit_line(work(any_session, clerk), line.id, one.id)
    receipts = list(any_session.scalars(select(Receipt).order_by(Receipt.reference)))
    assert [receipt.amount_minor for receipt in receipts] == [20_000, 10_000, 10_000, 10_000]
    assert [receipt.reference for receipt in receipts][:3] == [
        words[:60].strip(),
        "TEES TRUST",
        "TEES TRUST 2026-03-02",
    ]
    assert breaks(any_session) == []


def test_what_was_recorded_by_hand_finds_its_line(session: Session) -> None:
    one = a_contribution(session, amount_minor=50_000)
    receipt = session.scalars(select(Receipt).where(Receipt.contribution_id == one.id)).one()
    line = BankLine(receipt.received_on, receipt.amount_minor, receipt.reference)
    assert service.take_statement(work(session, officer(session)), one.fund_id, [line, line]) == (2, 1, 0)


def test_a_line_is_set_aside_with_words(session: Session) -> None:
    fund_id = a_contribution(session).fund_id
    service.take_statement(work(session, officer(session)), fund_id, [BankLine(START.date(), -300, "BANK FEE")])
    line = session.scalars(select(StatementLine)).one()
    with pytest.raises(RuleBroken, match="Say what this line is"):
        service.set_aside(work(session, officer(session)), line.id, " ")
    service.set_aside(work(session, officer(session)), line.id, "The bank's fee.")
    assert queries.lines_to_explain(session, None) == []


def test_stripes_statement_pays_what_an_event_never_told(make_app: Callable[..., Flask], any_url: str) -> None:
    with a_world(make_app, any_url) as world:
        world.relay()
        assert world.payment().state is S.SENT
        run = world.app.test_cli_runner().invoke(args=["payments", "compare", "--days", "3"])
        assert run.output == "2 new lines, 0 of them about nothing that we know\n"
        assert world.payment().state is S.PAID
        world.double.send()
        world.ensure_whole(paid=90_000)
        again = world.app.test_cli_runner().invoke(args=["payments", "compare"])
        assert again.output == "0 new lines, 0 of them about nothing that we know\n"


# pages


def test_an_officer_takes_a_payment_through_a_bank_run(as_: SignIn, app: Flask, app_session: Session) -> None:
    app_session.connection(execution_options={WRITES: True})
    payments = waiting(app_session)
    fund_id = payments[0].award.fund_id
    client = as_(Role.FINANCE_OFFICER)
    assert "Make a bank run" in client.get("/bank-runs").text
    made = client.post(f"/bank-runs/new/{fund_id}", data={"pay_by": "2026-03-06"}, follow_redirects=True)
    assert "£1,800.00" in made.text
    app_session.rollback()
    run = app_session.scalars(select(BankRun)).one()
    got = client.post(f"/bank-runs/{run.id}/file")
    assert (got.status_code, got.mimetype, b"control,2,1800.00" in got.data) == (200, "text/csv", True)
    client.post(f"/bank-runs/{run.id}/hand-over")
    page = client.get(f"/bank-runs/{run.id}").text
    assert "Bring the finance office" in page or "bring its file here" in page
    text = "batch,reference,amount,outcome,reason\r\n" + "".join(
        f"{run.batch},{line.reference},900.00,paid,\r\n" for line in run.lines
    )
    told = bring(client, f"/bank-runs/{run.id}", text)
    assert "2 lines were taken in." in told
    app_session.rollback()
    assert [one.state for one in app_session.scalars(select(Disbursement))] == [S.PAID, S.PAID]
    advice = client.get(f"/bank-runs/{run.id}/advice/{payments[0].award.payee_id}")
    assert advice.status_code == 200
    assert "Line 2" in bring(client, f"/bank-runs/{run.id}", "batch,reference,amount,outcome\nB,R,x,paid\n")


def bring(client: FlaskClient, path: str, text: str, **fields: str) -> str:
    data = {**fields, "file": (BytesIO(text.encode()), "answer.csv")}
    return client.post(path, data=data, content_type="multipart/form-data", follow_redirects=True).text


def test_an_officer_takes_in_a_statement_and_explains_its_lines(as_: SignIn, app_session: Session) -> None:
    app_session.connection(execution_options={WRITES: True})
    one = a_contribution(app_session, amount_minor=50_000, received_minor=0, state=ContributionState.AGREED)
    fund_id, one_id = str(one.fund_id), str(one.id)
    client = as_(Role.FINANCE_OFFICER)
    text = "date,amount,reference\n01/03/2026,200.00,TEES TRUST\n02/03/2026,-3.00,FEE\n"
    page = bring(client, "/statements", text, fund_id=fund_id)
    assert "2 new lines, 0 of them matched." in page
    app_session.rollback()
    lines = {line.amount_minor: line.id for line in app_session.scalars(select(StatementLine))}
    credit = {"what": "credit", "credit-contribution_id": one_id}
    assert client.post(f"/statements/{lines[20_000]}", data=credit).status_code == 302
    empty = client.post(f"/statements/{lines[-300]}", data={"what": "aside", "aside-why": ""})
    assert (empty.status_code, "Say what this line is" in empty.text) == (422, True)
    client.post(f"/statements/{lines[-300]}", data={"what": "aside", "aside-why": "The bank's fee"})
    assert "Nothing to explain" in client.get("/statements").text
    app_session.rollback()
    assert app_session.scalar(select(func.sum(Receipt.amount_minor))) == 20_000
