"""What the first round's vote led to: the decision, the awards, the payments, and what changed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from uuid import UUID

from PIL import Image, ImageDraw

from grants.allocation import queries as allocations
from grants.allocation.rules.states import Verdict
from grants.allocation.service import runs
from grants.appeals import service as appeals
from grants.appeals.rules import AppealDraft, Ground, Judgement, Remedy
from grants.awards import queries as award_queries
from grants.awards.queries import AwardLine
from grants.awards.rules import home_mark
from grants.awards.service import agreements, answers, offers, readiness
from grants.demo import beginnings, bids
from grants.demo.panel import PANEL
from grants.demo.play import Play
from grants.disbursements import queries as payments
from grants.disbursements.rules import Notice, Told
from grants.disbursements.service import heard, holds, paying, returns, sending
from grants.kernel.clock import london_day
from grants.kernel.work import UnitOfWork
from grants.meetings import queries as meeting_queries
from grants.meetings import service as meetings
from grants.meetings.rules import AgendaOrder, Settled
from grants.outbox import service as outbox
from grants.payees import queries as payee_queries
from grants.payees import service as payees
from grants.payees.rules.accounts import NameAnswer
from grants.payees.rules.checks import CheckKind
from grants.people import queries as people
from grants.proposals.queries import whole
from grants.reports import queries as report_queries
from grants.reports import service as reports
from grants.reports.rules import MeasureDraft, ReportDraft
from grants.rounds import service as rounds
from grants.web import outside

ANSWERS = {
    CheckKind.CONSTITUTION: "Our rules were agreed at our yearly meeting and signed by the chair.",
    CheckKind.TWO_PEOPLE: "Two of us look after the money. We are not related, and we live in different streets.",
    CheckKind.SAFEGUARDING: "Two grown-ups are always there, all of them checked. Our safeguarding lead is on the poster by the door.",
    CheckKind.INSURANCE: "Public liability insurance for £5 million, with a mutual for small groups.",
    CheckKind.HOST: "We hold this grant for the group, and pay its bills when two of them ask.",
    CheckKind.SUBSIDY: "We have had no other public money in these three years.",
}
"""What the groups answer when we ask what we must know."""
STATEMENT = b"%PDF-1.4\n% A statement of the demonstration: nobody banks here.\n%%EOF\n"
HOSTS_SIGN = {"swim": "grace"}
"""Who signs for the host of a group without an account of its own."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A report as its group writes it."""

    draft: ReportDraft
    picture: str


REPORTS: dict[str, Telling] = {
    bids.GROW.title: Telling(
        ReportDraft(
            what_happened="We grew salad, beans, potatoes and strawberries in six beds, and cooked on twenty-one evenings. "
            "Every child tasted something that they had never eaten.",
            learnt="Start with radishes: they are ready before anybody loses heart. And the children teach their parents.",
            story="One boy would not touch anything green in April. In July he ate the peas before they reached the pan, "
            "and asked whether we could plant more.",
            story_consent=True,
            spent_minor=231_000,
            underspend_reason="The soil was given to us.",
            measures=(
                MeasureDraft("children tasted what they grew", 30, 30, "the register of each evening"),
                MeasureDraft("children took a portion home", 27, 30, "counted at the door"),
                MeasureDraft("children took seedlings home", 10, 30, "counted at the door"),
            ),
        ),
        "Raised beds with beans climbing up sticks",
    ),
    bids.PEERS.title: Telling(
        ReportDraft(
            what_happened="We trained eight advocates and held six breakfasts. People told us of better wellbeing, of keeping up "
            "their treatment, of using less or nothing, of keeping a tenancy, and of volunteering.",
            learnt="The firms were as nervous as we were. The second breakfast is the one that counts.",
            story="A joiner gave one of us a week's trial, and then another. He said that nobody had ever asked so many questions.",
            story_consent=True,
            spent_minor=300_000,
            measures=(
                MeasureDraft("people engaged fully", 27, 41, "advocates' notes"),
                MeasureDraft("of them wrote their goals together with us", 12, 27, "goal sheets"),
                MeasureDraft("of those were in regular contact", 10, 12, "call log"),
            ),
        ),
        "A table laid for breakfast in a workshop",
    ),
    bids.SWIM_TRIAL.title: Telling(
        ReportDraft(
            what_happened="Six Sundays, and the pool was full every time. There is a waiting list.",
            learnt="A play worker next door would let more mothers come.",
            story="On the fourth Sunday somebody's grandmother came to watch, and on the fifth she was in the water.",
            story_consent=True,
            spent_minor=48_000,
            measures=(
                MeasureDraft("women in the water", 19, 19, "sign-in sheet"),
                MeasureDraft("swam a width", 8, 19, "the teacher"),
            ),
        ),
        "",
    ),
}


