"""In which areas one voter's choices are, where a rule-book says that they may be in one, or in a few."""

from collections.abc import Collection, Iterable, Mapping

Areas = Mapping[int, Collection[str]]
"""By number on the ballot: the areas (ward codes) that a project is for; none where it is for the whole place."""


def held_by(picks: Iterable[int], areas: Areas, most: int) -> tuple[str, ...] | None:
    """The fewest areas, ``most`` at most, such that each pick is for one of them; nothing when there are no such areas.

    A project for several areas is in any one of them, one for the whole place in none. Of several answers the first by
    code. An exact search (the smallest hitting set): the branches are the areas of one project, ``most`` of them deep.

    >>> held_by([1, 2, 3], {1: ["A", "B"], 2: ["B"], 3: []}, 1), held_by([1, 2], {1: ["A"], 2: ["B"]}, 1)
    (('B',), None)
    """
    wanted = {frozenset(areas.get(number, ())) for number in picks} - {frozenset()}
    bare = [one for one in wanted if not any(other < one for other in wanted)]
    for size in range(most + 1):
        if (found := _hit(sorted(map(sorted, bare), key=lambda one: (len(one), one)), size)) is not None:
            return tuple(sorted(found))
    return None


def _hit(wanted: list[list[str]], size: int) -> tuple[str, ...] | None:
    if not wanted:
        return ()
    if not size:
        return None
    for area in wanted[0]:
        rest = _hit([one for one in wanted[1:] if area not in one], size - 1)
        if rest is not None:
            return (area, *rest)
    return None


def shut_out(picks: Collection[int], areas: Areas, most: int | None) -> frozenset[int]:
    """The projects that cannot be chosen beside ``picks``, though each could alone."""
    if most is None or held_by(picks, areas, most) is None:
        return frozenset()
    shut: dict[frozenset[str], bool] = {}
    for number, where in areas.items():
        if number not in picks and (key := frozenset(where)) not in shut:
            shut[key] = held_by([*picks, number], areas, most) is None
    return frozenset(n for n, where in areas.items() if n not in picks and shut[frozenset(where)])


def to_give_up(picks: Collection[int], areas: Areas, most: int, target: int) -> dict[str, frozenset[int]]:
    """What somebody gives up who wants to choose ``target`` too: by area of theirs, the picks that then must go.

    >>> to_give_up([1, 2, 3], {1: ["A"], 2: ["A"], 3: [], 4: ["B"]}, 1, 4)
    {'A': frozenset({1, 2})}
    """
    mine, where = held_by(picks, areas, most) or (), sorted(areas.get(target, ()))
    found = {}
    for area in mine:
        kept = {*(one for one in mine if one != area), *where[:1]}
        found[area] = frozenset(n for n in picks if areas.get(n) and not kept & set(areas[n]))
    return found
