"""Files of a proposal: known by their bytes, looked at for malware, closed until then."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session

from grants.adapters.clamav_scanning import ClamAv
from grants.adapters.disk_storage import DiskStore
from grants.adapters.memory_scanning import EICAR, MemoryScanner, NoScanner
from grants.kernel.errors import NotFound, RuleBroken, StepRefused
from grants.kernel.work import UnitOfWork
from grants.outbox.models import OutboxRow
from grants.ports.scanning import ScannerAway
from grants.ports.storage import StoreAway
from grants.proposals.models import ProposalFile
from grants.proposals.queries import whole
from grants.proposals.rules.files import FileKind, FileState, checked_upload
from grants.proposals.rules.sections import Section, gaps
from grants.proposals.rules.states import ProposalState
from grants.proposals.service import bids, files
from grants.review.rules import ReviewState
from grants.rounds.rules.states import RoundState
from tests.builders.people import a_member, a_person
from tests.builders.proposals import a_proposal
from tests.builders.review import a_panellist, a_review
from tests.builders.rounds import a_round
from tests.conftest import SignIn
from tests.proposals.test_service import Scene
from tests.proposals.test_views import text_of
from tests.support.work import work

S = ProposalState
PDF = b"%PDF-1.4 our plan %%EOF"
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" * 200
M4A = b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00" + b"\x00" * 300
WEBM = b"\x1a\x45\xdf\xa3" + b"\x93\x42\x82\x84webm" + b"\x00" * 300


def a_photo() -> bytes:
    kept = BytesIO()
    photo = Image.new("RGB", (40, 30), "green")
    exif = photo.getexif()
    exif[0x010E] = "Taken at 54.5707, -1.3290"
    photo.save(kept, "JPEG", exif=exif)
    return kept.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "suffix"),
    [
        (PDF, FileKind.PAPER, "pdf"),
        (MP3, FileKind.SOUND, "mp3"),
        (M4A, FileKind.SOUND, "m4a"),
        (WEBM, FileKind.FILM, "webm"),
        (a_photo(), FileKind.PICTURE, "jpg"),
    ],
)
def test_a_file_is_known_by_its_bytes(content: bytes, kind: FileKind, suffix: str) -> None:
    kept = checked_upload(content)
    assert (kept.kind, kept.suffix) == (kind, suffix)


def test_a_photo_keeps_nothing_of_where_it_was_taken() -> None:
    assert b"54.5707" in a_photo()
    assert b"54.5707" not in checked_upload(a_photo()).content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ\x90\x00 a program",
        b"<svg onload=alert(1)>",
        b"%PDF-1.4 /JavaScript %%EOF",
        MP3 + bytes(8 * 1024 * 1024),
    ],
    ids=["empty", "program", "svg", "pdf with a script", "too large"],
)
def test_what_is_none_of_these_is_refused_at_its_field(content: bytes) -> None:
    with pytest.raises(RuleBroken) as refused:
        checked_upload(content)
    assert refused.value.field == "file"


def added(scene: Scene, folder: Path, content: bytes = MP3) -> ProposalFile:
    kept = files.keep(DiskStore(folder), content, "We tell what we want.")
    return files.add(scene.work(scene.writer), scene.proposal.id, kept)


def scanned(scene: Scene, folder: Path, file: ProposalFile, scanner: MemoryScanner | NoScanner) -> None:
    @contextmanager
    def working() -> Iterator[UnitOfWork]:
        yield work(scene.session)

    files.scan(working, DiskStore(folder), scanner, {"file_id": str(file.id)}, "scan")


def test_a_recording_tells_it_as_well_as_writing(any_session: Session, tmp_path: Path) -> None:
    scene = Scene(any_session, what=None)
    limits = whole.limits(any_session, scene.proposal.round)
    before = gaps(Section.WHAT, whole.facts(any_session, scene.proposal), limits)
    assert [gap.field for gap in before] == ["what"]
    file = added(scene, tmp_path)
    any_session.expire(scene.proposal)
    assert gaps(Section.WHAT, whole.facts(any_session, scene.proposal), limits) == ()
    bids.ask_for_sign_off(scene.work(scene.writer), scene.proposal.id)
    assert file.state is FileState.WAITING


def test_a_file_is_opened_only_when_it_was_found_clean(any_session: Session, tmp_path: Path) -> None:
    scene = Scene(any_session)
    file = added(scene, tmp_path)
    row = any_session.query(OutboxRow).filter_by(kind="scan").one()
    assert row.payload == {"file_id": str(file.id)}
    with pytest.raises(ScannerAway):
        scanned(scene, tmp_path, file, NoScanner())
    assert file.state is FileState.WAITING
    scanner = MemoryScanner()
    for _ in range(2):
        scanned(scene, tmp_path, file, scanner)
    assert file.state is FileState.CLEAN
    assert scanner.scanned == [len(MP3)]  # a relay that says it twice scans it once


def test_a_virus_stays_closed_for_good(any_session: Session, tmp_path: Path) -> None:
    scene = Scene(any_session, what=None)
    file = added(scene, tmp_path, MP3 + EICAR)
    scanned(scene, tmp_path, file, MemoryScanner())
    assert file.state is FileState.INFECTED
    any_session.expire(scene.proposal)
    assert not whole.facts(any_session, scene.proposal).spoken


def test_files_come_and_go_only_while_it_is_written(any_session: Session, tmp_path: Path) -> None:
    scene = Scene(any_session)
    file = added(scene, tmp_path)
    with pytest.raises(NotFound):
        files.remove(scene.work(scene.stranger), file.id)
    assert files.remove(scene.work(scene.writer), file.id) == scene.proposal.id
    with pytest.raises(NotFound):
        files.add(scene.work(scene.stranger), scene.proposal.id, files.keep(DiskStore(tmp_path), PDF, "Ours"))
    put_in = Scene(any_session, S.SUBMITTED)
    with pytest.raises(StepRefused):
        added(put_in, tmp_path)


def test_at_most_eight(session: Session, tmp_path: Path) -> None:
    scene = Scene(session)
    for _ in range(8):
        added(scene, tmp_path, PDF)
    with pytest.raises(RuleBroken, match="8 files"):
        added(scene, tmp_path, PDF)


def a_file(session: Session, app: Flask, proposal: object, state: FileState = FileState.CLEAN) -> ProposalFile:
    name = app.extensions["files"].put(PDF, suffix="pdf")
    file = ProposalFile(
        proposal_id=proposal.id,  # type: ignore[attr-defined]
        kind=FileKind.PAPER,
        state=state,
        stored_name=name,
        size=len(PDF),
        label="Our plan",
        added_at=proposal.started_at,  # type: ignore[attr-defined]
    )
    session.add(file)
    session.flush()
    return file


@pytest.mark.parametrize("state", [FileState.WAITING, FileState.INFECTED])
def test_nobody_opens_what_was_not_found_clean(app: Flask, app_session: Session, as_: SignIn, state: FileState) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    file = a_file(app_session, app, proposal, state)
    assert as_(a_member(app_session, proposal.group)).get(f"/proposals/files/{file.id}").status_code == 404


class _Away:
    def get(self, name: str) -> bytes:
        raise StoreAway("no answer")


def test_while_the_store_is_away_the_page_says_so_and_to_come_back(
    app: Flask, app_session: Session, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_file(app_session, app, a_proposal(app_session, state=S.ON_BALLOT))
    app_session.commit()
    monkeypatch.setitem(app.extensions, "files", _Away())
    answer = client.get(f"/proposals/files/{file.id}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "We cannot reach our files at this moment" in text_of(answer)


def test_a_file_is_read_by_whoever_may_read_its_proposal(
    app: Flask, app_session: Session, as_: SignIn, client: FlaskClient
) -> None:
    draft, open_to_all = a_proposal(app_session, state=S.DRAFT), a_proposal(app_session, state=S.ON_BALLOT)
    closed, public = a_file(app_session, app, draft), a_file(app_session, app, open_to_all)
    member, stranger = as_(a_member(app_session, draft.group)), as_(a_person(app_session))
    answer = member.get(f"/proposals/files/{closed.id}")
    assert answer.data == PDF
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [one.get(f"/proposals/files/{closed.id}").status_code for one in (stranger, client)] == [404, 404]
    assert client.get(f"/proposals/files/{public.id}").data == PDF
    assert "Our plan" in text_of(client.get(f"/proposals/{open_to_all.id}"))


def test_a_panellist_opens_it_after_saying_that_there_is_no_interest(
    app: Flask, app_session: Session, as_: SignIn
) -> None:
    round = a_round(app_session, RoundState.CHECKING)
    proposal, other = (a_proposal(app_session, round, S.ELIGIBLE) for _ in range(2))
    file, foreign = a_file(app_session, app, proposal), a_file(app_session, app, other)
    asked, cleared = (a_panellist(app_session, round) for _ in range(2))
    before = a_review(app_session, proposal, asked, ReviewState.ASSIGNED)
    after = a_review(app_session, proposal, cleared, ReviewState.CLEARED)
    one, two = as_(asked), as_(cleared)
    assert one.get(f"/reviews/{before.id}/files/{file.id}").status_code == 404
    assert two.get(f"/reviews/{after.id}/files/{file.id}").data == PDF
    assert two.get(f"/reviews/{after.id}/files/{foreign.id}").status_code == 404
    assert one.get(f"/reviews/{after.id}/files/{file.id}").status_code == 404
    assert f"/reviews/{after.id}/files/{file.id}" in two.get(f"/reviews/{after.id}").get_data(as_text=True)


def test_a_group_adds_a_recording_in_the_browser(app_session: Session, as_: SignIn) -> None:
    proposal = a_proposal(app_session, state=S.DRAFT)
    writer, stranger = as_(a_member(app_session, proposal.group)), as_(a_person(app_session))
    url = f"/proposals/{proposal.id}/files"
    wrong = writer.post(url, data={"file": (BytesIO(b"MZ"), "photo.jpg"), "label": "Us"})
    assert wrong.status_code == 422
    assert "Choose a photo, a PDF, or a recording" in text_of(wrong)
    good = writer.post(url, data={"file": (BytesIO(MP3), "../../x.exe"), "label": "Us"}, follow_redirects=True)
    assert "Being checked for viruses" in text_of(good)
    assert "x.exe" not in good.get_data(as_text=True)
    assert stranger.get(url).status_code == 404


# ClamAV


@contextmanager
def a_daemon(says: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A daemon that reads one stream and says something; gives its address and what it heard."""
    heard: list[bytes] = []
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = door.accept()
        with line, line.makefile("rb") as reader:
            assert reader.read(10) == b"zINSTREAM\0"
            while size := struct.unpack("!I", reader.read(4))[0]:
                heard.append(reader.read(size))
            line.sendall(says)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{door.getsockname()[1]}", heard
    finally:
        thread.join(timeout=10)
        door.close()


def test_clamav_is_sent_all_of_it_in_pieces() -> None:
    content = bytes(range(256)) * 1000
    with a_daemon(b"stream: OK\0") as (address, heard):
        assert ClamAv(address).is_clean(content)
    assert b"".join(heard) == content


def test_clamav_says_what_it_found() -> None:
    with a_daemon(b"stream: Eicar-Signature FOUND\0") as (address, _):
        assert not ClamAv(address).is_clean(b"x")


def test_when_clamav_does_not_say_clean_the_file_stays_closed() -> None:
    with a_daemon(b"INSTREAM size limit exceeded. ERROR\0") as (address, _), pytest.raises(ScannerAway):
        ClamAv(address).is_clean(b"x")
    with pytest.raises(ScannerAway):
        ClamAv("127.0.0.1:9", seconds=1).is_clean(b"x")
    with pytest.raises(ScannerAway):
        ClamAv("/nowhere/clamd.sock").is_clean(b"x")
