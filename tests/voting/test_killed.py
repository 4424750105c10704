"""Workers that are killed in the middle of a vote lose no ballot that was acknowledged, and none counts twice."""

from __future__ import annotations

from pathlib import Path

from tests.support.load import Killer, ask_all, granian
from tests.support.voters import Voters, a_scene, counted, in_the_box

VOTERS, CONNECTIONS = 150, 16


def test_killed_workers_lose_no_ballot_and_count_none_twice(any_url: str, tmp_path: Path) -> None:
    scene = a_scene(any_url, tmp_path)
    voters = Voters(scene)
    with granian("wsgi:app", scene.environ, tmp_path / "server.log", respawn=True) as served:
        casts, _ = voters.at_the_button(served, VOTERS, CONNECTIONS)
        killer = Killer(served, every=50)
        answers = ask_all(served.port, [cast.request for cast in casts], CONNECTIONS, persist=True, heard=killer)
        again = ask_all(served.port, [cast.request for cast in casts[:20]], CONNECTIONS, persist=True)
    told = voters.acknowledged(casts, answers)
    voters.leave()
    assert killer.killed >= 2
    assert len(told) == VOTERS
    assert {answer.status for answer in again} == {303}
    assert in_the_box(scene) == told  # the same press again tells the same code
    assert counted(scene) == VOTERS
