"""Give, confirm, prove, check, verify, waive. The only writer of accounts, name checks and checks of groups."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select

from grants.kernel.clock import london_day
from grants.kernel.errors import Conflict, RuleBroken, StepRefused
from grants.kernel.keyring import KeyRing
from grants.kernel.papers import checked_paper
from grants.kernel.states import next_state
from grants.kernel.work import UnitOfWork
from grants.payees import access, queries
from grants.payees.models import BankAccount, GroupCheck, NameCheck, PayoutAccount
from grants.payees.rules.accounts import (
    STEPS,
    BankAccountAction,
    BankAccountState,
    Details,
    NameAnswer,
    clean_details,
    digits_of,
)
from grants.payees.rules.checks import (
    CHECK_STEPS,
    FOR_ONE_AWARD,
    CheckKind,
    GroupCheckAction,
    GroupCheckState,
    last_day,
)
from grants.people.models import Group
from grants.ports.accounts import AccountNumbers, Modulus
from grants.ports.payments import AccountStanding
from grants.ports.storage import FileStore


@dataclass(frozen=True, slots=True)
class Payee:
    """Where to pay: for whoever writes the order to the bank, and for nobody else."""

    account_id: UUID
    group_id: UUID
    details: Details


def give(
    uow: UnitOfWork, keys: KeyRing, numbers: AccountNumbers, group_id: UUID, name: str, sort_code: str, number: str
) -> BankAccount:
    """A member gives the details of the group's account, or new ones. What stood before is replaced.

    Call ``disbursements.service.give_account``, which also stops every unpaid payment to the old account.
    """
    group = uow.get(Group, group_id, lock=True)
    giver = access.ensure_may_give(uow.actor, group_id)
    details = clean_details(name, sort_code, number)
    answer = numbers.check(details.sort_code, details.account_number)
    if answer is Modulus.FAIL:
        raise RuleBroken(
            "This sort code and account number do not fit together. Look at your statement and type them again.",
            "account_number",
        )
    standing = queries.account(uow.session, group_id)
    if standing is not None:
        _end(uow, standing, BankAccountAction.EDIT, "bank.replaced")
        uow.session.flush()
    last = uow.session.scalar(select(func.max(BankAccount.version)).where(BankAccount.group_id == group.id)) or 0
    id = uuid4()
    account = BankAccount(
        id=id,
        group_id=group.id,
        version=last + 1,
        state=BankAccountState.PROVIDED,
        sealed=keys.seal(details.to_bytes(), _about(id)),
        last_four=details.account_number[-4:],
        mark=_mark(keys, details),
        modulus=answer,
        given_by_id=giver,
        given_at=uow.now,
    )
    uow.add(account)
    uow.record(
        "bank.given",
        account,
        after=account.state,
        group=group.id,
        version=account.version,
        modulus=answer.value,
    )
    return account


def _mark(keys: KeyRing, details: Details) -> str:
    """By which two groups with one account are found, without opening either."""
    return keys.mark(f"{details.sort_code}{details.account_number}".encode(), b"bank account")


def _about(account_id: UUID) -> bytes:
    return b"seedbed bank account v1\n" + account_id.bytes


def confirm(uow: UnitOfWork, account_id: UUID) -> BankAccount:
    """Another member says that these are the group's details: two people for every change."""
    account = uow.get(BankAccount, account_id, lock=True)
    access.ensure_may_confirm(uow.actor, account.group_id, account.given_by_id)
    if account.ended_at is not None:
        raise StepRefused("These details were replaced. Look at the newest ones.")
    if account.confirmed_by_id is not None:
        raise Conflict("These details were confirmed already.")
    account.confirmed_by_id, account.confirmed_at = uow.actor.id, uow.now
    uow.record("bank.confirmed", account, group=account.group_id)
    return account


def keep_paper(files: FileStore, content: bytes) -> str:
    """Put a paper into the store: a PDF in which nothing runs, or a photo drawn anew. Nothing else is kept. Its name.

    Before any transaction: a store may be far away, or away. What comes to belong to nothing is swept.
    Raises ``RuleBroken``, ``StoreAway``.
    """
    paper = checked_paper(content)
    return files.put(paper.content, suffix=paper.suffix)


def add_paper(uow: UnitOfWork, account_id: UUID, name: str) -> BankAccount:
    """A member shows a statement: a paper that lies in the store (``keep_paper``)."""
    account = uow.get(BankAccount, account_id, lock=True)
    giver = access.ensure_may_give(uow.actor, account.group_id)
    before = account.state
    after = next_state(STEPS, before, BankAccountAction.SHOW_EVIDENCE)
    account.paper = name
    account.paper_by_id, account.paper_at, account.state = giver, uow.now, after
    uow.record("bank.evidenced", account, before=before, after=after, group=account.group_id)
    return account


