"""Elections from files: read, put right or refused, shared by any rule, told to people and to programs."""

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from click.testing import CliRunner, Result

from grants.allocation.cli.tally import _Bar, tally_file
from grants.allocation.rules.asked import Asked
from grants.allocation.rules.election import Gate
from grants.allocation.rules.open_file import BLANK, write_pb
from grants.allocation.rules.pabulib import PbFile, Unreadable, read_pb
from grants.allocation.rules.shares import Settings, share_equally
from grants.allocation.rules.tally import tally
from grants.cli import command_line

ROOT = Path(__file__).parents[2]
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "pabulib"
if not REAL.exists():
    warnings.warn(f"real elections are not at {REAL}: no rule is checked on them", UserWarning, stacklevel=1)


def known() -> Iterator[tuple[str, str]]:
    """Every file and every option of which the outcome is known."""
    if REAL.exists():
        for name, facts in json.loads((REAL / "golden.json").read_text(encoding="utf-8")).items():
            for key in facts:
                if key.startswith(("greedy_", "mes_")):
                    yield name, key


READ: dict[str, PbFile] = {}


def real(name: str) -> PbFile:
    if name not in READ:
        READ[name] = read_pb((REAL / name).read_bytes())
    return READ[name]


@pytest.mark.skipif(not REAL.exists(), reason=f"real elections are not at {REAL}: NO RULE IS CHECKED ON THEM")
@pytest.mark.parametrize(("name", "key"), list(known()))
def test_real_elections_have_their_known_outcomes(name: str, key: str) -> None:
    wanted = json.loads((REAL / "golden.json").read_text(encoding="utf-8"))[name][key]
    file = real(name)
    if key.startswith("greedy"):
        asked = Asked("most-votes", misfit="stop" if key == "greedy_noskip" else "skip")
    else:
        asked = Asked(
            "equal-shares",
            utility="cardinality" if "_card_" in key else "cost",
            completion="none" if "plain" in key else "add1u" if "cost_u" in wanted else "add1",
            start="floor" if "floor" in key else "exact",
            step=Fraction(wanted.get("increment", 1)),
            exhaustive_stop="noexhstop" not in key,
        )
    result = tally(file, asked)
    assert [file.ids[bid] for bid in result.winners] == wanted["ids"] + wanted.get("utilitarian_added", [])
    assert Fraction(result.exact(result.cost)) == Fraction(wanted.get("cost_u", wanted["cost"]))
    if "final_voter_budget" in wanted:
        assert result.share is not None
        assert result.exact(result.share) == wanted["final_voter_budget"]


@pytest.mark.skipif(not REAL.exists(), reason="real elections are not here")
def test_a_ballot_of_a_real_file_that_names_a_project_twice_is_told() -> None:
    assert real("Poland_Warszawa_2026_Srodmiescie_Poludniowe.pb").repairs == (
        "line 656: this vote names project 174 twice; it is counted once",
    )


def a_file(
    projects: str = "a;10;Ash\nb;6;Birch\nc;5;Cedar",
    votes: str = "1;a\n2;a,b\n3;b,c\n4;c",
    kind: str = "approval",
    budget: str = "16",
    more: str = "",
    columns: str = "voter_id;vote",
) -> str:
    return (
        f"META\nkey;value\ndescription;Trees\nbudget;{budget}\nvote_type;{kind}\ncurrency;EUR\n{more}"
        f"PROJECTS\nproject_id;cost;name\n{projects}\nVOTES\n{columns}\n{votes}\n"
    )


