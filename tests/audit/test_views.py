"""What the public, a funder, a finance officer and the auditor read."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from uuid import uuid4
from zipfile import ZipFile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from grants.audit.queries import register as register_queries
from grants.audit.queries.register import RegisterFilter
from grants.awards.models import Award
from grants.awards.rules import AwardState
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState
from grants.funds import queries as pot_queries
from grants.kernel.actors import Role
from grants.kernel.trail import AuditEvent
from grants.ledger.models import Account, Entry
from grants.ledger.rules import bank_code
from grants.people.models import RoleGrant
from grants.proposals.rules.states import ProposalState
from grants.reports.rules import ReportState
from grants.rounds.rules.states import RoundState
from grants.web.db import db
from tests.audit.test_queries import released
from tests.builders.actors import an_actor
from tests.builders.awards import an_award
from tests.builders.disbursements import a_disbursement
from tests.builders.funds import a_contribution, a_fund, a_funder
from tests.builders.people import a_group, a_person
from tests.builders.proposals import a_proposal
from tests.builders.reports import a_report
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.support.clock import START
from tests.support.crawl import faults
from tests.support.statements import statements
from tests.support.work import work


def page_of(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
    return answer.get_data(as_text=True)


def rows_of(client: FlaskClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))


@pytest.fixture
def pot(app_session: Session) -> Award:
    """Two funders; one award paid and reported, one underspent, one just offered. Gives the paid one."""
    fund = a_fund(app_session, name="Tees pot")
    one = a_contribution(app_session, fund, 200_000, funder=a_funder(app_session, name="The council"))
    two = a_contribution(app_session, fund, 100_000, funder=a_funder(app_session, name="A local business"))
    paid = an_award(app_session, amount_minor=30_000, contributions=[one, two])
    a_disbursement(app_session, paid, state=DisbursementState.PAID)
    a_report(app_session, paid, state=ReportState.ACCEPTED)
    underspent = an_award(app_session, amount_minor=10_001, contributions=[one, two], state=AwardState.COMPLETED)
    released(app_session, underspent, 2_000)
    an_award(app_session, amount_minor=500, contributions=[two], state=AwardState.OFFERED)
    app_session.commit()
    return paid


# ---------------------------------------------------------------- the register


def test_the_register_says_in_public_that_it_adds_up(client: FlaskClient, pot: Award) -> None:
    page = page_of(client, "/register")
    assert "This register adds up to the books" in page
    assert "£385.01" in page
    assert pot.proposal.title in page
    assert faults(page) == []


def test_the_file_of_the_register_sums_to_the_books(client: FlaskClient, app_session: Session, pot: Award) -> None:
    rows = rows_of(client, "/register.csv")
    assert len(rows) == 3
    total = sum(Decimal(row["Awarded"]) - Decimal(row["Came back"]) for row in rows)
    books = register_queries.all_pockets(app_session)
    assert int(total * 100) == books.committed_minor + books.sending_minor + books.paid_minor
    assert sum(Decimal(row["Paid"]) for row in rows) == Decimal(books.paid_minor) / 100
    assert {row["Identifier"] for row in rows} == {
        str(row.award_id) for row in register_queries.register(app_session, RegisterFilter())[0]
    }


def test_the_register_says_when_it_does_not_add_up(client: FlaskClient, app_session: Session, pot: Award) -> None:
    app_session.execute(update(Award).where(Award.id == pot.id).values(amount_minor=30_007))
    app_session.commit()
    page = page_of(client, "/register")
    assert "This register does not add up to the books" in page
    assert "The difference is £0.07" in page


def test_no_cell_of_the_register_is_a_formula(client: FlaskClient, app_session: Session) -> None:
    group = a_group(app_session, name="=cmd|' /C calc'!A0")
    award = an_award(app_session, group=group)
    award.proposal.title, award.proposal.summary = "@SUM(A1)", '+44 tea,\n"cakes"'
    app_session.commit()
    [row] = rows_of(client, "/register.csv")
    assert (row["Title"], row["Group"]) == ("'@SUM(A1)", "'=cmd|' /C calc'!A0")
    assert row["Summary"] == '\'+44 tea,\n"cakes"'


def test_the_register_is_narrowed_and_paged(client: FlaskClient, app_session: Session, pot: Award) -> None:
    assert pot.proposal.title in page_of(client, f"/register?round={pot.round_id}&priority=&words=")
    assert "No award fits" in page_of(client, "/register?words=nothing+like+this")
    assert "Choose one from the list" in page_of(client, f"/register?round={uuid4()}", 422)
    page_of(client, "/register?page=2", 404)


# ---------------------------------------------------------------- statements


def test_a_funder_reads_its_own_statement_and_no_other(as_: SignIn, app_session: Session, pot: Award) -> None:
    council, business = sorted(pot_queries.funders(app_session), key=lambda one: one.name, reverse=True)
    mine = as_(a_person(app_session, Role.FUNDER, scope_id=council.id))
    page = page_of(mine, f"/funders/{council.id}")
    assert "The council" in page
    assert "A local business" not in page
    assert pot.proposal.title in page
    assert "27 of 62 people who came more than once" in page
    assert faults(page) == []
    rows = rows_of(mine, f"/funders/{council.id}/statement.csv")
    assert [row["From your money"] for row in rows if row["Identifier"] == str(pot.id)] == ["200.00"]
    for path in (f"/funders/{business.id}", f"/funders/{business.id}/statement.csv", f"/funders/{uuid4()}"):
        page_of(mine, path, 403)


def test_what_was_promised_is_told_as_it_was(as_: SignIn, app_session: Session) -> None:
    one = a_contribution(app_session, amount_minor=500_000, received_minor=100_000, imd_deciles=[1])
    then = {"at": START - timedelta(days=40), "actor_role": "steward", "subject_type": "contribution"}
    for verb, days, after, body in (
        ("pledged", 0, "pledged", {"amount_minor": 300_000, "restriction": {"ward_codes": [], "imd_deciles": [1, 2]}}),
        ("agreed", 1, "agreed", {"amount_minor": 300_000}),
        ("received", 2, "agreed", {"amount_minor": 100_000}),
        ("amount_changed", 20, "agreed", {"amount_minor": 500_000}),
        ("restriction_changed", 20, "agreed", {"restriction": {"ward_codes": [], "imd_deciles": [1]}}),
    ):
        at = START - timedelta(days=40 - days)
        facts = {**then, "at": at, "verb": f"contribution.{verb}", "after": after, "body": body, "subject_id": one.id}
        app_session.add(AuditEvent(**facts))
    app_session.commit()
    reader = as_(Role.AUDITOR)
    past = page_of(reader, f"/funders/{one.funder_id}?as_at=2026-02-01")
    assert "£3,000" in past
    assert "£5,000" not in past
    assert "the most deprived fifth" in past
    now = page_of(reader, f"/funders/{one.funder_id}")
    assert "£5,000" in now
    assert "the most deprived tenth" in now


def test_a_statement_of_any_days_is_kept_as_a_spreadsheet(as_: SignIn, app_session: Session, pot: Award) -> None:
    council = max(pot_queries.funders(app_session), key=lambda one: one.name)
    mine = as_(a_person(app_session, Role.FUNDER, scope_id=council.id))
    path = f"/funders/{council.id}/period"
    answer = mine.get(f"{path}?since=2026-03-01&as=xlsx")
    assert answer.status_code == 200
    assert "filename=statement-2026-03-01-2026-03-02.xlsx" in answer.headers["Content-Disposition"]
    with ZipFile(BytesIO(answer.data)) as book:
        sums = book.read("xl/worksheets/sheet1.xml").decode()
        awards = book.read("xl/worksheets/sheet3.xml").decode()
    assert "1 March 2026 to 2 March 2026" in sums
    assert "<v>2000</v>" in sums  # came before those days: it stood at the beginning
    assert pot.reference in awards
    assert "<v>200</v>" in awards
    assert "must not be before the first" in page_of(mine, f"{path}?since=2026-03-02&until=2026-03-01", 422)
    other = min(pot_queries.funders(app_session), key=lambda one: one.name)
    page_of(mine, f"/funders/{other.id}/period?as=xlsx", 403)


def test_a_statement_on_paper_says_where_each_pound_is(as_: SignIn, app_session: Session, pot: Award) -> None:
    council = max(pot_queries.funders(app_session), key=lambda one: one.name)
    answer = as_(Role.AUDITOR).get(f"/funders/{council.id}/period?until=2026-03-02")
    assert answer.mimetype == "application/pdf"
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages)
    assert "Statement for The council" in text
    assert "Stands at the end" in text
    assert "£200.00" in text


def test_a_funder_s_page_asks_the_database_a_dozen_times_at_most(
    app: Flask, as_: SignIn, app_session: Session, pot: Award
) -> None:
    council = max(pot_queries.funders(app_session), key=lambda one: one.name)
    given = pot_queries.contributions_of_funder(app_session, council.id)[0]
    given.restriction = {"priority_ids": [str(pot.priority_id)]}
    app_session.commit()
    address, title = f"/funders/{council.id}", pot.proposal.title
    reader = as_(Role.AUDITOR)
    for which in ("", "?as_at=2026-03-02"):
        with statements(app) as heard:
            page = page_of(reader, f"{address}{which}")
        assert title in page
        asked = len([one for one in heard if str(one).startswith(("SELECT", "WITH"))])
        assert asked <= (12 if which else 4)
    with statements(app) as heard:
        assert page_of(reader, address) == now_page(app, reader, address)
    assert len([one for one in heard if str(one).startswith(("SELECT", "WITH"))]) == 5  # once kept: who looks, no more


def now_page(app: Flask, reader: FlaskClient, address: str) -> str:
    """The page made afresh."""
    memory = app.extensions["kept_pages"]
    most, memory.most = memory.most, 0
    try:
        return page_of(reader, address)
    finally:
        memory.most = most


def test_what_is_kept_of_a_statement_is_told_to_nobody_who_may_not_read_it(
    as_: SignIn, app_session: Session, pot: Award
) -> None:
    council = max(pot_queries.funders(app_session), key=lambda one: one.name)
    elsewhere = a_contribution(app_session, a_fund(app_session, name="Another pot"), 70_000, funder=council)
    kept_there = as_(a_person(app_session, Role.STEWARD, scope_id=elsewhere.fund_id))
    stranger = as_(a_person(app_session, Role.STEWARD, scope_id=a_fund(app_session).id))
    theirs = as_(a_person(app_session, Role.FUNDER, scope_id=council.id))
    resident, auditor, address = as_(Role.RESIDENT), as_(Role.AUDITOR), f"/funders/{council.id}"
    for _ in range(2):
        everything = page_of(auditor, address)
        assert pot.proposal.title in everything
        assert "Another pot" in everything
        assert "What this money does" in everything
        assert "What your money does" in page_of(theirs, address)
        part = page_of(kept_there, address)
        assert "Another pot" in part
        assert pot.proposal.title not in part
        page_of(stranger, address, 403)
        page_of(resident, address, 403)
    pot.proposal.title = "A title that is new"
    app_session.commit()
    assert "A title that is new" in page_of(auditor, address)
    page_of(auditor, f"{address}?page=2", 404)
    app_session.execute(delete(RoleGrant).where(RoleGrant.role == Role.FUNDER))
    app_session.commit()
    page_of(theirs, address, 403)


def test_a_steward_sees_what_could_be_paid_today_and_what_one_pound_unlocks(as_: SignIn, app_session: Session) -> None:
    fund = a_fund(app_session)
    a_contribution(app_session, fund, 60_000)
    a_contribution(app_session, fund, 80_000, imd_deciles=[1])
    round = a_round(app_session, RoundState.VOTING, fund=fund)
    fits, short = (
        a_proposal(app_session, round, ProposalState.ON_BALLOT, amount_minor=minor, imd_deciles=deciles)
        for minor, deciles in ((60_000, [5]), (100_000, [1]))
    )
    steward = as_(a_person(app_session, Role.STEWARD, scope_id=fund.id))
    stranger = as_(a_person(app_session, Role.STEWARD, scope_id=a_fund(app_session).id))
    path, bids = f"/funds/{fund.id}/what-if", f"bid={fits.id}&bid={short.id}"
    key = f"amount-{short.id}"
    app_session.commit()
    assert path in page_of(steward, f"/funds/{path.split('/')[2]}")
    page = page_of(steward, f"{path}?{bids}")
    assert "Could be paid" in page
    assert "One unrestricted pound would unlock £5.00 of it: £200.00 is missing, the rest lies idle." in page
    assert "£200 more without restriction would pay for" in page
    assert faults(page) == []
    assert "One unrestricted pound" not in page_of(steward, f"{path}?{bids}&{key}=800")
    assert "Enter an amount in pounds" in page_of(steward, f"{path}?{bids}&{key}=lots", 422)
    page_of(stranger, path, 403)


def test_funders_see_the_same_whatever_they_gave(as_: SignIn, app_session: Session, pot: Award) -> None:
    headings = []
    for one in pot_queries.funders(app_session):
        reader = as_(a_person(app_session, Role.FUNDER, scope_id=one.id))
        page = page_of(reader, f"/funders/{one.id}")
        headings.append([line for line in page.splitlines() if "<h2" in line])
    assert headings[0] == headings[1] != []


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN, Role.STEWARD, Role.FINANCE_OFFICER])
def test_the_keepers_read_statements(as_: SignIn, app_session: Session, pot: Award, role: Role) -> None:
    one = pot_queries.funders(app_session)[0]
    assert one.name in page_of(as_(role), f"/funders/{one.id}")


def test_a_keeper_of_another_fund_reads_none(as_: SignIn, app_session: Session, pot: Award) -> None:
    one = pot_queries.funders(app_session)[0]
    stranger = as_(a_person(app_session, Role.STEWARD, Role.FINANCE_OFFICER, scope_id=a_fund(app_session).id))
    page_of(stranger, f"/funders/{one.id}", 403)
    page_of(stranger, f"/books/{pot.fund_id}/entries", 403)
    account_id = app_session.scalars(select(Account.id).where(Account.code == bank_code(pot.fund_id))).one()
    page_of(stranger, f"/books/accounts/{account_id}", 403)
    entry_id = app_session.scalars(select(Entry.id).where(Entry.fund_id == pot.fund_id).limit(1)).one()
    page_of(stranger, f"/books/entries/{entry_id}", 403)
    assert "Tees pot" not in page_of(stranger, "/books")


def test_a_statement_of_an_earlier_day(as_: SignIn, app_session: Session, pot: Award) -> None:
    one = pot_queries.funders(app_session)[0]
    reader = as_(Role.AUDITOR)
    long_ago = (START - timedelta(days=400)).date().isoformat()
    page = page_of(reader, f"/funders/{one.id}?as_at={long_ago}")
    assert "No money has come in by then." in page
    assert pot.proposal.title not in page
    assert "real date" in page_of(reader, f"/funders/{one.id}?as_at=31&as_at=2&as_at=2026", 422)


# ---------------------------------------------------------------- auditor and books


def test_the_auditor_reads_everything_as_at_a_day(as_: SignIn, app_session: Session, pot: Award) -> None:
    work(app_session, an_actor(Role.STEWARD), START - timedelta(hours=5)).record(
        "award.offered", pot, after=AwardState.OFFERED
    )
    auditor = as_(Role.AUDITOR)
    page = page_of(auditor, "/audit")
    assert pot.proposal.title in page
    assert faults(page) == []
    then = (START - timedelta(days=30)).date().isoformat()
    earlier = page_of(auditor, f"/audit?as_at={then}")
    assert pot.proposal.title not in earlier
    assert "No award had been offered by then." in earlier


def test_the_trail_of_a_thing_and_of_a_person(as_: SignIn, app_session: Session, pot: Award) -> None:
    person = a_person(app_session, Role.STEWARD, name="Rose Amara")
    actor = an_actor(Role.STEWARD, id=person.id)
    work(app_session, actor, START).record(
        "award.held", pot, before="active", after="on_hold", why="A question <b>is</b> open.", amount_minor=500
    )
    auditor = as_(Role.AUDITOR)
    payment = app_session.scalars(select(Disbursement).where(Disbursement.award_id == pot.id)).one()
    work(app_session, actor, START).record("payment.paid", payment, before="sent", after="paid")
    app_session.commit()
    page = page_of(auditor, f"/trail/award/{pot.id}")
    assert "Award held" in page
    assert "Payment paid" in page
    assert "A question &lt;b&gt;is&lt;/b&gt; open." in page
    assert "£5.00" in page
    assert faults(page) == []
    assert "What Rose Amara did" in page_of(auditor, f"/trail/by/{person.id}")
    assert "Award held" in page_of(auditor, "/trail?verb=award.held&since=2026-03-02&until=2026-03-02")
    assert "Nothing fits" in page_of(auditor, "/trail?verb=award.held&since=2026-03-03")
    page_of(auditor, f"/trail/award/{uuid4()}", 404)
    page_of(auditor, f"/trail/by/{uuid4()}", 404)


def test_the_books_balance_and_lead_to_their_entries(as_: SignIn, app_session: Session, pot: Award) -> None:
    for role in (Role.AUDITOR, Role.FINANCE_OFFICER):
        reader = as_(role)
        page = page_of(reader, "/books")
        assert "Both sides are equal" in page
        assert "The council: paid to groups" in page
        assert faults(page) == []
        assert "As at the end of 1 January 2020" in page_of(reader, "/books?as_at=2020-01-01")
        entries = page_of(reader, f"/books/{pot.fund_id}/entries")
        assert "Contribution received" in entries
        assert faults(entries) == []
        account_id = app_session.scalars(select(Account.id).where(Account.code == bank_code(pot.fund_id))).one()
        account = page_of(reader, f"/books/accounts/{account_id}")
        assert "The bank account" in account
        assert faults(account) == []
        assert "Nothing had gone in or out by then" in page_of(reader, f"/books/accounts/{account_id}?as_at=2020-01-01")
        commit = app_session.scalars(select(Entry).where(Entry.key == f"award:{pot.id}:commit")).one()
        assert f"/books/entries/{commit.id}" in entries
        entry = page_of(reader, f"/books/entries/{commit.id}")
        assert f"/awards/{pot.id}" in entry
        assert (f"/trail/award/{pot.id}" in entry) == (role is Role.AUDITOR)
        assert faults(entry) == []
        page_of(reader, f"/books/entries/{uuid4()}", 404)


def test_the_check_names_what_does_not_hold(as_: SignIn, app_session: Session, pot: Award) -> None:
    auditor = as_(Role.AUDITOR)
    assert "The books hold" in page_of(auditor, "/books/check")
    app_session.execute(update(Award).where(Award.id == pot.id).values(amount_minor=30_007))
    app_session.commit()
    page = page_of(auditor, "/books/check")
    assert "Something does not hold" in page
    assert f"award {pot.reference} is 30007 pence" in page
    assert faults(page) == []


def test_the_command_names_the_first_break_and_ends_with_one(app: Flask, app_session: Session, pot: Award) -> None:
    well = app.test_cli_runner().invoke(args=["books", "check"])
    assert (well.exit_code, "The books hold." in well.output) == (0, True)
    for name in ("no_update", "no_delete"):
        app_session.execute(text(f"DROP TRIGGER ledger_entry_{name}"))
    app_session.execute(update(Entry).where(Entry.event == "award.released").values(fund_id=uuid4()))
    app_session.execute(update(Award).where(Award.id == pot.id).values(amount_minor=30_007))
    app_session.commit()
    broken = app.test_cli_runner().invoke(args=["books", "check"])
    assert broken.exit_code == 1
    assert "BROKEN  Every entry keeps to one fund" in broken.output
    assert "The first of" in broken.output
    assert "of another fund" in broken.output.split("The first of")[1]


# ---------------------------------------------------------------- queries do not grow


@pytest.mark.parametrize(
    "path",
    [
        "/register",
        "/funders/{funder}",
        "/audit",
        "/trail",
        "/books",
        "/books/{fund}/entries",
        "/funds/{fund}",
        "/books/check",
    ],
)
def test_the_number_of_queries_does_not_grow(app: Flask, as_: SignIn, app_session: Session, path: str) -> None:
    fund = a_fund(app_session)
    funder = a_funder(app_session)
    given = a_contribution(app_session, fund, 1_000_000, funder=funder)
    reader = as_(Role.AUDITOR)

    def grow(more: int) -> None:
        for _ in range(more):
            award = an_award(app_session, amount_minor=500, contributions=[given])
            work(app_session, an_actor(Role.STEWARD)).record("award.offered", award, after=AwardState.OFFERED)
        app_session.commit()

    counts = []
    for more in (2, 6):
        grow(more)
        with statements(app) as heard:
            page_of(reader, path.format(fund=fund.id, funder=funder.id))
        counts.append(len(heard))
    assert counts[0] == counts[1]


def test_the_books_leave_as_a_file_that_the_command_prints_too(as_: SignIn, app_session: Session) -> None:
    given = a_contribution(app_session, amount_minor=123_45)
    other = a_contribution(app_session, amount_minor=777_00)
    app_session.commit()
    auditor = as_(Role.AUDITOR)
    assert "Get the file" in auditor.get("/books/file").text
    assert auditor.get("/books/file?format=odd").status_code == 422
    for kind, suffix in (("beancount", "beancount"), ("hledger", "journal"), ("csv", "csv")):
        answer = auditor.get(f"/books/file?format={kind}")
        assert answer.headers["Content-Disposition"].endswith(f'.{suffix}"')
        assert ("123.45" in answer.text, "777.00" in answer.text) == (True, True)
    share = auditor.get(f"/books/file?format=csv&funder={given.funder_id}").text
    assert ("123.45" in share, "777.00" in share) == (True, False)
    keeper = a_person(app_session, Role.FINANCE_OFFICER, scope_id=other.fund_id)
    app_session.commit()
    kept = as_(keeper).get("/books/file?format=csv").text
    assert ("123.45" in kept, "777.00" in kept) == (False, True)
    assert as_(keeper).get(f"/books/file?format=csv&funder={given.funder_id}").status_code == 422
    assert as_(Role.STEWARD).get("/books/file").status_code == 403


def test_the_books_leave_at_one_moment_and_let_go_of_the_database(
    app: Flask, as_: SignIn, app_session: Session
) -> None:
    a_contribution(app_session, amount_minor=123_45)
    auditor = as_(Role.AUDITOR)
    app_session.rollback()
    with app.app_context():
        lent = db.engine.pool
    before = lent.checkedout()
    with statements(app) as heard:
        assert "123.45" in auditor.get("/books/file?format=csv").text
    about = [statement for statement in heard if "posting" in statement]
    begun = max(number for number, statement in enumerate(heard) if statement.startswith("BEGIN"))
    assert len(about) >= 2
    assert not any("posting" in statement for statement in heard[:begun])
    assert lent.checkedout() == before