def the_pot_is_shared(play: Play) -> None:
    """The votes decide the money; the panel's chair takes the decision, and everybody is told at once."""
    round_id = play.rounds["first"]
    with play.as_("sue", play.at(-169, 9)) as uow:
        runs.run(uow, round_id)
    _the_panel_meets(play, round_id)
    with play.as_("stan", play.at(-163, 12)) as uow:
        offers.announce_and_offer(uow, round_id)
    for line in award_queries.of_round(play.session, round_id):
        _agree(play, line.id, _group_of(play, line))


NOTES = (
    "Priya asked who opens up when it rains. They wrote that a neighbour has the key. Nobody was against it.",
    "Short talk. All three had read the same thing in it.",
    "Peter would have liked a second helper. The group is small, and that is fine for a first step.",
    "The votes are clear, and the panel has nothing to add.",
)
CONDITION = "Please tell the people next door before you begin, and say so in your report."


def _the_panel_meets(play: Play, round_id: UUID) -> None:
    """In the village hall the panel goes through what the votes say, and settles every bid as they have it."""
    with play.as_("sue", play.at(-168, 10)) as uow:
        meetings.plan(uow, round_id, play.at(-166, 18), "Tilery Community Centre, the small hall", AgendaOrder.APART)
    with play.as_("chris", play.at(-166, 18)) as uow:
        meetings.begin(uow, round_id)
    with play.as_("sue", play.at(-166, 18, 5)) as uow:
        meetings.attend(uow, round_id, [play.cast.people[key][0] for key in PANEL])
    verdicts = {one.proposal_id: one.verdict for one in allocations.decisions(play.session, round_id)}
    meeting = meeting_queries.of_round(play.session, round_id)
    assert meeting is not None
    agenda = [(row.position, row.proposal_id) for row in meeting_queries.rows(play.session, meeting.id)]
    for position, proposal_id in agenda:
        verdict = verdicts[proposal_id]
        said = Settled(
            note=NOTES[(position - 1) % len(NOTES)],
            verdict=verdict,
            conditions=CONDITION if verdict is Verdict.AWARDED and position == 1 else "",
        )
        with play.as_("chris", play.at(-166, 18, 10 + 5 * position)) as uow:
            meetings.settle(uow, round_id, position, said)
    with play.as_("chris", play.at(-166, 19)) as uow:
        meetings.close(uow, round_id)


def a_group_appeals(play: Play) -> None:
    """A group that was not funded says that it was not told why; the administrator, who had no part in it, agrees."""
    lost = next(
        one
        for one in allocations.decisions(play.session, play.rounds["first"])
        if not one.awarded_minor and one.letter is not None
    )
    writer, _ = _members(whole.proposal(play.session, lost.proposal_id).group_id, play)
    with play.as_(writer, play.at(-156, 19)) as uow:
        draft = AppealDraft(
            Ground.NO_REASON,
            "The letter says what the panel found, but one of its reasons breaks off in the middle. We asked at the hall, "
            "and nobody could tell us how it goes on.",
        )
        appeal_id = appeals.lodge(uow, lost.id, draft).id
    with play.as_("ada", play.at(-154, 10)) as uow:
        reason = "It is about how you were told, so I look into it. I ask the panel for what it wrote."
        appeals.hear(uow, appeal_id, accepted=True, reason=reason)
    with play.as_("ada", play.at(-150, 10)) as uow:
        found = Judgement(
            upheld=True,
            reason="You are right: the last sentence of one reason is missing in your letter. It changes nothing about the "
            "points. The stewards go through all of the panel's reasons with you.",
            public_words="A letter did not hold all of the panel's reasons.",
            remedy=Remedy.REPEAT,
        )
        appeals.judge(uow, appeal_id, found)
    with play.as_("sue", play.at(-147, 15)) as uow:
        appeals.note_remedy(uow, appeal_id, "A steward went through all of the panel's reasons with the group.")


