"""Three rounds: one finished, one whose vote is open, one open for proposals."""

from typing import Any
from uuid import UUID

from grants.allocation.service import runs
from grants.demo import beginnings, bids, panel, papers, votes
from grants.demo.bids import Bid
from grants.demo.play import Play
from grants.proposals.rules.hands import Source
from grants.proposals.rules.hurdles import Hurdle
from grants.proposals.rules.partners import Partner
from grants.proposals.rules.screening import ScreeningCode
from grants.proposals.rules.sections import Section
from grants.proposals.service import bids as proposals
from grants.proposals.service import eligibility, partners, typed
from grants.rounds import service as rounds
from grants.rounds.rules.ballots import KeyKeeping
from grants.rounds.rules.book import RoundDraft
from grants.rounds.rules.dates import RoundDates
from grants.rounds.rules.panel import PanelPart
from grants.voting.service import keys
from grants.voting.service import votes as voting

WHO_MAY_APPLY = "Community groups that work in the borough. A group without a bank account applies with a host."
SECOND = (bids.WARM, bids.WALKS, bids.STORIES, bids.SWIMMING, bids.REPAIR, bids.CORNER)
FIRST = (bids.GROW, bids.PEERS, bids.SWIM_TRIAL, bids.CORNER_CLEAR)
RETURNING = ("stan", "olga", "oscar")
"""They hold the key of the third round's vote between them."""
SECONDS = {
    Section.WHAT: 420,
    Section.WHERE: 190,
    Section.NEED: 210,
    Section.APPROACH: 330,
    Section.FAIRNESS: 240,
    Section.BUDGET: 380,
    Section.PARTNERS: 60,
    Section.CONTACT: 45,
}
"""How long the pages of a bid lie open, as a rule."""
ASKED = (None,) * 14 + (Hurdle.WHO,) * 6 + (Hurdle.TOO_MUCH,) * 5 + (Hurdle.AREA,) * 2
"""How the questions before a bid ended in the second round."""
EDITORS = {key: (editor, signer) for key, _, _, _, _, editor, signer, _ in beginnings.GROUPS}


def call(
    play: Play, key: str, title: str, summary: str, dates: RoundDates, pot_minor: int, cap_minor: int, on: int
) -> None:
    """A steward drafts a round and schedules it; from then on its rule-book stands."""
    with play.as_("sue", play.at(on, 9)) as uow:
        round = rounds.draft_round(
            uow,
            RoundDraft(
                title=title,
                summary=summary,
                fund_id=play.fund_id,
                priority_ids=tuple(play.priorities.values()),
                dates=dates,
                pot_minor=pot_minor,
                floor_minor=30_000,
                cap_minor=cap_minor,
                who_may_apply=WHO_MAY_APPLY,
                blind=key == "third",
                panel_part=PanelPart.SPLIT_POT if key == "third" else PanelPart.GATE,
                panel_share=20 if key == "third" else None,
                key_keeping=KeyKeeping.STRONG if key == "third" else KeyKeeping.STANDARD,
                key_officers=tuple(play.cast.people[one][0] for one in RETURNING) if key == "third" else (),
            ),
        )
        play.rounds[key] = round.id
    if key == panel.OWN_QUESTION_IN:
        with play.as_("sue", play.at(on, 11)) as uow:
            rounds.write_criterion(uow, play.rounds[key], panel.OWN_QUESTION)
    with play.as_("sue", play.at(on, 15)) as uow:
        rounds.schedule(uow, play.rounds[key], play.settings.vote_key)


