"""Bank runs, and statements: the only writer of runs, their lines, and lines of statements."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from hashlib import sha256
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from grants.banking import access, notices, queries
from grants.banking.models import BankRun, BankRunLine, ProviderReading, StatementLine
from grants.banking.rules import STEPS, About, Expected, Outcome, RunAction, RunState, find
from grants.disbursements.models import Disbursement
from grants.disbursements.rules import DisbursementState, Notice, Told
from grants.disbursements.service import heard
from grants.funds import queries as funds
from grants.funds.models import Checkout, Fund
from grants.funds.rules import MoneyDraft
from grants.funds.service import contributions
from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, NotAllowed, RuleBroken, SeedbedError, StepRefused
from grants.kernel.keyring import KeyRing
from grants.kernel.money import show_pounds
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.ledger import queries as books
from grants.ledger import service as ledger
from grants.payees import service as payees
from grants.ports import payments as port
from grants.ports.bank_run import Answer, BankLine, OrderFile, OrderLine
from grants.ports.bank_run import BankRun as BankRunFiles


def make_run(uow: UnitOfWork, fund_id: UUID, pay_by: date, default: str) -> BankRun:
    """Put everything of a fund that waits for a bank run into one. A payment is in one run only."""
    uow.get(Fund, fund_id, lock=True)
    access.ensure_may_bank(uow.actor, fund_id)
    assert uow.actor.id is not None
    if pay_by < london_day(uow.now):
        raise RuleBroken("Choose today or a later day.", field="pay_by")
    waiting = queries.waiting_ids(uow.session, default, fund_id)
    if not waiting:
        raise StepRefused("Nothing waits for a bank run.")
    number = (uow.session.scalar(select(func.count(BankRun.id))) or 0) + 1
    run = BankRun(
        fund_id=fund_id,
        batch=f"SB{london_day(uow.now):%y%m%d}-{number:04d}",
        state=RunState.MADE,
        pay_by=pay_by,
        made_by_id=uow.actor.id,
        made_at=uow.now,
        count=len(waiting),
        total_minor=sum(amount for _, _, amount in waiting),
    )
    try:
        with uow.session.begin_nested():
            uow.add(run)
            uow.session.add_all(
                BankRunLine(run_id=run.id, disbursement_id=id, position=place, reference=reference, amount_minor=amount)
                for place, (id, reference, amount) in enumerate(waiting, start=1)
            )
            uow.session.flush()
    except IntegrityError:
        raise Conflict("Somebody else has just made a bank run with these payments.") from None
    uow.record("run.made", run, after=run.state, fund=fund_id, count=run.count, amount_minor=run.total_minor)
    return run


def order_file(
    uow: UnitOfWork, run_id: UUID, keys: KeyRing, files: BankRunFiles, cost_centre: str, account_code: str
) -> OrderFile:
    """The file of a run. Opens each payee's verified account, which the trail tells. Made again, it is the same file.

    Refuses, by name, a payee without a verified account, and details that changed since the file was first made.
    """
    run = uow.get(BankRun, run_id, lock=True)
    access.ensure_may_bank(uow.actor, run.fund_id)
    if run.state not in (RunState.MADE, RunState.HANDED_OVER):
        raise StepRefused("This bank run is over.")
    lines = queries.run_lines(uow.session, run_id)
    codes = queries.funder_codes(uow.session, {line.award_id for line in lines})
    order = []
    for line in lines:
        try:
            payee = payees.payee_details(uow, keys, line.payee_id)
        except StepRefused as refused:
            raise StepRefused(f"{line.payee}: {refused.message}") from refused
        order.append(
            OrderLine(
                supplier=f"G{line.payee_id.int % 10**8:08d}",
                payee=payee.details.account_name,
                sort_code=payee.details.sort_code,
                account_number=payee.details.account_number,
                reference=line.reference,
                amount_minor=line.amount_minor,
                cost_centre=cost_centre,
                account_code=account_code,
                funder_code=codes.get(line.award_id, ""),
                description=line.title[:60],
                asked_by=line.asked_by,
                authorised_by=line.authorised_by,
                pay_by=run.pay_by,
            )
        )
    made = files.write(run.batch, order)
    if run.sha256 is not None and run.sha256 != made.sha256:
        raise Conflict(
            "Something in this file has changed since it was first made: a payee's bank details, or a name. "
            "Take the run back and make a new one."
        )
    run.sha256 = made.sha256
    uow.record("run.file_made", run, before=run.state, after=run.state, sha256=made.sha256, count=made.count)
    return made


def hand_over(uow: UnitOfWork, run_id: UUID) -> BankRun:
    """The file went to the finance office: its payments are on their way. One that may not go stops all."""
    run = uow.get(BankRun, run_id, lock=True)
    access.ensure_may_bank(uow.actor, run.fund_id)
    if run.sha256 is None:
        raise StepRefused("Get the file first, then hand it over.")
    before, run.state = run.state, next_state(STEPS, run.state, RunAction.HAND_OVER)
    run.handed_over_at, run.handed_over_by_id = uow.now, uow.actor.id
    lines = queries.run_lines(uow.session, run_id)
    for line in lines:
        try:
            heard.hand_over(uow, line.disbursement_id, line.reference)
        except SeedbedError as refused:
            raise StepRefused(f"{line.reference}: {refused.message} Take the run back and make a new one.") from refused
    notices.advice(uow, run, lines)
    uow.record("run.handed_over", run, before=before, after=run.state)
    return run


def cancel_run(uow: UnitOfWork, run_id: UUID) -> BankRun:
    """Take back a run that nobody was given: its payments wait for the next one."""
    run = uow.get(BankRun, run_id, lock=True)
    access.ensure_may_bank(uow.actor, run.fund_id)
    before, run.state = run.state, next_state(STEPS, run.state, RunAction.CANCEL)
    for line in list(run.lines):
        uow.session.delete(line)
    uow.session.flush()
    uow.record("run.cancelled", run, before=before, after=run.state)
    return run


def take_answer(uow: UnitOfWork, run_id: UUID, answer: Answer) -> Outcome:
    """One line of the finance office's file: matched on batch, reference and amount, or refused with the reason."""
    run = uow.get(BankRun, run_id, lock=True)
    access.ensure_may_bank(uow.actor, run.fund_id)
    words = f"{answer.batch} {answer.reference}"
    if run.state is not RunState.HANDED_OVER:
        return Outcome(words, "This bank run was not handed over, or all of it is answered.")
    found = queries.payment_keys(uow.session, answer.batch, [answer.reference]).get(answer.reference)
    if answer.batch != run.batch or found is None:
        return Outcome(words, "No payment of this run has this batch and reference.")
    line_id, key, amount_minor, _ = found
    if amount_minor != answer.amount_minor:
        return Outcome(words, "The amount is another than in the run. Ask the finance office.")
    payment = uow.session.scalars(select(Disbursement).where(Disbursement.key == key)).one()
    if unclear := _contradicts(payment.state, answer):
        uow.record(
            "payment.questioned",
            payment,
            before=payment.state,
            after=payment.state,
            why=unclear,
            award=payment.award_id,
        )
        return Outcome(words, unclear)
    told = Told.PAID if answer.paid else Told.FAILED
    reason = "" if answer.paid else f"The finance office could not pay it: {answer.reason or 'it gave no reason'}"
    notice = Notice(f"{run.batch}:{answer.reference}:{told}", told, key, amount_minor, answer.reference, reason[:300])
    if not heard.told_by_bank(uow, notice):
        return Outcome(words, "This was taken in before.")
    line = uow.get(BankRunLine, line_id)
    line.told_at = uow.now
    uow.session.flush()
    if all(one.told_at is not None for one in run.lines):
        before, run.state = run.state, next_state(STEPS, run.state, RunAction.FINISH)
        uow.record("run.finished", run, before=before, after=run.state)
    return Outcome(words)