def _group_of(play: Play, line: AwardLine) -> str:
    return next(key for key, id in play.cast.groups.items() if id == line.group_id)


def _agree(play: Play, award_id: UUID, group: str) -> None:
    editor, signer = next((e, s) for key, _, _, _, _, e, s, _ in beginnings.GROUPS if key == group)
    with play.as_(signer, play.at(-160, 18)) as uow:
        answers.accept(uow, award_id)
    agreement = award_queries.agreement(play.session, award_id)
    assert agreement is not None
    _say_what_must_be_known(play, award_id)
    for offset, key in ((-159, editor), (-158, HOSTS_SIGN.get(group, signer))):
        with play.as_(key, play.at(offset, 20)) as uow:
            home = home_mark(play.settings.secret_key, agreement.id, key, "TS18 1AA")
            agreements.sign(uow, agreement.id, play.cast.people[key][1], home=home)
    with play.as_("sue", play.at(-157, 10)) as uow:
        reports.countersign(uow, agreement.id)


def _say_what_must_be_known(play: Play, award_id: UUID) -> None:
    """The group (or its host) gives its bank details and answers what we ask; officers check all of it."""
    award = award_queries.award(play.session, award_id)
    assert award is not None
    payee_id = award.payee_id
    if payee_queries.account(play.session, payee_id) is None:
        _bank_account(play, payee_id)
    wanted = award_queries.needs(play.session, award, london_day(play.at(-159)))
    for kind, about in [(need.kind, need.group_id) for need in wanted if not need.holds]:
        _, teller = _members(about, play)
        with play.as_(teller, play.at(-159, 12)) as uow:
            check_id = payees.give_answer(uow, kind, about, award_id, ANSWERS[kind]).id
        with play.as_("sue", play.at(-158, 9)) as uow:
            until = play.day(120) if kind is CheckKind.INSURANCE else None
            readiness.judge_check(uow, check_id, passed=True, expires_on=until)


def _members(group_id: UUID, play: Play) -> tuple[str, str]:
    key = next(key for key, id in play.cast.groups.items() if id == group_id)
    return next((editor, signer) for name, _, _, _, _, editor, signer, _ in beginnings.GROUPS if name == key)


def _bank_account(play: Play, group_id: UUID) -> None:
    """One member gives it, another confirms it, officers check the name and the numbers against the statement."""
    editor, signer = _members(group_id, play)
    place = list(play.cast.groups.values()).index(group_id)
    code, number = "990012", f"200000{place}{-(14 + 7 * place) % 10}"  # digits that fit together, and no bank has them
    ring, numbers = play.settings.bank_ring, outside.account_numbers()
    name = people.group_names(play.session, [group_id])[group_id]
    with play.as_(editor, play.at(-160, 19)) as uow:
        account_id = holds.give_account(uow, ring, numbers, group_id, name, code, number).id
    with play.as_(signer, play.at(-160, 20)) as uow:
        payees.confirm(uow, account_id)
    with play.as_(editor, play.at(-160, 20, 30)) as uow:
        payees.add_paper(uow, account_id, payees.keep_paper(outside.files(), STATEMENT))
    with play.as_("sue", play.at(-159, 9)) as uow:
        payees.check_name(uow, account_id, NameAnswer.MATCH)
    with play.as_("stan", play.at(-159, 10)) as uow:
        readiness.verify_account(uow, ring, account_id, code, number)


def the_first_parts_are_paid(play: Play) -> None:
    """First parts of the awards are asked for, authorised by somebody else, sent, and they arrive."""
    pay_what_is_due(play, -155)


def the_second_parts_are_paid(play: Play) -> None:
    """The groups have told how it goes, and the second parts follow."""
    for line in award_queries.of_round(play.session, play.rounds["first"]):
        award = award_queries.award(play.session, line.id)
        assert award is not None
        for part_id in [part.id for part in award.instalments if part.condition]:
            with play.as_("sue", play.at(-61, 14)) as uow:
                readiness.meet_condition(uow, part_id, "They told us at the table, and we went to see it.")
    pay_what_is_due(play, -60)