def write(
    play: Play,
    round_key: str,
    bid: Bid,
    on: int,
    *,
    sections: tuple[Section, ...] = tuple(Section),
    typist: str = "",
) -> UUID:
    """A member of the group writes the bid, section by section; or a connector types in what they wrote by hand."""
    editor = typist or EDITORS[bid.group][0]
    name = play.cast.people[EDITORS[bid.group][0]][1]
    with play.as_(editor, play.at(on, 18)) as uow:
        round_id, group_id = play.rounds[round_key], play.cast.groups[bid.group]
        if typist:
            proposal_id = typed.start(uow, round_id, group_id, Source.PAPER, name).id
        else:
            proposal_id = proposals.start(uow, round_id, group_id).id
    smaller, achieves = bid.smaller or (None, "")
    heard = bid.heard or next(heard for title, _, _, heard, _, _ in beginnings.PRIORITIES if title == bid.priority)[:1]
    values: dict[Section, dict[str, Any]] = {
        Section.WHAT: {
            "title": bid.title,
            "summary": bid.summary,
            "what": bid.what,
            "starts_on": play.day(on + 90),
            "ends_on": play.day(on + 330),
        },
        Section.WHERE: {
            "for_whom": bid.for_whom,
            "communities": list(bid.communities),
            "seldom_heard": "",
            "anywhere": False,
            "ward_codes": list(bid.wards),
            "venue_postcode": bid.postcode,
        },
        Section.NEED: {
            "priority_id": play.priorities[bid.priority],
            "answers_need": bid.answers_need,
            "insight_ids": [play.insights[number] for number in heard],
        },
        Section.APPROACH: {
            "approaches": list(bid.approaches),
            "level": bid.level,
            "outcomes_hoped": bid.hoped,
            "outcomes_seen": bid.seen,
            "second_hoped": bid.second,
            "second_seen": bid.second_seen,
        },
        Section.FAIRNESS: {
            "equality": bid.equality,
            "poverty": bid.poverty,
            "at_risk": bool(bid.safeguarding),
            "safeguarding": bid.safeguarding,
        },
        Section.BUDGET: {"lines": list(bid.lines), "smaller_minor": smaller, "smaller_achieves": achieves},
        Section.PARTNERS: {"joint": [Partner(*one) for one in bid.joint], "partners": bid.partners},
        Section.CONTACT: {
            "contact_name": name,
            "contact_email": beginnings.people_email(play, editor),
            "contact_phone": "01632 960 123",
            "help_received": bid.help,
        },
    }
    for minutes, section in enumerate(sections):
        with play.as_(editor, play.at(on, 19, minutes * 5)) as uow:
            proposals.save_section(
                uow,
                proposal_id,
                section,
                values[section],
                version=0,
                geography=play.places,
                page_token="",
                seconds=SECONDS[section],
            )
    if bid.joint:
        with play.as_(editor, play.at(on, 20)) as uow:
            letters = partners.ask(uow, proposal_id)
        for token in letters.values():
            with play.as_nobody(play.at(on, 21)) as uow:
                partners.answer(uow, token, yes=True, name="J. Hall")
    play.proposals[round_key, bid.title] = proposal_id
    return proposal_id


def put_in(play: Play, round_key: str, bid: Bid, on: int, *, typist: str = "") -> UUID:
    """The bid is written, and another member of the group reads it and puts it in."""
    editor, signer = EDITORS[bid.group]
    proposal_id = write(play, round_key, bid, on, typist=typist)
    with play.as_(typist or editor, play.at(on, 20)) as uow:
        proposals.ask_for_sign_off(uow, proposal_id)
    with play.as_(signer, play.at(on + 1, 8)) as uow:
        proposals.submit(uow, proposal_id)
    return proposal_id


def check(play: Play, round_key: str, on: int, *, refused: dict[str, str] | None = None) -> None:
    """The round has closed; a steward looks whether each bid may take part."""
    with play.as_clock(play.at(on, 9)) as uow:
        rounds.tick(uow)
    with play.as_("stan", play.at(on, 10)) as uow:
        rounds.begin_checking(uow, play.rounds[round_key])
    for (key, title), proposal_id in play.proposals.items():
        if key != round_key:
            continue
        words = (refused or {}).get(title)
        with play.as_("stan", play.at(on, 11)) as uow:
            if words is None:
                proposals.screen(uow, proposal_id, eligible=True)
            else:
                proposals.screen(uow, proposal_id, eligible=False, code=ScreeningCode.OUTSIDE_THE_AREA, words=words)