def _contradicts(state: DisbursementState, answer: Answer) -> str:
    """What a person must clear up before this answer can count; empty when it agrees with what we know."""
    if answer.paid and state in (DisbursementState.FAILED, DisbursementState.CANCELLED):
        return (
            "This payment stands as not made, and now it is told to be paid. Ask the finance office which is true, and "
            "ask for no new payment of this part before you know. If it was paid, have the money sent back."
        )
    if not answer.paid and state is DisbursementState.PAID:
        return (
            "This payment stands as paid, and now it is told to be rejected. Take in the bank statement: if the money "
            "came back, it is found there, and the part can be asked for again."
        )
    return ""


# ------------------------------------------------------------------------------------------------------- statements


def take_statement(uow: UnitOfWork, fund_id: UUID, lines: Sequence[BankLine]) -> tuple[int, int, int]:
    """Lines of the fund's bank statement, each once: how many were new, of them matched, and known already.

    A line that is about a payment on its way makes it paid: to the penny, with our reference in its text. As much that
    comes in again with the reference of a payment is that payment, sent back by the group's bank.
    """
    uow.get(Fund, fund_id, lock=True)
    access.ensure_may_bank(uow.actor, fund_id)
    today = london_day(uow.now)
    ahead = next((one for one in lines if one.on > today), None)
    if ahead is not None:
        raise RuleBroken(
            f"A line is dated {ahead.on.day} {ahead.on:%B %Y}, which has not come yet. Look at the days in the file: "
            "the day comes first, then the month.",
            field="file",
        )
    expected = queries.expected(uow.session, fund_id)
    seen: Counter[tuple[object, ...]] = Counter()
    new = matched = 0
    for one in sorted(lines, key=lambda one: (one.on, one.amount_minor)):  # what left before what came back
        facts = (fund_id, one.on, one.amount_minor, one.reference, one.words)
        seen[facts] += 1
        key = sha256("\n".join(map(str, (*facts, seen[facts]))).encode()).hexdigest()
        if uow.session.scalar(select(StatementLine.id).where(StatementLine.source == "bank", StatementLine.key == key)):
            continue
        line = StatementLine(
            source="bank",
            fund_id=fund_id,
            key=key,
            on=one.on,
            amount_minor=one.amount_minor,
            reference=one.reference,
            words=one.words,
            taken_at=uow.now,
        )
        about = find(one.amount_minor, f"{one.reference} {one.words}", expected, one.on)
        if about is not None:
            expected.remove(about)
            line.about, line.about_id, line.matched_by_id = about.about, about.id, uow.actor.id
            matched += 1
        uow.add(line)
        new += 1
        if about is not None and about.about is About.PAYMENT:
            expected.append(_arrived(uow, line))
        elif about is not None and about.about is About.RETURNED:
            _sent_back(uow, line)
    if new:
        uow.record("fund.statement_taken", uow.get(Fund, fund_id), count=new, matched=matched)
    return new, matched, len(lines) - new


