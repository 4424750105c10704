"""Files of a proposal: add one, take one out, open one that was found clean."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from grants.kernel.errors import NotFound, RuleBroken
from grants.proposals import access
from grants.proposals.forms.steps import FileForm
from grants.proposals.queries import published, whole
from grants.proposals.rules.files import MOST_FILES, SPOKEN, FileState
from grants.proposals.rules.states import IN_HAND, ProposalState
from grants.proposals.service import files as service
from grants.rounds import queries as rounds
from grants.rounds.rules.states import RoundState
from grants.web.db import now, reading
from grants.web.doors import public, signed_in
from grants.web.limits import post_limit
from grants.web.outside import files as store
from grants.web.outside import scanner
from grants.web.session import current_actor
from grants.web.uploads import upload_answer
from grants.web.work import clockwork, working

bp = Blueprint("proposal_files", __name__)


def scan_handlers() -> dict[str, Callable[[dict[str, Any], str], None]]:
    """Kind of outbox row → what looks at the file."""
    return {"scan": lambda payload, key: service.scan(clockwork, store(), scanner(), payload, key)}


@bp.app_template_global()
def file_href(file: Any) -> str:
    """The address of a file for whoever may read the proposal."""
    return url_for("proposal_files.open_file", file_id=file.id)


@bp.route("/proposals/<uuid:proposal_id>/files", methods=["GET", "POST"])
@signed_in()
@post_limit("60 per hour")
def files(proposal_id: UUID) -> ResponseReturnValue:
    """What was added so far, and a form to add one."""
    proposal = whole.proposal(reading(), proposal_id)
    parties, actor = whole.parties(reading(), proposal), current_actor()
    if not access.may_read_all(actor, parties):
        raise NotFound("There is no such proposal.")
    form, may_edit = FileForm(), access.may_edit(actor, parties)
    if form.accepted():
        if not may_edit:
            raise NotFound("There is no such proposal.")
        try:
            kept = service.keep(store(), form.file.data.read(), form.label.data or "")
            with working() as uow:
                service.add(uow, proposal_id, kept)
            flash("Added. It is checked for viruses; then it can be opened.", "success")
            return redirect(url_for("proposal_files.files", proposal_id=proposal_id))
        except RuleBroken as broken:
            form.show(broken)
            proposal = whole.proposal(reading(), proposal_id)
    writing = proposal.state is ProposalState.DRAFT and rounds.phase(proposal.round, now()) is RoundState.OPEN
    asked = proposal.state is ProposalState.MORE_INFO_REQUESTED and now() < (proposal.asked_until or now())
    return (
        render_template(
            "proposals/files.html",
            form=form,
            proposal=proposal,
            most=MOST_FILES,
            may_change=may_edit and (writing or asked),
        ),
        form.status,
    )


@bp.post("/proposals/files/<uuid:file_id>/remove")
@signed_in()
def remove(file_id: UUID) -> ResponseReturnValue:
    """Take a file out."""
    with working() as uow:
        proposal_id = service.remove(uow, file_id)
    flash("It was taken out.", "success")
    return redirect(url_for("proposal_files.files", proposal_id=proposal_id))


@bp.get("/proposals/files/<uuid:file_id>")
@public
def open_file(file_id: UUID) -> ResponseReturnValue:
    """The file itself: for those who may read its proposal, once it was found clean."""
    file = whole.file(reading(), file_id)
    proposal = whole.proposal(reading(), file.proposal_id)
    parties, actor = whole.parties(reading(), proposal), current_actor()
    writes_down = file.kind in SPOKEN and proposal.state in IN_HAND and access.may_help(actor, parties.fund_id)
    if not access.may_read_all(actor, parties) and not writes_down and not published.is_public(proposal, now()):
        raise NotFound("There is no such file.")
    if file.state is not FileState.CLEAN:
        raise NotFound("There is no such file.")
    return upload_answer(file.stored_name, f"seedbed-{file.id}")
