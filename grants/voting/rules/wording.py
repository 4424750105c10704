"""What a voter is asked, and the words of the bar that stays in sight; ``static/js/ballot.js`` says the same."""

from collections.abc import Mapping

from grants.rounds.rules.ballots import BallotKind, BallotRules
from grants.voting.rules.ballots import least_of, most_each, most_of, nth


def explain_limits(rules: BallotRules, standing: int) -> str:
    """What the voter is asked, in a few sentences.

    >>> explain_limits(BallotRules(), 12)
    'Choose every project you would fund: at least 3.'
    >>> explain_limits(BallotRules(minimum=0, areas=1), 12)
    'Choose every project you would fund. All of them must be in one area, or for the whole place.'
    """
    if rules.areas is None:
        return _ask(rules, standing)
    few = "one area" if rules.areas == 1 else f"at most {rules.areas} areas"
    return f"{_ask(rules, standing)} All of them must be in {few}, or for the whole place."


def _ask(rules: BallotRules, standing: int) -> str:
    least, most = least_of(rules, standing), most_of(rules, standing)
    if most == 1:
        return "Choose the one project that you most want to be funded."
    if rules.kind is BallotKind.POINTS:
        have, each = rules.maximum or 0, most_each(rules)
        top = f", {each} at most to one project" if each < have else ""
        wide = f" Give points to at least {least} projects." if least > 1 else ""
        return f"You have {_many(have, 'point')} to share out. Give more to what you like more{top}.{wide}"
    if rules.kind is BallotKind.RANKED and most is not None:
        order = f"Put up to {most} projects in order" if most > least else f"Put {most} projects in order"
        wide = f" Place at least {least}." if 1 < least < most else ""
        return f"{order}: 1st for the one that you like best, then 2nd, and so on.{wide}"
    if most is None:
        return f"Choose every project you would fund{f': at least {least}' if least else ''}."
    if most == least:
        return f"Choose {least}."
    return f"Choose from {least} to {most} projects." if least > 1 else f"Choose up to {most} projects."


def how_it_counts(rules: BallotRules, standing: int) -> str:
    """What the choices of one voter are worth, in a sentence.

    >>> how_it_counts(BallotRules(BallotKind.RANKED, weights=(3, 2, 1)), 9)
    'Your 1st choice counts 3 points, your 2nd 2 and your 3rd 1.'
    """
    if rules.kind is BallotKind.POINTS:
        return "Each point counts the same, whatever a project costs."
    if rules.kind is BallotKind.CHOOSE_ONE:
        return "Your choice counts as one vote, whatever the project costs."
    if rules.kind is not BallotKind.RANKED:
        return "Each of your choices counts the same, whatever it costs."
    worth = rules.place_points(standing)
    first = f"Your 1st choice counts {_many(worth[0], 'point')}" if worth else ""
    if len(worth) > 5 and not rules.weights:
        return f"{first}, your 2nd {worth[1]}, and so on: one point less for each place."
    rest = [f"your {nth(place)} {points}" for place, points in enumerate(worth[1:], start=2)]
    if not rest:
        return f"{first}."
    return f"{first}{', '.join(['', *rest[:-1]])} and {rest[-1]}."


def bar_words(picks: Mapping[int, int], rules: BallotRules, standing: int, in_few_areas: bool = True) -> str:
    """How far the voter is. ``in_few_areas``: the choices are in no more areas than the rules allow.

    >>> bar_words({1: 1, 2: 1}, BallotRules(), 12)
    '2 of at least 3 chosen: choose 1 more'
    >>> bar_words({1: 3}, BallotRules(BallotKind.POINTS, 1, 10), 12)
    '7 of 10 points left'
    """
    if not in_few_areas:
        return f"{len(picks)} chosen, in more than {_many(rules.areas or 0, 'area')}: take some out"
    count, least, most = len(picks), least_of(rules, standing), most_of(rules, standing)
    if rules.kind is BallotKind.POINTS:
        have = rules.maximum or 0
        left = have - sum(picks.values())
        if left < 0:
            return f"{_many(-left, 'point')} too many: take {-left} back"
        return f"{left} of {_many(have, 'point')} left" + (f": choose {least - count} more" if count < least else "")
    if rules.kind is BallotKind.RANKED:
        return _places(sorted(picks.values()), least, most or standing)
    if most is not None:
        over = f": take out {count - most}" if count > most else ""
        under = f": choose {least - count} more" if count < least else ""
        return f"{count} of {most} chosen{over or under}"
    if count < least:
        return f"{count} of at least {least} chosen: choose {least - count} more"
    return f"{count} chosen"


def _places(given: list[int], least: int, most: int) -> str:
    for at, place in enumerate(given, start=1):
        if place < at:
            return f"Two are your {nth(place)} choice: change one"
        if place > at:
            return f"There is no {nth(at)} choice yet"
    short = f": place {least - len(given)} more" if len(given) < least else ""
    return f"{len(given)} of {_many(most, 'place')} given{short}"


def _many(size: int, word: str) -> str:
    return f"{size} {word}" if size == 1 else f"{size} {word}s"