def _arrived(uow: UnitOfWork, line: StatementLine) -> Expected:
    """What left has arrived. Gives what may stand further down: that it came back."""
    assert line.about_id is not None
    payment = uow.get(Disbursement, line.about_id)
    if payment.state is DisbursementState.SENT:
        told = Notice(f"line:{line.key}"[:80], Told.PAID, payment.key, -line.amount_minor)
        heard.told_by_bank(uow, told)
    return queries.came_back(payment.id, payment.amount_minor, payment.provider_ref or "", payment.authorised_at)


def _sent_back(uow: UnitOfWork, line: StatementLine) -> None:
    assert line.about_id is not None
    payment = uow.session.get(Disbursement, line.about_id)
    if payment is not None and payment.state is DisbursementState.PAID:  # else it is money that a group gave back
        reason = "The group's bank sent it back: it stands on the bank statement."
        told = Notice(f"line:{line.key}"[:80], Told.CAME_BACK, payment.key, line.amount_minor, reason=reason)
        heard.told_by_bank(uow, told)


def credit_line(uow: UnitOfWork, line_id: UUID, contribution_id: UUID) -> StatementLine:
    """A line is money of this contribution: record it as received, with the bank's day and reference."""
    line = uow.get(StatementLine, line_id, lock=True)
    _ensure_open(uow, line)
    if line.amount_minor <= 0 or line.fund_id is None:
        raise RuleBroken("Only money that came in can be a funder's.")
    taken = {one.reference for one in funds.receipts(uow.session, contribution_id)}
    draft = MoneyDraft(line.amount_minor, _reference(line, taken), line.on)
    receipt = contributions.receive(uow, contribution_id, draft)
    line.about, line.about_id, line.matched_by_id = About.MONEY_IN, receipt.id, uow.actor.id
    return line


