"""Voting on paper: a finished round's box, keyed by one officer and checked by another; a booth that is open today."""

from datetime import date

from grants.demo.play import Play
from grants.kernel.clock import london_day
from grants.voting import queries
from grants.voting.rules.codes import pepper_from
from grants.voting.service import booths, codes, papers
from grants.voting.service.booths import Shown
from grants.voting.service.papers import Keyed

NEIGHBOURS: tuple[str, ...] = (
    "Doris Appleby",
    "Frank Bell",
    "Nasreen Aziz",
    "Winnie Cole",
    "George Dunn",
    "Elsie Firth",
)
NEIGHBOURS += ("Harold Gill", "Ivy Hart", "Samira Idris", "Jack Jobling", "Kath Kirk", "Lionel Law")
BOX = ("1 2 3", "1 2 4", "2 3 4", "1 2 3 4", "1 3 4", "", "2 3 4", "1 2 4", "1 2 3 4", "2 3", "1 2 3")
"""What stands on eleven papers; the twelfth was taken home."""


def a_box(play: Play, round_key: str, on: int, closes: int) -> None:
    """People came to the library and voted on paper; when it closed, two officers keyed what was in the box."""
    round_id, pepper = play.rounds[round_key], pepper_from(play.settings.secret_key)
    with play.as_("sue", play.at(on - 1, 9)) as uow:
        booth_id = booths.make_booth(uow, round_id, name="Stockton Central Library", place="Church Road").id
        for key in ("olga", "oscar"):
            booths.give_shift(uow, booth_id, play.cast.people[key][0], [play.day(on)])
        run_id = booths.print_papers(uow, round_id, sheet_count=12, large_print=False).id
    place = play.places.find("TS18 1AA")
    for number, name in enumerate(NEIGHBOURS):
        shown = Shown(name=name, born_on=date(1940 + number, 5, 1), place=place, postcode="TS18 1AA")
        with play.as_("olga", play.at(on, 10, number * 4)) as uow:
            booths.check_in(uow, booth_id, shown, checked=True, pepper=pepper)
    with play.as_("olga", play.at(closes, 17, 30)) as uow:
        batch_id = papers.declare_batch(uow, booth_id, paper_count=len(BOX), last=True).id
    serials = queries.serials(play.session, run_id, first=0, size=len(BOX))
    for key, minute in (("olga", 31), ("oscar", 40)):
        for paper, (serial, marks) in enumerate(zip(serials, BOX, strict=True), start=1):
            with play.as_(key, play.at(closes, 17, minute)) as uow:
                papers.key_paper(uow, batch_id, paper, Keyed(serial, marks))
        if key == "olga":
            with play.as_(key, play.at(closes, 17, 39)) as uow:
                papers.close_batch(uow, batch_id)
    with play.as_("oscar", play.at(closes, 17, 50)) as uow:
        papers.approve_batch(uow, batch_id, vote_key=play.settings.vote_key)


def a_booth_today(play: Play, round_key: str, first: int, last: int) -> None:
    """A booth with officers for every day of the vote, and papers that wait."""
    with play.as_("sue", play.at(first - 1, 11)) as uow:
        booth_id = booths.make_booth(uow, play.rounds[round_key], name="Thornaby Library", place="Wrightson House").id
        days = [london_day(play.at(day)) for day in range(first, last + 1)]
        for key in ("olga", "oscar"):
            booths.give_shift(uow, booth_id, play.cast.people[key][0], days)
        booths.print_papers(uow, play.rounds[round_key], sheet_count=10, large_print=False)
        booths.print_papers(uow, play.rounds[round_key], sheet_count=2, large_print=True)
    with play.as_("sue", play.at(first - 1, 12)) as uow:
        codes.make_codes(
            uow,
            play.rounds[round_key],
            label="To hand out at the food bank",
            code_count=24,
            pepper=pepper_from(play.settings.secret_key),
        )
        batch = next(one for one in queries.batches(uow.session, play.rounds[round_key]) if one.code_count == 24)
        codes.hand_over(uow, batch.id, handed_to="Carl Connor", day=play.day(first - 1))
