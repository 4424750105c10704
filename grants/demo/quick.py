"""A quick round: one grant paid, one ask that waits for its second person, one refused with a reason, one just in."""

from dataclasses import dataclass

from grants.awards import queries as award_queries
from grants.awards.rules import home_mark
from grants.awards.service import agreements, answers
from grants.demo import beginnings, outcomes
from grants.demo.beginnings import people_email
from grants.demo.play import Play
from grants.proposals.rules.facts import Help, Line
from grants.proposals.service import bids as proposals
from grants.proposals.service import quick as asks
from grants.quick import service as quick
from grants.quick.rules import NoCode, Says
from grants.reports import service as reports
from grants.rounds import service as rounds
from grants.rounds.rules.quick import QuickDraft


@dataclass(frozen=True, slots=True)
class Ask:
    """An ask as its group writes it."""

    group: str
    title: str
    what: str
    for_whom: str
    postcode: str
    priority: str
    lines: tuple[Line, ...]
    seen: str
    help: Help = Help.NOBODY


BENCH = Ask(
    "willows", "A bench for the street party",
    "We hold a party on the green with the whole street. Older neighbours will come if they can sit down, so we want a bench that stays.",
    "Everybody on the four streets round the club, above all those who live alone.",
    "TS18 1AA", beginnings.FOOD, (Line("A bench of recycled wood", 18_000, lasting=True), Line("Tea, cake and paper cups", 2_000)),
    "People sit on it, and go on sitting on it after the party. We send a photo.",
)  # fmt: skip
TOOLS = Ask(
    "repair", "Spare parts for twenty lamps",
    "Before the clocks go back we want to mend the lamps that people brought us in summer, so that nobody buys a new one.",
    "Whoever brings a lamp. Most are older people who do not drive.",
    "TS23 2LA", beginnings.FOOD, (Line("Bulbs, fuses and cable", 6_500),),
    "We count the lamps that go home again.", help=Help.CONNECTOR,
)  # fmt: skip
FIREWORKS = Ask(
    "legends", "Fireworks for New Year",
    "The children and the residents would watch ten minutes of fireworks together from the garden.",
    "The care home and the school next door.",
    "TS19 8XH", beginnings.ACTIVE, (Line("Fireworks", 40_000),), "Everybody is still awake at nine.",
)  # fmt: skip
BOOTS = Ask(
    "portrack", "Four pairs of walking boots to lend",
    "Four people who want to walk with us have no shoes for wet paths. We lend boots until they have their own.",
    "People from Portrack who would like to walk and cannot afford boots.",
    "TS18 2LL", beginnings.ACTIVE, (Line("Walking boots, second hand", 12_000, lasting=True),),
    "The four walk with us at least five times.",
)  # fmt: skip


def a_quick_round_opens(play: Play) -> None:
    """A quick round opens: small sums on any day, answered by two people within five working days."""
    with play.as_("sue", play.at(-34, 9)) as uow:
        round = rounds.draft_round(
            uow,
            QuickDraft(
                title="Quick grants for good neighbours",
                summary="For something small that cannot wait: a bench, spare parts, a hall for an afternoon. "
                "Two people answer within five working days.",
                fund_id=play.fund_id,
                priority_ids=tuple(play.priorities.values()),
                opens_at=play.at(-32, 9),
                closes_at=play.at(60, 17),
                pot_minor=120_000,
                cap_minor=40_000,
                who_may_apply="Neighbours who do something together in the borough.",
            ),
        )
        play.rounds["quick"] = round.id
    with play.as_("sue", play.at(-34, 10)) as uow:
        rounds.schedule(uow, play.rounds["quick"], play.settings.vote_key)
    with play.as_clock(play.at(-32, 9)) as uow:
        rounds.tick(uow)


def put_in(play: Play, ask: Ask, on: int) -> None:
    """A member writes the one page; another says that it is right."""
    editor, signer = next((e, s) for key, _, _, _, _, e, s, _ in beginnings.GROUPS if key == ask.group)
    with play.as_(editor, play.at(on, 18)) as uow:
        proposal_id = asks.start(uow, play.rounds["quick"], play.cast.groups[ask.group]).id
        play.proposals["quick", ask.title] = proposal_id
    with play.as_(editor, play.at(on, 18, 8)) as uow:
        values = {
            "title": ask.title,
            "what": ask.what,
            "starts_on": play.day(on + 30),
            "ends_on": play.day(on + 30),
            "priority_id": play.priorities[ask.priority],
            "for_whom": ask.for_whom,
            "anywhere": False,
            "venue_postcode": ask.postcode,
            "lines": ask.lines,
            "outcomes_seen": ask.seen,
            "contact_name": play.cast.people[editor][1],
            "contact_email": people_email(play, editor),
            "contact_phone": "",
            "help_received": ask.help,
        }
        asks.save(uow, proposal_id, values, version=0, geography=play.places, seconds=480)
    with play.as_(editor, play.at(on, 18, 9)) as uow:
        proposals.ask_for_sign_off(uow, proposal_id)
    with play.as_(signer, play.at(on, 20)) as uow:
        proposals.submit(uow, proposal_id)


def say(play: Play, ask: Ask, who: str, says: Says, on: int, reason: str = "", code: NoCode | None = None) -> None:
    """Somebody says yes or no."""
    with play.as_(who, play.at(on, 11)) as uow:
        quick.say(uow, play.proposals["quick", ask.title], says, copy=1, code=code, reason=reason)


def a_bench_is_paid(play: Play) -> None:
    """The youth club asks for a bench, two people say yes, and the money goes out."""
    put_in(play, BENCH, -30)
    say(
        play, BENCH, "sue", Says.YES, -29, "It is small, it stays, and those who are most alone can come because of it."
    )
    say(play, BENCH, "priya", Says.YES, -28)
    line = award_queries.of_proposal(play.session, play.proposals["quick", BENCH.title])
    assert line is not None
    with play.as_("paul", play.at(-27, 18)) as uow:
        answers.accept(uow, line.id)
    agreement = award_queries.agreement(play.session, line.id)
    assert agreement is not None
    for key in ("wendy", "paul"):
        with play.as_(key, play.at(-26, 18)) as uow:
            home = home_mark(play.settings.secret_key, agreement.id, key, "TS18 1AA")
            agreements.sign(uow, agreement.id, play.cast.people[key][1], home=home)
    with play.as_("stan", play.at(-25, 10)) as uow:
        reports.countersign(uow, agreement.id)
    outcomes.pay_what_is_due(play, -24)


def others_ask(play: Play) -> None:
    """One ask is refused with a reason and a way on; one waits for its second person; one came in yesterday."""
    put_in(play, FIREWORKS, -16)
    say(play, FIREWORKS, "stan", Says.NO, -14, "Ten minutes leave nothing behind, and loud bangs upset many residents. "
        "The library lends lanterns for a walk round the garden.", NoCode.ELSEWHERE)  # fmt: skip
    say(play, FIREWORKS, "peter", Says.NO, -13, code=NoCode.ELSEWHERE)
    put_in(play, TOOLS, -4)
    say(play, TOOLS, "peter", Says.YES, -2, "Twenty lamps for the price of two new ones.")
    put_in(play, BOOTS, -1)


SCENES = (a_quick_round_opens, a_bench_is_paid, others_ask)
