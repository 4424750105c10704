"""What is typed about an insight."""

from grants.insights.rules import InsightDraft
from grants.web import fields
from grants.web.forms import Form


class InsightForm(Form):
    """Something that was heard."""

    text = fields.AreaField(
        "What did people say?",
        at_most=1000,
        rows=4,
        counted=True,
        hint="One thing at a time, in their words as far as you can. No names.",
        message="Write what was heard",
    )
    how_heard = fields.TextField(
        "How and where was it heard?",
        at_most=300,
        hint="For example: a walk with 12 parents from the school gate.",
        message="Say where or how it was heard",
    )
    ward = fields.SelectField("Ward", required=False, empty="All over town")
    heard_on = fields.DayField("When was it heard?", required=False)

    def to_draft(self) -> InsightDraft:
        return InsightDraft(self.text.data or "", self.how_heard.data or "", self.ward.data or None, self.heard_on.data)


class InsightFilter(Form):
    """How the bank is narrowed down."""

    words = fields.TextField("Words", required=False, at_most=100)
    ward = fields.SelectField("Ward", required=False, empty="All wards")
