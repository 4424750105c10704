"""The rules a round may choose from. To add one, write its module and name it here."""

from dataclasses import replace

from grants.allocation.rules.equal_shares import EqualShares, Phragmen
from grants.allocation.rules.greedy import MostVotes
from grants.allocation.rules.result import Rule
from grants.kernel.errors import RuleBroken

RULES: dict[str, Rule] = {rule.name: rule for rule in (MostVotes(), EqualShares(), Phragmen())}


def rule_named(name: str, totals_only: bool = False) -> Rule:
    """The rule with this name; refuses (``RuleBroken``) one we do not have.

    ``totals_only``: its reasons tell nothing but totals. Those of most votes never tell more.
    """
    if name not in RULES:
        raise RuleBroken(f"There is no rule called {name}. Choose one of: {', '.join(sorted(RULES))}.", field="rule")
    rule = RULES[name]
    return replace(rule, totals_only=True) if totals_only and isinstance(rule, EqualShares | Phragmen) else rule
