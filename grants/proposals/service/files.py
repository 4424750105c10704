"""Pictures, papers and voices that belong to a proposal: kept closed until they were looked at for malware."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from grants.kernel.errors import NotFound, RuleBroken, StepRefused
from grants.kernel.states import next_state
from grants.kernel.words import words_given
from grants.kernel.work import UnitOfWork
from grants.outbox import service as outbox
from grants.ports.scanning import Scanner
from grants.ports.storage import FileStore
from grants.proposals import access
from grants.proposals.models import Proposal, ProposalFile
from grants.proposals.queries import whole
from grants.proposals.rules.files import (
    FILE_STEPS,
    LABEL_AT_MOST,
    MOST_FILES,
    FileAction,
    FileKind,
    FileState,
    checked_upload,
)
from grants.proposals.rules.states import ProposalState
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState

Working = Callable[[], AbstractContextManager[UnitOfWork]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that lies in the store and belongs to nothing so far."""

    kind: FileKind
    stored_name: str
    size: int
    label: str


def keep(store: FileStore, content: bytes, label: str) -> Kept:
    """Put what was sent into the store: known by its content, pictures drawn anew. Before any transaction, since a
    store may be far away: nobody waits for it who wants to write.

    ``label``: what it shows, or what is said in it. Raises ``RuleBroken`` at ``file`` or ``label``, ``StoreAway``.
    """
    message = "Say what it shows or what is said in it, for people who cannot see or hear it."
    label = words_given(label, "label", message, LABEL_AT_MOST)
    kept = checked_upload(content)
    return Kept(kept.kind, store.put(kept.content, suffix=kept.suffix), len(kept.content), label)


def add(uow: UnitOfWork, proposal_id: UUID, kept: Kept) -> ProposalFile:
    """Let a file belong to a proposal that is being written; it stays closed until it was scanned."""
    proposal = _writing(uow, proposal_id)
    size = uow.session.scalar(
        select(func.count()).select_from(ProposalFile).where(ProposalFile.proposal_id == proposal.id)
    )
    if (size or 0) >= MOST_FILES:
        raise RuleBroken(f"A proposal holds {MOST_FILES} files. Take one out first.", field="file")
    file = ProposalFile(
        proposal_id=proposal.id,
        kind=kept.kind,
        state=FileState.WAITING,
        stored_name=kept.stored_name,
        size=kept.size,
        label=kept.label,
        added_at=uow.now,
    )
    uow.add(file)
    outbox.put(uow, "scan", {"file_id": str(file.id)}, key=f"scan:{file.id}", subject_id=proposal.id)
    uow.record("proposal.file_added", proposal, file=file.id, kind=kept.kind.value, size=file.size)
    return file


def remove(uow: UnitOfWork, file_id: UUID) -> UUID:
    """Take a file out of a proposal that is being written. Gives the proposal's id."""
    file = uow.get(ProposalFile, file_id)
    proposal = _writing(uow, file.proposal_id)
    uow.record("proposal.file_removed", proposal, file=file.id)
    uow.session.delete(file)
    uow.session.flush()
    return proposal.id


def note_scan(uow: UnitOfWork, file_id: UUID, *, clean: bool) -> None:
    """Open a file in which nothing was found; close one for good in which something was. Safe to run twice."""
    file = uow.session.get(ProposalFile, file_id)
    if file is None or file.state is not FileState.WAITING:
        return
    before = file.state
    file.state = next_state(FILE_STEPS, before, FileAction.FIND_CLEAN if clean else FileAction.FIND_INFECTED)
    uow.record("proposal.file_scanned", file, before=before, after=file.state, proposal_id=file.proposal_id)


def scan(working: Working, store: FileStore, scanner: Scanner, payload: dict[str, str], key: str) -> None:
    """Look at a file, outside any transaction, and note what was found. ``ScannerAway`` lets the relay try again."""
    file_id = UUID(payload["file_id"])
    with working() as uow:
        file = uow.session.get(ProposalFile, file_id)
        name = file.stored_name if file is not None and file.state is FileState.WAITING else None
    if name is None:
        return
    clean = scanner.is_clean(store.get(name))
    with working() as uow:
        note_scan(uow, file_id, clean=clean)


def _writing(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    uow.get(Proposal, proposal_id, lock=True)
    proposal = whole.proposal(uow.session, proposal_id)
    if not access.may_edit(uow.actor, whole.parties(uow.session, proposal)):
        raise NotFound("There is no such proposal.")
    asked = proposal.state is ProposalState.MORE_INFO_REQUESTED
    if asked and proposal.asked_until is not None and uow.now < proposal.asked_until:
        return proposal
    if proposal.state is not ProposalState.DRAFT or rounds.phase(proposal.round, uow.now) is not RoundState.OPEN:
        raise StepRefused("Files are added and taken out while the proposal is being written.")
    return proposal