def winners(text: str | bytes, asked: Asked) -> list[str]:
    file = read_pb(text if isinstance(text, bytes) else text.encode())
    return [file.ids[bid] for bid in tally(file, asked).winners]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("Ash", '"Ash; ""old""\nand tall"').encode(),
        lambda text: text.replace("a;10;", '"a";"10.00";').replace("1;a\n", '1;"a"\n').encode(),
        lambda text: text.replace("budget;16", "budget;16,00").encode(),
        lambda text: text.rstrip().encode(),
    ],
    ids=["plain", "crlf", "byte-order mark", "quotes over two lines", "quoted, pence", "comma", "no last line feed"],
)
def test_files_are_read_as_they_are_written_in_many_places(change: Any) -> None:
    file = read_pb(change(a_file()))
    assert file.repairs == ()
    assert file.ids == ("a", "b", "c")
    assert [cost / file.unit for cost in file.election.costs] == [10, 6, 5]
    assert file.election.votes == (2, 2, 2)
    assert file.election.voters == 4


def test_pence_are_counted_exactly() -> None:
    file = read_pb(a_file("a;0.10;\nb;0.20;", "1;a\n2;b", budget="0.30").encode())
    result = tally(file, Asked("most-votes"))
    assert (result.left, result.exact(result.cost)) == (0, "3/10")


def test_votes_beyond_the_limits_of_the_file_are_told_and_counted_as_they_stand() -> None:
    text = a_file("a;10;\nb;6;", "1;a,b\n2;a,b\n3;b", more="max_length;1\n")
    assert read_pb(text.encode()).repairs == (
        "2 votes with too many projects for the file's own max_length of 1: they are counted as cast",
    )
    points = a_file("a;10;\nb;6;", "1;a,b;7,4\n2;a,b;6,4", "cumulative", "16", "max_sum_points;10\n", "id;vote;points")
    read = read_pb(points.encode())
    assert read.repairs == (
        "1 vote with too many points for the file's own max_sum_points of 10: it is counted as cast",
    )
    assert read.election.votes == (13, 8)


def test_points_below_nothing_are_told_where_points_are_shared_out_and_not_where_each_is_a_score() -> None:
    votes, columns = "1;a,b;7,-4\n2;a,b;6,4", "id;vote;points"
    shared_out = read_pb(a_file("a;10;\nb;6;", votes, "cumulative", "16", columns=columns).encode())
    assert shared_out.repairs == ("1 vote takes points away, which a cumulative vote cannot: it is counted as cast",)
    scored = read_pb(a_file("a;10;\nb;6;", votes, "scoring", "16", columns=columns).encode())
    assert scored.repairs == ()


def test_a_bar_shows_on_a_terminal_how_far_long_work_is(capsys: pytest.CaptureFixture[str]) -> None:
    bar = _Bar(perf_counter() - 20)
    bar.terminal = False
    bar.show(1, 2)
    assert capsys.readouterr().err == ""
    bar.terminal = True
    bar.show(1, 2)
    assert "####################                    ]  50%  about 20 s left" in capsys.readouterr().err
    bar.clear()
    assert capsys.readouterr().err.strip() == ""
    quick = _Bar(perf_counter())
    quick.terminal = True
    quick.show(1, 2)
    assert capsys.readouterr().err == ""


def test_what_had_to_be_put_right_is_told_with_its_line() -> None:
    file = read_pb(a_file(votes="1;a,a\n2;a,x\n3;\n4;\n5;b", more="num_votes;7\n").encode())
    assert file.repairs == (
        "line 15: this vote names project a twice; it is counted once",
        "line 16: this vote names a project that is not there (x); the rest is counted",
        "line 17 (and 1 more like it): this vote is empty; it counts as a voter, and for no project",
        "the file says that it holds 7 votes; there are 5, and all are counted",
    )
    assert file.election.votes == (2, 1, 0)
    assert file.election.voters == 5
    again = a_file("a;10;A\x1b[31msh\u202e", votes="1;a\n1;a\n2;a", more="num_projects;3\n")
    file = read_pb(again.encode())
    assert file.repairs == (
        "line 10: signs that no screen shows are left out, here and in the rest of the file",
        "the file says that it holds 3 projects; there is 1, and it is counted",
        "1 vote has the voter_id of a vote before: it is counted all the same",
    )
    assert (file.names, file.election.voters) == (("A[31msh",), 3)


