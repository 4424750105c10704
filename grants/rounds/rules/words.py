"""The rule-book in plain words."""

from grants.kernel.money import show_pounds, told_in
from grants.kernel.words import plural
from grants.rounds.rules.ballots import BallotKind, Connection, KeyKeeping, PaperPolicy, VotingMethod
from grants.rounds.rules.book import ApplicantKind, RuleBook
from grants.rounds.rules.panel import PanelPart, part_words
from grants.rounds.rules.quick import QuickBook
from grants.rounds.rules.sharing import EqualSharesOptions, PhragmenOptions, SharingRule

METHOD_WORDS: dict[VotingMethod, str] = {
    VotingMethod.CODE: "a voting code that you get by post or from a connector",
    VotingMethod.EMAIL_POSTCODE: "your e-mail address and a postcode in the area",
    VotingMethod.IN_PERSON: "an officer at a booth, in person and on paper",
}
APPLICANT_WORDS: dict[ApplicantKind, str] = {
    ApplicantKind.CONSTITUTED: "groups that are constituted and have a bank account",
    ApplicantKind.HOSTED: "groups with a host that holds the money for them",
}


def in_words(book: "RuleBook | QuickBook") -> tuple[tuple[str, str], ...]:
    """The rule-book as people say it: (question, answer) pairs in plain words.

    Of an election elsewhere, where nobody's ties to a place are known, only what is known.
    """
    if isinstance(book, QuickBook):
        return _quick_in_words(book)
    if not book.vote_connections:
        return (
            ("How much", told_in(f"There was {show_pounds(book.pot_minor)} in all.", book.currency)),
            ("Who gets the money", told_in(_sharing(book), book.currency)),
        )
    kinds = _joined([APPLICANT_WORDS[kind] for kind in book.applicant_kinds], "and")
    ties = _ties([tie for tie in Connection if tie in book.vote_connections])
    methods = _joined([METHOD_WORDS[method] for method in book.vote_methods], "or with")
    looks_for = _joined([criterion.name.lower() for criterion in book.criteria], "and")
    return (
        ("Who may apply", f"{book.who_may_apply} It is for {kinds}."),
        (
            "How much",
            f"{show_pounds(book.floor_minor)} to {show_pounds(book.cap_minor)} for each proposal. "
            f"There is {show_pounds(book.pot_minor)} in all.",
        ),
        (
            "What the panel does",
            f"Before the vote, at least {plural(book.quorum, 'panellist')} without an interest read every proposal. "
            f"They look for {looks_for}. {_weights(book)}A proposal needs {book.pass_mark}% of the points to go on. "
            f"{_points_later(book)}{BLIND_WORDS if book.blind else ''}",
        ),
        ("Who may vote", f"Everybody {f'aged {book.vote_min_age} or over ' if book.vote_min_age else ''}who {ties}."),
        (
            "How you show that you may vote",
            f"With {methods}. Each person votes once{_changes(book)}",
        ),
        ("How you vote", _choices(book)),
        ("Who gets the money", _sharing(book)),
        (
            "When votes are equal",
            f"{level_words(book)} The lot comes from a number that is published here before anybody votes.",
        ),
        (
            "If something went wrong",
            f"A group can appeal within {book.appeal_days} days after it was told, when the rules were not kept or "
            "somebody had an interest. Somebody who had no part in it decides about the appeal.",
        ),
        (
            "How votes stay secret",
            f"{_sealed_until(book)} No figure about fewer than {book.suppress_below} people is published. "
            f"With fewer than {book.totals_only_below} votes, only totals are.",
        ),
    )


BLIND_WORDS = (
    " They read without being told which group asks, who is in it or where it is, until their scores are locked."
)


def _weights(book: RuleBook) -> str:
    """How the criteria weigh where they do not all weigh the same."""
    if len({one.weight for one in book.criteria}) < 2:
        return ""
    parts = [f"{one.name.lower()} {part_words(one, book.criteria)}" for one in book.criteria]
    return f"Of the points, these make up: {_joined(parts, 'and')}. "


def _points_later(book: RuleBook) -> str:
    """What the panel's points are for after the vote."""
    if book.panel_part is PanelPart.SPLIT_POT:
        return "After the vote, the points decide about a part of the pot: see “Who gets the money”."
    if book.panel_part is PanelPart.TIE_BREAK:
        return "After the vote, the points count only where votes are equal."
    return "The points do not count in the vote."