def dates(play: Play, opens: int, closes: int, votes: int, ends: int, decide: int) -> RoundDates:
    """Days from today; applications and votes end at five in the afternoon in London."""
    return RoundDates(
        opens_at=play.at(opens, 9),
        closes_at=play.at(closes, 17),
        voting_opens_at=play.at(votes, 9),
        voting_closes_at=play.at(ends, 17),
        decide_by=play.at(decide, 17),
    )


def the_first_round(play: Play) -> None:
    """The first round: five groups ask, one of them from outside the area."""
    call(
        play,
        "first",
        "First seeds",
        "The first round of the shared pot: small sums for first steps on any of the five priorities.",
        dates(play, -222, -196, -184, -170, -160),
        600_000,
        300_000,
        -224,
    )
    for number, bid in enumerate((*FIRST, bids.VAN)):
        put_in(play, "first", bid, -214 + number * 2)
    check(
        play,
        "first",
        -194,
        refused={bids.VAN.title: "The van would be kept and used in Hartlepool, which is outside the borough."},
    )
    panel.sit(play, "first", -192)
    with play.as_("sue", play.at(-185, 10)) as uow:
        voting.open_vote(uow, play.rounds["first"])
    votes.vote(play, "first", FIRST, -183, 12, coded=150, mailed=30)
    papers.a_box(play, "first", -175, -170)
    with play.as_clock(play.at(-170, 18)) as uow:
        rounds.tick(uow)
    with play.as_clock(play.at(-170, 18, 5)) as uow:
        voting.close_vote(uow, play.rounds["first"], vote_key=play.settings.vote_key)


def the_second_round(play: Play) -> None:
    """The second round: seven groups ask, and the vote is open now."""
    call(
        play,
        "second",
        "Winter together",
        "For what brings people together and gets them out in the dark months.",
        dates(play, -48, -22, -6, 8, 15),
        700_000,
        450_000,
        -52,
    )
    for number, bid in enumerate(
        (bids.WARM, bids.WALKS, bids.STORIES, bids.SWIMMING, bids.REPAIR, bids.CORNER, bids.COFFEE)
    ):
        put_in(play, "second", bid, -44 + number * 2, typist="carl" if bid is bids.SWIMMING else "")
    with play.as_nobody(play.at(-40, 12)) as uow:
        for hurdle in ASKED:
            eligibility.count(uow, play.rounds["second"], hurdle)
    check(play, "second", -20)
    panel.sit(play, "second", -18)
    with play.as_("sue", play.at(-8, 10)) as uow:
        runs.exclude(
            uow,
            play.rounds["second"],
            [play.proposals["second", bid.title] for bid in (bids.WARM, bids.WALKS)],
            "Both need the community minibus on Thursday evenings, and there is one.",
        )
    with play.as_("sue", play.at(-7, 10)) as uow:
        voting.open_vote(uow, play.rounds["second"])
    votes.vote(play, "second", SECOND, -6, 6, coded=170, mailed=45)
    votes.begin(play, "second", -2, 4)
    papers.a_booth_today(play, "second", -6, 8)


def the_third_round(play: Play) -> None:
    """The third round is open: one bid is in, two are begun; three officers hold the key of its vote, one has their part."""
    call(
        play,
        "third",
        "Spring beginnings",
        "For what starts in spring: growing, mending, walking, meeting.",
        dates(play, -5, 23, 34, 48, 56),
        800_000,
        400_000,
        -9,
    )
    with play.as_clock(play.at(-4, 9)) as uow:
        rounds.tick(uow)
    with play.as_(RETURNING[0], play.at(-4, 10)) as uow:
        keys.collect(uow, play.rounds["third"], vote_key=play.settings.vote_key)  # the others have theirs to collect
    put_in(play, "third", bids.LIBRARY_BENCH, -4)
    write(play, "third", bids.SECOND_YEAR, -3)
    with play.as_("wendy", play.at(-2, 9)) as uow:
        proposals.ask_for_sign_off(uow, play.proposals["third", bids.SECOND_YEAR.title])
    write(play, "third", bids.TEACHERS, -2, sections=(Section.WHAT,))


SCENES = (the_first_round, the_second_round, the_third_round)