def test_a_file_that_is_far_too_large_is_refused_before_it_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grants.allocation.rules.pabulib.LARGEST_FILE", 100)
    with pytest.raises(Unreadable, match="line 1: the file is larger than"):
        read_pb(a_file().encode())


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("nothing", 1, "does not begin with META"),
        (a_file().replace("budget;16\n", ""), 1, "does not tell the budget"),
        (a_file().replace("key;value", "key;other;value"), 3, "“description” has no value"),
        (a_file(budget="1e9999999"), 4, "the budget is not a number that we can count with"),
        (a_file(budget="lots"), 4, "the budget is not a number"),
        (a_file(budget="-3"), 4, "less than nothing"),
        (a_file(kind="guess"), 5, "no vote_type “guess”"),
        (a_file("a;10;Ash\na;6;Birch"), 10, "a second project a"),
        (a_file("a;ten;Ash"), 9, "the cost of project a is not a number"),
        (a_file("a;0;Ash"), 9, "costs nothing"),
        (a_file("a"), 9, "this project has 1 cell, and"),
        (a_file(votes="1"), 14, "this vote has 1 cell, and"),
        (a_file().replace("project_id;cost", "project_id;price"), 8, "no column called cost"),
        (
            a_file(votes="1;a,b;3", kind="cumulative", columns="voter_id;vote;points"),
            14,
            "projects on this vote is 2, and that of points 1",
        ),
        (a_file(votes="1;a;x", kind="cumulative", columns="voter_id;vote;points"), 14, "a point is not a number"),
        (a_file(more="min_project_score_threshold;many\n"), 7, "min_project_score_threshold is not a number: “many”"),
        (a_file(kind="ordinal", more=f"max_length;{'9' * 30}\n"), 7, "max_length is not a number that we can count"),
        (
            a_file(more=f'comment;"{"9" * 30} {BLANK}"\n'),
            7,
            "the number of blank ballots is not a number that we can count with",
        ),
        (a_file().split("VOTES")[0], 11, "without a section VOTES"),
        (a_file().replace("PROJECTS", "VOTES", 1), 7, "the votes come before the projects"),
        (b"META\nkey;value\nunit;\xff\n", 3, "not text in UTF-8"),
        (a_file().encode("utf-16-be"), 1, "Save it in UTF-8, not in UTF-16"),
        (b" \r\n", 1, "the file is empty"),
        (a_file().replace(";", ","), 2, "no column called key. Semicolons part the cells"),
        (a_file(votes='1;a\n2;"a,b\n3;b"\n4;c'), 15, "a quotation mark opens here and is not closed in its line"),
        (a_file('a;10;"Ash\nb;6;Birch'), 9, "a quotation mark opens here"),
        (a_file(f'a;10;"{"Ash" * 50_000}'), 9, "a cell holds more than 131,072 letters. Perhaps a quotation mark"),
        (a_file(more="budget;17\n"), 7, "a second budget: before, it was “16”"),
        (a_file(budget="1,000"), 4, "the budget could be two numbers: “1,000”. Write it without the comma"),
        (a_file(kind="scoring"), 13, "no column called points, and the vote_type is scoring"),
        (a_file(f"a;{'1' * 5000};Ash"), 9, "count with: “1{39}…”$"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_and_reason(text: str | bytes, line: int, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as refused:
        read_pb(text if isinstance(text, bytes) else text.encode())
    assert refused.value.line == line


def test_ranked_ballots_give_the_first_the_most_points() -> None:
    file = read_pb(a_file(votes="1;a,b,c\n2;c,a", kind="ordinal", more="max_length;3\n").encode())
    assert file.election.votes == (3 + 2, 2, 1 + 3)


def test_points_may_have_decimals_and_be_below_nought() -> None:
    votes = "1;a,b;1.5,-2\n2;b;1"
    file = read_pb(a_file(votes=votes, kind="scoring", columns="voter_id;vote;points").encode())
    assert (file.point, file.election.votes) == (10, (15, -10, 0))
    assert file.election.supporters == (1, 1, 0)


def test_points_for_what_a_ballot_does_not_name() -> None:
    text = a_file(votes="1;a;3\n2;b;2", kind="scoring", columns="voter_id;vote;points", more="default_score;1\n")
    assert read_pb(text.encode()).election.votes == (4, 3, 2)


def test_most_votes_takes_the_threshold_of_the_file_and_the_other_rules_do_not() -> None:
    text = a_file(votes="1;a\n2;a,b\n3;b,a", more="min_project_score_threshold;3\n")
    assert winners(text, Asked("most-votes")) == ["a"]
    assert winners(text, Asked("most-votes", min_votes=Fraction(2))) == ["a", "b"]
    assert winners(text, Asked("equal-shares")) == ["a", "b"]
    assert winners(text, Asked("equal-shares", min_votes=Fraction(3))) == ["a"]
    assert winners(text, Asked("phragmen", min_votes=Fraction(3))) == ["a"]


def test_the_lot_is_the_order_of_the_file_or_drawn_from_a_seed() -> None:
    text = a_file("a;10;\nb;10;\nc;10;", "1;a\n2;b\n3;c", budget="10")
    for rule in ("most-votes", "equal-shares"):
        assert winners(text, Asked(rule)) == ["a"]
        drawn = {seed: winners(text, Asked(rule, lot=seed))[0] for seed in "123456789"}
        assert set(drawn.values()) == {"a", "b", "c"}
        assert winners(text.replace("a;10;\nb;10;", "b;10;\na;10;"), Asked(rule, lot="3")) == [drawn["3"]]


def test_the_checksum_follows_the_facts_and_not_their_order() -> None:
    def checksum(text: str, **asked: Any) -> str:
        return tally(read_pb(text.encode()), Asked(**asked)).checksum

    text = a_file()
    assert checksum(text) == checksum(a_file(votes="9;c\n8;c,b\n7;b,a\n6;a")) == checksum(text.replace("16", "16.0"))
    others = [
        checksum(a_file(budget="17")),
        checksum(a_file("a;10;Ash\nb;7;Birch\nc;5;Cedar")),
        checksum(a_file(votes="1;a\n2;a,b\n3;b,c\n4;b")),
        checksum(text, lot="1"),
        checksum(text, completion="add1"),
        checksum(text, rule="phragmen"),
    ]
    assert len({checksum(text), *others}) == 7


def test_what_would_have_been_enough_is_enough_and_a_little_more_or_less_is_not() -> None:
    votes = "\n".join([f"{n};a" for n in range(6)] + [f"{n};b,c" for n in range(6, 10)])
    file = read_pb(a_file("a;60;\nb;70;\nc;30;", votes, budget="100").encode())
    result = tally(file, Asked())
    assert [file.ids[bid] for bid in result.winners] == ["a", "c"]
    words = result.enough(1)
    assert words == (
        "For 30 EUR it would have been funded, and for 1 EUR more it would not. With 3 more people who choose only "
        "this it would have been funded, and with 2 it would not."
    )
    assert winners(a_file("a;60;\nb;30;\nc;30;", votes, budget="100"), Asked()) == ["a", "b"]
    assert "b" not in winners(a_file("a;60;\nb;31;\nc;30;", votes, budget="100"), Asked())
    more = "".join(f"\n{n};b" for n in range(20, 23))
    assert "b" in winners(a_file("a;60;\nb;70;\nc;30;", votes + more, budget="100"), Asked())
    assert "b" not in winners(a_file("a;60;\nb;70;\nc;30;", votes + more[:-5], budget="100"), Asked())


@pytest.mark.parametrize("rule", ["equal-shares", "phragmen"])
@pytest.mark.parametrize("kind", ["cumulative", "ordinal"])
def test_more_supporters_give_as_many_points_as_anybody_gave_and_that_is_said(kind: str, rule: str) -> None:
    votes = [("a", "2.5")] * 12 + [("b,c", "1,2.5")] * 4
    ordinal = [(ids, "") for ids, _ in votes]

    def file(votes: list[tuple[str, str]]) -> bytes:
        lines = "\n".join(f"{at};{ids};{points}" for at, (ids, points) in enumerate(votes))
        columns = "voter_id;vote;points"
        return a_file("a;60;\nb;70;\nc;30;", lines, kind, "100", columns=columns, more="max_length;3\n").encode()

    cast, one = (votes, ("b", "2.5")) if kind == "cumulative" else (ordinal, ("b", ""))
    result = tally(read_pb(file(cast)), Asked(rule))
    assert 1 not in result.winners
    found = re.search(r"With (\d+) more p\w+ who chooses? only this and gives? it (\S+) points", result.enough(1))
    assert found is not None, result.enough(1)
    more = int(found[1])
    assert found[2] == ("2.5" if kind == "cumulative" else "3")
    assert 1 in tally(read_pb(file([*cast, *[one] * more])), Asked(rule)).winners
    assert 1 not in tally(read_pb(file([*cast, *[one] * (more - 1)])), Asked(rule)).winners


def run(tmp_path: Path, text: str, *options: str) -> Result:
    path = tmp_path / "trees.pb"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(tally_file, [str(path), *options])


def test_the_command_prints_json_for_programs(tmp_path: Path) -> None:
    done = run(tmp_path, a_file(votes="1;a\n2;a,b\n3;b,c,x\n4;c"), "--json", "--rule", "most-votes")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["rule"] == "most-votes"
    assert (facts["budget"], facts["winners"], facts["cost"], facts["left"]) == (16, ["c", "b"], 11, 5)
    assert [one["id"] for one in facts["not_funded"]] == ["a"]
    assert facts["not_funded"][0]["reason"].startswith("Not funded: place 3 with 2 votes. It asks for 10 EUR")
    assert len(facts["checksum"]) == 64
    assert facts["seconds"] >= 0
    assert facts["options"] == {"min_votes": 0, "misfit": "skip", "lot": None}
    assert "trees.pb, line 16: this vote names a project that is not there (x)" in done.stderr


def test_the_command_prints_a_table_for_people(tmp_path: Path) -> None:
    done = run(tmp_path, a_file(), "--explain", "all", "--completion", "none")
    assert done.exit_code == 0, done.output
    assert "4 voters, 3 projects, a pot of 16 EUR." in done.stdout
    assert "every voter controls an equal part of the pot" in done.stdout
    assert "In the end each voter controlled 4 EUR." in done.stdout
    assert "2 people with enough left paid 3 EUR each" in done.stdout or "2.50 EUR each" in done.stdout
    assert "Not funded: it asks for 10 EUR." in done.stdout
    some = a_file("a;16;Ash\nb;3;Birch", "1;a\n2;a\n3;a,b\n4;a,b\n5;b\n6;", budget="24")
    told = run(tmp_path, some, "--explain", "b", "--completion", "none").stdout
    assert "1 person with enough left paid 3 EUR, and 2 people had nothing left." in told
    assert "it would have been funded, and for 1 EUR more it would not" in done.stdout


def test_the_command_refuses_with_line_and_reason(tmp_path: Path) -> None:
    done = run(tmp_path, a_file("a;ten;Ash"))
    assert done.exit_code == 1
    assert done.stderr == "Error: trees.pb, line 9: the cost of project a is not a number: “ten”.\n"
    assert run(tmp_path, a_file(), "--explain", "z").exit_code == 1
    assert run(tmp_path, a_file(), "--step", "0").exit_code == 1
    assert run(tmp_path, a_file(), "--step", "-1").exit_code == 2
    for far in ("1e400", "1e-400"):
        assert "is not a number that we can count with" in run(tmp_path, a_file(), "--step", far).stderr
        assert run(tmp_path, a_file(), "--min-votes", far).exit_code == 2
    assert run(tmp_path, a_file(), "--step", "1e999999999").exit_code == 2


def test_the_command_reads_what_comes_in_and_tells_the_first_of_many_repairs(tmp_path: Path) -> None:
    text = a_file(votes="\n".join(f"{at};x{at}" for at in range(15)))
    done = CliRunner().invoke(tally_file, ["-", "--json"], input=text)
    assert done.exit_code == 0, done.output
    told = done.stderr.splitlines()
    assert told[0] == "input, line 14: this vote names a project that is not there (x0); the rest is counted."
    assert (len(told), told[-1]) == (21, "input: 10 more like these. grants tally --json lists them all.")
    assert len(json.loads(done.stdout)["repairs"]) == 30


def test_the_command_works_without_an_error_stream_and_ends_quietly_where_nobody_reads(tmp_path: Path) -> None:
    path = tmp_path / "trees.pb"
    path.write_text(a_file(votes="1;a,x\n2;b"), encoding="utf-8")
    command = f"{sys.executable} -m grants tally {path} --json"
    done = subprocess.run(["sh", "-c", f"{command} 2>&-"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, json.loads(done.stdout)["budget"]) == (0, 16)
    full = subprocess.run(["sh", "-c", f"{command} >/dev/full"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    assert "No space left" in full.stderr


def test_the_command_needs_no_application_and_no_database(tmp_path: Path) -> None:
    path = tmp_path / "trees.pb"
    path.write_text(a_file(), encoding="utf-8")
    program = (
        "import sys; from grants.cli import main\ntry: main()\nfinally: print('flask' in sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, "tally", str(path), "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={"PATH": "", "PYTHONPATH": str(ROOT)}, check=False
    )
    assert (done.returncode, done.stderr) == (0, "False\n")
    assert json.loads(done.stdout)["budget"] == 16
    assert "tally" in command_line().commands


def test_a_file_written_is_read_as_it_was() -> None:
    text = write_pb(
        {"budget": "10.50", "vote_type": "approval", "description": 'Trees; "old"\nones'},
        [{"project_id": "1", "cost": "5.25", "name": "Ash; and more"}, {"project_id": "2", "cost": "6", "name": ""}],
        [{"voter_id": "1", "vote": "1,2"}, {"voter_id": "2", "vote": ""}],
    )
    file = read_pb(text.encode())
    assert file.meta["description"] == 'Trees; "old" ones'
    assert (file.ids, file.names, file.election.votes) == (("1", "2"), ("Ash; and more", ""), (1, 1))
    assert (file.election.costs, file.election.pot, file.unit, file.election.voters) == ((525, 600), 1050, 100, 2)


def test_a_step_finer_than_the_file_is_kept_exactly() -> None:
    file = read_pb(a_file().encode())
    result = tally(file, Asked(step=Fraction(1, 3)))
    assert result.file.unit == 3
    shared = share_equally(result.file.election, Settings(step=1, unit=3), Gate(result.file.election))
    assert shared.winners == result.winners


def test_many_projects_are_explained_on_all_processors_in_the_same_words(tmp_path: Path) -> None:
    projects = "\n".join(f"p{at};{10 + at};" for at in range(8))
    votes = "\n".join(f"{at};p{at % 8},p{(at + 3) % 8}" for at in range(40))
    told = run(tmp_path, a_file(projects, votes, budget="40"), "--explain", "all", "--json")
    program = (  # in a process of its own: it forks
        "import os, sys; from grants.allocation.cli import tally\n"
        "tally.MANY, os.sched_getaffinity = 1, lambda _: {0, 1}\ntally.tally_file()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "trees.pb"), "--explain", "all", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    alone, together = (json.loads(text) for text in (told.stdout, done.stdout))
    assert len(alone["not_funded"]) > 3
    for answer in (alone, together):
        del answer["seconds"]
    assert together == alone