def level_words(book: RuleBook) -> str:
    """What decides between proposals that the votes leave level."""
    lot = "a lot decides" if book.rule is SharingRule.MOST_VOTES else "more votes, and then a lot, decide"
    if book.panel_part is PanelPart.TIE_BREAK:
        return (
            "The proposal to which the panel gave the larger part of the points goes first; one that the panel could "
            f"not judge comes after those. If these are equal too, the cheaper goes first, and then {lot}."
        )
    return f"The cheaper proposal goes first. If they cost the same, {lot}."


def split_words(book: RuleBook) -> tuple[str, ...]:
    """How a pot that is split goes by votes and by points, a sentence or two each; nothing where it is not split."""
    if book.panel_part is not PanelPart.SPLIT_POT:
        return ()
    panel = book.panel_pot_minor
    return (
        f"{show_pounds(book.pot_minor - panel)} goes by votes, as told here.",
        f"{show_pounds(panel)} ({book.panel_share}% of the pot) goes by the panel's points, after the votes and with "
        "what they leave: of what is not funded yet, the proposal with the largest part of the points goes first. One "
        "that asks for more than is left is passed over. When points are equal, more votes go first, then the cheaper, "
        "then the lot. What the panel could not judge comes last, by votes.",
        "Limits for one group, the fewest votes that a proposal needs, and the funders' conditions hold for both parts "
        "together.",
    )


def _sealed_until(book: RuleBook) -> str:
    """How votes are sealed, and who can open them."""
    if book.key_keeping is KeyKeeping.STRONG:
        return (
            "Votes are sealed until voting closes. The key that opens them is not kept on this service: three "
            "returning officers hold a part of it each, and it takes two of them to count. Then the votes are mixed "
            "and counted, and the sealed votes are destroyed."
        )
    return (
        "Votes are sealed until voting closes. "
        "Then they are mixed and counted, and the key that opens them is destroyed."
    )


def _changes(book: RuleBook) -> str:
    """What may be changed after voting."""
    if book.vote_methods == (VotingMethod.IN_PERSON,):
        return ". A paper that is in the box stays there."
    if book.key_keeping is KeyKeeping.STRONG:
        if VotingMethod.IN_PERSON not in book.vote_methods:
            return ", and can vote afresh until voting closes: the last vote counts."
        if book.paper_policy is PaperPolicy.REFUSE:
            return (
                ". Who voted online can vote afresh online until voting closes: the last vote counts. "
                "A paper in the box stays there."
            )
        return (
            ". Who voted online can vote afresh until voting closes, online or once more on paper at a booth: the "
            "last vote counts. A paper in the box stays there."
        )
    if VotingMethod.IN_PERSON not in book.vote_methods:
        return ", and can change the vote until voting closes."
    if book.paper_policy is PaperPolicy.REFUSE:
        return ". An online vote can be changed online until voting closes, a paper in the box cannot."
    return (
        ". An online vote can be changed until voting closes, online or once more on paper at a booth. "
        "A paper in the box stays there."
    )


def _choices(book: RuleBook) -> str:
    """What a ballot may say, a blank one and the areas included."""
    parts = [_marks(book)]
    if not book.ballot_minimum:
        parts.append("Who wants none of them can hand in a blank ballot: it counts as a person who voted.")
    if book.ballot_areas is not None:
        areas = "the same area" if book.ballot_areas == 1 else f"at most {book.ballot_areas} areas"
        parts.append(
            f"All that you choose is in {areas}. A proposal for several areas can be chosen with any one of them, "
            "and one for the whole place always."
        )
    return " ".join(parts)


def _marks(book: RuleBook) -> str:
    fewest, most, kind = book.ballot_minimum, book.ballot_maximum, book.ballot_kind
    if kind is BallotKind.POINTS:
        spread = f" to {plural(fewest, 'proposal')} or more" if fewest > 1 else " to the proposals that you like"
        top = f", and at most {book.ballot_each} to one" if book.ballot_each else ""
        return f"You have {plural(most or 0, 'point')}. You give them{spread}, more to what you like more{top}."
    if kind is BallotKind.RANKED:
        limit = f" and at most {most}" if most and most > fewest else ""
        how_many = plural(fewest, "proposal") if most == fewest else f"at least {plural(fewest, 'proposal')}{limit}"
        if not fewest:
            how_many = f"up to {plural(most, 'proposal')}" if most else "as many proposals as you like"
        worth = (
            f"The places are worth {_joined([str(points) for points in book.ballot_weights], 'and')} points."
            if len(book.ballot_weights) > 1
            else "The last place that can be named is worth one point, and each place before it one more."
        )
        return f"You put {how_many} in order, the best first. {worth}"
    if not fewest:
        return f"You choose up to {plural(most, 'proposal')}." if most else "You choose as many proposals as you like."
    if most == fewest:
        return f"You choose {plural(fewest, 'proposal')}."
    limit = f"and at most {most}" if most else "and as many more as you like"
    return f"You choose at least {plural(fewest, 'proposal')}, {limit}."