def check_name(uow: UnitOfWork, account_id: UUID, answer: NameAnswer, note: str = "") -> NameCheck:
    """Write down what the account's bank said of the name. A close match needs words; no match goes no further."""
    account = uow.get(BankAccount, account_id, lock=True)
    officer = _judge(uow, account)
    after = next_state(STEPS, account.state, BankAccountAction.CHECK_NAME)
    words = " ".join(note.split())
    if len(words) > 300:
        raise RuleBroken("Say it in 300 characters or fewer.", "note")
    if answer is NameAnswer.CLOSE and not words:
        raise RuleBroken("Say why a close match is good enough here.", "note")
    found = NameCheck(account_id=account.id, answer=answer, note=words, checked_by_id=officer, checked_at=uow.now)
    uow.add(found)
    before = account.state
    if answer is not NameAnswer.NO_MATCH:
        account.state = after
    uow.record(
        "bank.name_checked",
        account,
        before=before,
        after=account.state,
        answer=answer.value,
        group=account.group_id,
    )
    uow.session.expire(account, ["name_checks"])
    return found


def verify(uow: UnitOfWork, keys: KeyRing, account_id: UUID, sort_code: str, number: str) -> BankAccount:
    """An officer types the numbers that stand on the statement: only if the group gave the same is it verified."""
    account = uow.get(BankAccount, account_id, lock=True)
    officer = _judge(uow, account)
    before = account.state
    after = next_state(STEPS, before, BankAccountAction.VERIFY)
    if account.confirmed_by_id is None:
        raise StepRefused("Another member of the group must confirm these details first.")
    details = _open(keys, account)
    if (digits_of(sort_code, "sort_code"), digits_of(number, "account_number")) != (
        details.sort_code,
        details.account_number,
    ):
        raise RuleBroken(
            "These are not the numbers that the group gave. Read the statement again. If they really differ, refuse "
            "the details and say why.",
            "account_number",
        )
    account.verified_by_id, account.verified_at, account.state = officer, uow.now, after
    uow.record("bank.verified", account, before=before, after=after, group=account.group_id)
    return account


def refuse(uow: UnitOfWork, account_id: UUID, reason: str) -> BankAccount:
    """An officer does not accept the details; the group reads why and gives others.

    Call ``disbursements.service.refuse_account``, which also stops every unpaid payment to the account.
    """
    account = uow.get(BankAccount, account_id, lock=True)
    _judge(uow, account)
    account.reason = _reason(reason)
    _end(uow, account, BankAccountAction.REFUSE, "bank.refused")
    return account


def _judge(uow: UnitOfWork, account: BankAccount) -> UUID:
    return access.ensure_officer(
        uow.actor, account.group_id, (account.given_by_id, account.confirmed_by_id, account.paper_by_id)
    )


def _end(uow: UnitOfWork, account: BankAccount, action: BankAccountAction, verb: str) -> None:
    before = account.state
    account.state, account.ended_at = next_state(STEPS, before, action), uow.now
    uow.record(verb, account, before=before, after=account.state, why=account.reason, group=account.group_id)


def payee_details(uow: UnitOfWork, keys: KeyRing, group_id: UUID) -> Payee:
    """The verified account of whoever is to be paid, opened, for the order to the bank. Each opening is in the trail.

    Raises ``StepRefused`` when the group has no verified account, ``SealBroken`` when its key is not on the ring.
    """
    account = queries.verified_account(uow.session, group_id)
    if account is None:
        raise StepRefused("This payee has no verified bank account, so nothing can be sent.")
    details = _open(keys, account)
    uow.record("bank.opened", account, group=group_id)
    return Payee(account.id, group_id, details)


def _open(keys: KeyRing, account: BankAccount) -> Details:
    return Details.from_bytes(keys.open(account.sealed, _about(account.id)))


def rotate(uow: UnitOfWork, keys: KeyRing) -> int:
    """Seal again, under the ring's current key, whatever another key seals. Safe to run twice; gives how many."""
    done = 0
    for account in uow.session.scalars(
        select(BankAccount)
        .where(or_(BankAccount.sealed.not_like(f"{keys.current}.%"), BankAccount.mark.is_(None)))
        .order_by(BankAccount.id)
        .with_for_update()
    ):
        details = _open(keys, account)
        account.sealed, account.mark = keys.seal(details.to_bytes(), _about(account.id)), _mark(keys, details)
        uow.record("bank.sealed_again", account, key=keys.current)
        done += 1
    return done


# ------------------------------------------------------------------------------------------------ accounts at providers


def open_account(uow: UnitOfWork, group_id: UUID, provider: str) -> PayoutAccount:
    """Begin to set up the account in which a group receives money; the one that stands, if there is one."""
    group = uow.get(Group, group_id, lock=True)
    access.ensure_may_set_up(uow.actor, group_id)
    assert uow.actor.id is not None
    standing = queries.recipient(uow.session, group.id, provider)
    if standing is not None:
        return standing
    account = PayoutAccount(
        group_id=group.id,
        provider=provider,
        key=f"account:{group.id}:{provider}",
        standing=AccountStanding.STARTED,
        opened_by_id=uow.actor.id,
        opened_at=uow.now,
    )
    uow.add(account)
    uow.record("recipient.opened", account, after=account.standing, group=group.id)
    return account