def _reference(line: StatementLine, taken: Collection[str]) -> str:
    """The bank's reference, or its words; with the day, and a number, where money with the same one came before.

    A standing order has one reference for ever. That one line is not credited twice is known from the line itself.
    """
    said = contributions.tidy_reference((line.reference or line.words or line.key)[:60].strip())
    dated = f"{said[:46].strip()} {line.on.isoformat()}"
    ways = (said, dated, *(f"{dated} {number}" for number in range(2, len(taken) + 3)))
    return next(way for way in ways if way not in taken)


def set_aside(uow: UnitOfWork, line_id: UUID, why: str) -> StatementLine:
    """A line is explained in words: it has nothing to do with grants, or it was put right in another way."""
    line = uow.get(StatementLine, line_id, lock=True)
    _ensure_open(uow, line)
    words = " ".join(why.split())[:300]
    if not words:
        raise RuleBroken("Say what this line is.", field="why")
    line.set_aside_at, line.set_aside_why, line.matched_by_id = uow.now, words, uow.actor.id
    uow.record("statement.explained", line, amount_minor=line.amount_minor)
    return line


def _ensure_open(uow: UnitOfWork, line: StatementLine) -> None:
    if line.fund_id is not None:
        access.ensure_may_bank(uow.actor, line.fund_id)
    if line.about is not None or line.set_aside_at is not None:
        raise Conflict("Somebody has already dealt with this line.")


def take_provider_lines(
    uow: UnitOfWork, provider: str, lines: Sequence[port.StatementLine], balance_minor: int | None = None
) -> tuple[int, int]:
    """Lines of a provider's statement, each once: how many were new, and how many of them found nothing.

    A payment that stands there with the same amount is paid, even when no event of it ever came. What found its fund
    stands in the books, its fee apart; what found nothing is tried again when it is read again.
    """
    if not uow.actor.is_clock:
        raise NotAllowed("A provider's statement is read by the clock.")
    new = alone = 0
    for one in lines:
        line = uow.session.scalar(
            select(StatementLine).where(StatementLine.source == provider, StatementLine.key == one.id)
        )
        if line is None:
            line = StatementLine(source=provider, key=one.id, on=london_day(one.at), taken_at=uow.now)
            _say(line, one)
            line.about, line.about_id, line.fund_id = _about(uow, provider, one)
            uow.add(line)
            new, alone = new + 1, alone + (line.about is None)
        elif line.fee_minor is None or (line.about is None and line.set_aside_at is None):
            _say(line, one)
            about, about_id, fund_id = _about(uow, provider, one)
            if line.about is None and line.set_aside_at is None:
                line.about, line.about_id = about, about_id
            line.fund_id = fund_id if line.about is not None else None
        _book(uow, line)
    if balance_minor is not None:
        uow.add(ProviderReading(provider=provider, read_at=uow.now, balance_minor=balance_minor))
    return new, alone


def _say(line: StatementLine, one: port.StatementLine) -> None:
    line.amount_minor, line.fee_minor, line.kind = one.amount_minor, one.fee_minor, one.kind.value
    line.reference, line.words = one.source_ref, _CALLED[one.kind]


def _book(uow: UnitOfWork, line: StatementLine) -> None:
    """A line that is about something stands in the books of its fund, once."""
    if line.about is not None and line.fund_id is not None and line.fee_minor is not None:
        ledger.through_provider(
            uow,
            line.fund_id,
            provider=line.source,
            ref=line.key,
            amount_minor=line.amount_minor,
            fee_minor=line.fee_minor,
            memo=f"{line.words} {line.reference}".strip(),
        )


def say_fund(uow: UnitOfWork, line_id: UUID, fund_id: UUID) -> StatementLine:
    """A line of a provider's statement that found nothing is of this fund: it and its fee stand in its books."""
    line = uow.get(StatementLine, line_id, lock=True)
    _ensure_open(uow, line)
    access.ensure_may_bank(uow.actor, fund_id)
    if line.source == BANK or line.fee_minor is None:
        raise StepRefused("Only what a payment company tells is put into a fund's books so.")
    fund = uow.get(Fund, fund_id)
    line.about = _ALONE.get(line.kind or "", About.OTHER)
    line.about_id, line.fund_id, line.matched_by_id = fund.id, fund.id, uow.actor.id
    _book(uow, line)
    uow.record("statement.explained", line, fund=fund.id, amount_minor=line.amount_minor, fee_minor=line.fee_minor)
    return line


