"""An ask of a quick round: one page, and what it still lacks."""

from grants.kernel.money import show_pounds
from grants.proposals.rules.facts import Facts
from grants.proposals.rules.sections import Check, Gap, Limits, Section, ends_too_early, who_answers

ASK_KEY = "ask"
"""What an ask's one page is called where sections are counted."""
ANSWER_DAYS = 10
"""Working days that a group has to answer a question about its ask."""
MOST_ASK_LINES = 6
ASK_PARTS: dict[Section, tuple[str, ...]] = {
    Section.WHAT: ("title", "what", "starts_on", "ends_on"),
    Section.NEED: ("priority_id",),
    Section.WHERE: ("for_whom", "anywhere", "venue_postcode"),
    Section.BUDGET: ("lines",),
    Section.APPROACH: ("outcomes_seen",),
    Section.CONTACT: ("contact_name", "contact_email", "contact_phone", "help_received"),
}
"""The fields of a whole proposal that an ask's one page holds, in its order."""


def _what(facts: Facts, limits: Limits) -> list[Check]:
    return [
        (not facts.title, "title", "Say in a few words what you want to do."),
        (
            not facts.what and not facts.spoken,
            "what",
            "Tell us a little more: write it here, or record it and add the recording.",
        ),
        (facts.starts_on is None, "starts_on", "Say when it happens; a guess will do."),
        ends_too_early(facts),
    ]


def _where(facts: Facts, limits: Limits) -> list[Check]:
    return [
        (not facts.for_whom, "for_whom", "Say who it is for."),
        (
            not facts.anywhere and not facts.venue_postcode,
            "venue_postcode",
            "Give the postcode of where it happens, or tick that it is not tied to a place.",
        ),
    ]


def _need(facts: Facts, limits: Limits) -> list[Check]:
    return [(facts.priority_id not in limits.priority_ids, "priority_id", "Choose the priority that it answers.")]


def _budget(facts: Facts, limits: Limits) -> list[Check]:
    over = facts.applied_for_minor - limits.cap_minor
    return [
        (not facts.applied_for_minor, "lines", "Say what you need and what it costs."),
        (
            over > 0,
            "lines",
            f"You ask for {show_pounds(facts.applied_for_minor)}. The most for one ask is "
            f"{show_pounds(limits.cap_minor)}: take {show_pounds(max(over, 0))} off.",
        ),
    ]


def _seen(facts: Facts, limits: Limits) -> list[Check]:
    return [(not facts.outcomes_seen, "outcomes_seen", "Say how we will know that it went well.")]


def _host(facts: Facts, limits: Limits) -> list[Check]:
    return [
        (
            facts.needs_host and not facts.hosted,
            "host_id",
            "Your group has no bank account, so a host must hold the money. Ask one; when they have said yes, send it.",
        )
    ]


def _contact(facts: Facts, limits: Limits) -> list[Check]:
    return who_answers(facts)


def ask_gaps(facts: Facts, limits: Limits) -> list[Gap]:
    """What an ask's one page still lacks, in the order of the page.

    >>> [gap.field for gap in ask_gaps(Facts(title="A bench"), Limits(100, 50_000))][:4]
    ['what', 'starts_on', 'priority_id', 'for_whom']
    """
    checks = (_what, _need, _where, _budget, _seen, _contact, _host)
    return [Gap(field, words) for check in checks for lacking, field, words in check(facts, limits) if lacking]