def name_account(uow: UnitOfWork, account_id: UUID, account_ref: str) -> None:
    """Keep the provider's reference of an account that was opened under our key."""
    account = uow.get(PayoutAccount, account_id, lock=True)
    access.ensure_may_set_up(uow.actor, account.group_id)
    if account.account_ref not in (None, account_ref):
        raise Conflict("This group has another account already.")
    account.account_ref = account_ref


def account_stands(uow: UnitOfWork, account_id: UUID, standing: AccountStanding) -> PayoutAccount:
    """Write down how an account stands, as its provider says.

    Call ``disbursements.service.account_stands``, which also starts what waited for it, and stops what cannot be paid.
    """
    access.ensure_provider(uow.actor)
    account = uow.get(PayoutAccount, account_id, lock=True)
    before, account.standing, account.told_at = account.standing, standing, uow.now
    if before is not standing:
        uow.record("recipient.changed", account, before=before, after=standing, group=account.group_id)
    return account


# ------------------------------------------------------------------------------------------------------------- checks


def give_answer(
    uow: UnitOfWork,
    kind: CheckKind,
    group_id: UUID,
    award_ref: UUID,
    words: str,
    paper: str | None = None,
) -> GroupCheck:
    """A member answers a check with words, a paper that lies in the store (``keep_paper``), or both.

    Good for later awards too, unless it is said for one.
    """
    giver = access.ensure_may_answer(uow.actor, kind, group_id)
    said = words.strip()
    if len(said) > 1000:
        raise RuleBroken("Say it in 1,000 characters or fewer.", "words")
    if not said and not paper:
        raise RuleBroken("Write something, or choose a file.", "words")
    given = GroupCheck(
        group_id=group_id,
        kind=kind,
        state=GroupCheckState.GIVEN,
        award_ref=award_ref if kind in FOR_ONE_AWARD else None,
        words=said,
        paper=paper,
        given_by_id=giver,
        given_at=uow.now,
    )
    uow.add(given)
    uow.record("check.given", given, after=given.state, kind=kind.value, group=group_id, award=award_ref)
    return given


def judge(
    uow: UnitOfWork, check_id: UUID, *, passed: bool, reason: str = "", expires_on: date | None = None
) -> GroupCheck:
    """An officer passes an answer, until a day, or fails it with a reason that the group reads."""
    found = uow.get(GroupCheck, check_id, lock=True)
    officer = access.ensure_officer(uow.actor, found.group_id, (found.given_by_id,))
    before = found.state
    after = next_state(CHECK_STEPS, before, GroupCheckAction.PASS if passed else GroupCheckAction.FAIL)
    if passed:
        found.expires_on = last_day(found.kind, expires_on, london_day(uow.now))
        found.reason = " ".join(reason.split())[:500] or None
    else:
        found.reason = _reason(reason)
    found.state, found.judged_by_id, found.judged_at = after, officer, uow.now
    uow.record(
        "check.judged", found, before=before, after=after, why=found.reason, kind=found.kind.value, group=found.group_id
    )
    return found


def _reason(text: str) -> str:
    why = " ".join(text.split())
    if not why or len(why) > 500:
        raise RuleBroken("Say why, in 500 characters or fewer." if why else "Say why.", "reason")
    return why


def ask_waiver(uow: UnitOfWork, kind: CheckKind, group_id: UUID, award_ref: UUID, reason: str) -> GroupCheck:
    """An officer asks that one award go on without a check. Another officer decides."""
    officer = access.ensure_officer(uow.actor, group_id)
    waits = select(GroupCheck.id).where(
        GroupCheck.group_id == group_id,
        GroupCheck.kind == kind,
        GroupCheck.award_ref == award_ref,
        GroupCheck.state == GroupCheckState.WAIVER_ASKED,
    )
    why = _reason(reason)
    if uow.session.scalar(waits.limit(1)) is not None:
        raise Conflict("Somebody has asked for this already. Another officer must answer.", "reason")
    asked = GroupCheck(
        group_id=group_id,
        kind=kind,
        state=next_state(CHECK_STEPS, GroupCheckState.GIVEN, GroupCheckAction.ASK_WAIVER),
        award_ref=award_ref,
        given_by_id=officer,
        given_at=uow.now,
        waiver_asked_by_id=officer,
        reason=why,
    )
    uow.add(asked)
    uow.record(
        "check.waiver_asked", asked, after=asked.state, why=why, kind=kind.value, group=group_id, award=award_ref
    )
    return asked


def answer_waiver(uow: UnitOfWork, check_id: UUID, *, agreed: bool) -> GroupCheck:
    """Another officer waives the check for that award, or does not."""
    asked = uow.get(GroupCheck, check_id, lock=True)
    officer = access.ensure_officer(uow.actor, asked.group_id)
    access.ensure_another(uow.actor, asked.waiver_asked_by_id)
    before = asked.state
    asked.state = next_state(CHECK_STEPS, before, GroupCheckAction.WAIVE if agreed else GroupCheckAction.REFUSE_WAIVER)
    asked.judged_by_id, asked.judged_at = officer, uow.now
    uow.record(
        "check.waiver_answered",
        asked,
        before=before,
        after=asked.state,
        why=asked.reason,
        kind=asked.kind.value,
        group=asked.group_id,
        award=asked.award_ref,
    )
    return asked