def make_fees_good(uow: UnitOfWork, line_id: UUID) -> StatementLine:
    """Money on the bank statement makes good what the payment company kept. Never more than it kept."""
    line = uow.get(StatementLine, line_id, lock=True)
    _ensure_open(uow, line)
    if line.source != BANK or line.fund_id is None or line.amount_minor <= 0:
        raise StepRefused("Only money that came into the bank account can make fees good.")
    access.ensure_may_bank(uow.actor, line.fund_id)
    uow.get(Fund, line.fund_id, lock=True)
    missing = books.fees_minor(uow.session, line.fund_id)
    if line.amount_minor > missing:
        raise StepRefused(f"This is more than the {show_pounds(max(0, missing))} of fees that are not made good yet.")
    ledger.fees_made_good(
        uow, line.fund_id, ref=line.key, amount_minor=line.amount_minor, memo=(line.reference or line.words)[:200]
    )
    line.about, line.about_id, line.matched_by_id = About.MADE_GOOD, line.fund_id, uow.actor.id
    uow.record("statement.explained", line, fund=line.fund_id, amount_minor=line.amount_minor)
    return line


BANK = "bank"
_CALLED = {
    port.StatementKind.PAYOUT: "paid to a group",
    port.StatementKind.PAYOUT_BACK: "came back from a group",
    port.StatementKind.MONEY_IN: "paid to us",
    port.StatementKind.REFUND: "given back to a payer",
    port.StatementKind.DISPUTE: "taken back by a payer’s bank, or given again",
    port.StatementKind.FEE: "a charge by itself",
    port.StatementKind.OWN_BANK: "between Stripe and our bank",
    port.StatementKind.OTHER: "something of its own",
}
"""What a provider's line is called on pages."""
_ALONE = {port.StatementKind.FEE.value: About.FEE, port.StatementKind.OWN_BANK.value: About.OWN_BANK}
"""What is about no payment of ours: a charge of its own, and what moves between the provider and our bank account."""
_Found = tuple[About, UUID, UUID] | tuple[None, None, None]
"""What a line is about: its kind, its id and its fund's."""


def _about(uow: UnitOfWork, provider: str, one: port.StatementLine) -> _Found:
    kinds = port.StatementKind
    if alone := _ALONE.get(one.kind.value):
        funds = queries.funds_with(uow.session, provider)
        return (alone, funds[0], funds[0]) if len(funds) == 1 else (None, None, None)
    if one.kind in (kinds.PAYOUT, kinds.PAYOUT_BACK):
        payment = uow.session.scalar(
            select(Disbursement).where(Disbursement.gateway == provider, Disbursement.provider_ref == one.source_ref)
        )
        if payment is None:
            return None, None, None
        fund_id = payment.award.fund_id
        if one.kind is kinds.PAYOUT_BACK:
            return About.RETURNED, payment.id, fund_id
        told = Notice(f"line:{one.id}", Told.PAID, payment.key, -one.amount_minor, one.source_ref)
        if payment.state is DisbursementState.SENT:
            heard.handle_event(uow, provider, told)
        same = -one.amount_minor == payment.amount_minor
        return (About.PAYMENT, payment.id, fund_id) if same else (None, None, None)
    if one.kind in (kinds.MONEY_IN, kinds.REFUND, kinds.DISPUTE):
        checkout = uow.session.scalar(
            select(Checkout).where(
                Checkout.provider == provider,
                Checkout.payment_ref == one.source_ref,
                Checkout.state == port.CheckoutStanding.PAID,
            )
        )
        came_in = one.kind is kinds.MONEY_IN
        if checkout is not None and (not came_in or checkout.amount_minor == one.amount_minor):
            return (About.MONEY_IN if came_in else About.GIVEN_BACK), checkout.id, checkout.contribution.fund_id
    return None, None, None