def pay_what_is_due(play: Play, offset: int) -> None:
    """What is due by that day is asked for, authorised by somebody else, sent, and arrives."""
    for line in payments.due(play.session, play.day(offset), None):
        with play.as_("fiona", play.at(offset, 9)) as uow:
            payment = paying.request(uow, line.instalment_id)
            payment_id, key, amount = payment.id, payment.key, payment.amount_minor
        with play.as_("felix", play.at(offset, 11)) as uow:
            paying.authorise(uow, payment_id)
        _relay(play, play.at(offset, 12))
        arrived = Notice(id=f"evt_{key}"[:80], told=Told.PAID, key=key, amount_minor=amount)
        with play.as_clock(play.at(offset + 1, 6)) as uow:
            heard.handle_event(uow, outside.gateway().name, arrived)


def _relay(play: Play, moment: datetime) -> None:
    working: Callable[[], AbstractContextManager[UnitOfWork]] = lambda: play.as_clock(moment)  # noqa: E731
    sent, failed = outbox.send_due(
        working,
        {"payment": lambda payload, key: sending.deliver(working, outside.gateway(), payload, key)},
    )
    assert sent
    assert not failed


def they_tell_what_changed(play: Play) -> None:
    """The groups report; what was not needed comes back to the pot; the round is complete."""
    round_id = play.rounds["first"]
    for line in award_queries.of_round(play.session, round_id):
        group = _group_of(play, line)
        editor = next(e for key, _, _, _, _, e, _, _ in beginnings.GROUPS if key == group)
        told = REPORTS[line.title]
        report = report_queries.of_award(play.session, line.id)
        assert report is not None
        report_id, version = report.id, report.version
        with play.as_(editor, play.at(-34, 20)) as uow:
            reports.save(uow, report_id, told.draft, version)
        if told.picture:
            with play.as_(editor, play.at(-34, 20, 20)) as uow:
                kept = reports.keep_picture(outside.files(), drawn(line.title), told.picture)
                reports.add_picture(uow, report_id, kept, consent=True)
        with play.as_(editor, play.at(-34, 21)) as uow:
            reports.submit(uow, report_id)
        with play.as_("stan", play.at(-30, 10)) as uow:
            reports.accept(uow, report_id)
        spare = line.amount_minor - (told.draft.spent_minor or 0)
        if spare:
            with play.as_("fiona", play.at(-24, 10)) as uow:
                returns.record_return(uow, line.id, spare, f"BACK-{line.reference}", play.day(-24))
    with play.as_("sue", play.at(-20, 10)) as uow:
        rounds.complete(uow, round_id)


def drawn(title: str) -> bytes:
    """A little picture, drawn and not photographed: nobody's likeness is in the demonstration. A JPEG's bytes."""
    picture = Image.new("RGB", (960, 600), "#fbf3e4")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 420, 960, 600), fill="#8a5a2b")
    pen.ellipse((760, 50, 880, 170), fill="#f2b84b")
    if title == bids.GROW.title:
        for x in range(60, 940, 110):
            height = 150 + (x * 37) % 130
            pen.line((x, 430, x, 430 - height), fill="#12684a", width=10)
            for step in range(60, height, 55):
                side = 44 if (step // 55) % 2 else -44
                pen.ellipse((min(x, x + side), 430 - step - 16, max(x, x + side), 430 - step + 16), fill="#2f9e6b")
            pen.ellipse((x - 14, 416 - height, x + 14, 444 - height), fill="#c8402f")
    else:
        pen.rectangle((120, 330, 840, 370), fill="#0b5f57")
        for x in (170, 770):
            pen.rectangle((x, 370, x + 30, 520), fill="#0b5f57")
        for x in range(200, 800, 120):
            pen.ellipse((x - 44, 292, x + 44, 334), fill="#fffdf9", outline="#d9a441", width=6)
            pen.rectangle((x + 54, 282, x + 84, 330), fill="#f2b84b")
    kept = BytesIO()
    picture.save(kept, "JPEG", quality=85)
    return kept.getvalue()


SCENES = (
    the_pot_is_shared,
    a_group_appeals,
    the_first_parts_are_paid,
    beginnings.the_rest_arrives,
    the_second_parts_are_paid,
    they_tell_what_changed,
    beginnings.unspent_money_is_offered_back,
)