def _sharing(book: RuleBook) -> str:
    options, word = book.sharing, "point" if book.ballot.has_points else "vote"
    if isinstance(options, EqualSharesOptions):
        parts = _equal_shares(options, book.ballot.has_points)
    elif isinstance(options, PhragmenOptions):
        parts = [
            "Everybody who votes earns money at the same steady pace. As soon as the people who chose a proposal "
            "have its price between them, it is funded, and they have spent all that they had."
        ]
    else:
        parts = [f"The proposal with the most {word}s is funded first, then the next, while the money lasts."]
    if options.minimum_votes > 1:
        parts.append(f"A proposal needs at least {options.minimum_votes:,} {word}s.")
    if not isinstance(options, EqualSharesOptions):
        parts.append(
            "When the next one asks for more than is left, the sharing ends."
            if options.stop_at_misfit
            else "One that asks for more than is left is passed over, and the next one gets its turn."
        )
    if options.group_limit is not None:
        parts.append(f"At most {plural(options.group_limit, 'proposal')} of the same group can be funded.")
    if options.group_cap_minor is not None:
        parts.append(f"One group can get at most {show_pounds(options.group_cap_minor)}.")
    if book.vote_connections:  # not elsewhere
        parts.append("Some money may only be spent on certain places or priorities, and we keep to that.")
    if split := split_words(book):
        parts = [split[0].replace("as told here", "and the rest by the panel's points"), *parts, *split[1:]]
    return " ".join(parts)


def _equal_shares(options: EqualSharesOptions, has_points: bool) -> list[str]:
    first = "the one with the most support behind each pound comes first"
    if has_points:
        first = "the one that costs its supporters least for each point they gave it comes first"
    elif options.utility == "cardinality":
        first = "the one that costs each supporter least comes first"
    parts = [
        "Everybody who votes controls an equal part of the pot. A proposal is funded when the people who chose it "
        f"can pay for it together, each as equal a share as possible. Of those that can be paid, {first}."
    ]
    if options.start == "floor":
        parts.append("The parts are rounded down to whole pounds at the start.")
    if options.completion == "none":
        parts.append("What is left stays in the pot.")
        return parts
    until = " or nothing more would fit" if options.exhaustive_stop else ""
    parts.append(
        f"So that little is left over, everybody's part then grows, {show_pounds(options.step_minor)} at a time, "
        f"and the sharing is done afresh, until the next time would cost more than the pot{until}."
    )
    if options.completion == "add1u":
        parts.append("What is left then goes by most votes, to whatever still fits.")
    return parts


def _joined(words: list[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _ties(ties: list[Connection]) -> str:
    """What voters do here: "lives, works or studies here"."""
    return f"{_joined([tie.value for tie in ties], 'or')} here"


def _quick_in_words(book: QuickBook) -> tuple[tuple[str, str], ...]:
    kinds = _joined([APPLICANT_WORDS[kind] for kind in book.applicant_kinds], "and")
    return (
        ("Who may ask", f"{book.who_may_apply} It is for {kinds}."),
        (
            "How much",
            f"Up to {show_pounds(book.cap_minor)} for each ask. There is {show_pounds(book.pot_minor)} in all, and you "
            "can ask while it lasts.",
        ),
        ("What you write", "One page. Then a second person, of your group or of its host, says that it is right."),
        (
            "Who decides",
            "Two people: stewards of the fund, or neighbours who sit on its panels. Never anybody of the group or its "
            "host, or who wrote or signed the ask. The first says yes or no, and why. The second agrees or not. If "
            "they do not agree, a third decides; if nobody else may, the answer is no. If there is not enough money "
            "left for it, the answer is no.",
        ),
        (
            "How soon",
            f"Within {plural(book.decide_days, 'working day')} after it is in, Monday to Friday. If we have a "
            "question, the days begin again when you have answered.",
        ),
        (
            "What you hear",
            "A letter as soon as it is decided, with the reason, and with where else to turn. You may ask again.",
        ),
        (
            "What everybody sees",
            "Each grant: who, how much, for which priority, why, and how many days it took. Of what we said no to "
            "only how many and what kind of reason.",
        ),
    )
