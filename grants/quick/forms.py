"""What somebody who decides types about an ask."""

from grants.quick.rules import NO_WORDS, REASON_AT_MOST, NoCode, Says
from grants.web import fields
from grants.web.forms import Form


class SayForm(Form):
    """Yes or no, and why."""

    says = fields.RadiosField(
        "Your answer",
        choices=[(Says.YES, "Yes, fund it"), (Says.NO, "No")],
        coerce=Says,
        message="Choose yes or no",
    )
    code = fields.RadiosField(
        "What kind of reason is it?",
        hint="Everybody can see how often we say no for each of these.",
        choices=[(one, words) for one, words in NO_WORDS.items()],
        coerce=NoCode,
        required=False,
    )
    reason = fields.AreaField(
        "Why?",
        hint="Of a yes everybody reads this, of a no the group. A sentence or two, kindly and clearly.",
        at_most=REASON_AT_MOST,
        rows=3,
        required=False,
        message="Say why, in a sentence or two",
    )
    copy = fields.HiddenField(required=False)

    @property
    def copy_seen(self) -> int:
        """Which copy of the ask the page showed; a broken one counts as none."""
        text = str(self.copy.data or "")
        return int(text) if text.isdecimal() and len(text) < 7 else 0


class AskBackForm(Form):
    """A question instead of an answer."""

    words = fields.AreaField(
        "What do you need to know?",
        hint="The group reads these words. Ask for one thing at a time.",
        at_most=1000,
        rows=3,
        message="Say what you need to know, in words that the group will read",
    )
    copy = fields.HiddenField(required=False)

    @property
    def copy_seen(self) -> int:
        """Which copy of the ask the page showed; a broken one counts as none."""
        text = str(self.copy.data or "")
        return int(text) if text.isdecimal() and len(text) < 7 else 0
