"""What people type about funds and their money."""

from collections.abc import Mapping
from uuid import UUID

from grants.funds.rules import (
    BENEFICIARIES,
    GROUPS,
    SPENDING,
    ContributionDraft,
    FundDraft,
    FunderDraft,
    MoneyDraft,
    Restriction,
)
from grants.web import fields
from grants.web.forms import Form

DECILES = [
    (1, "1", "The most deprived tenth of England's neighbourhoods."),
    *((n, str(n)) for n in range(2, 10)),
    (10, "10", "The least deprived tenth."),
]


class FundForm(Form):
    """A pot and what it is for."""

    name = fields.TextField("Name of the fund", at_most=140)
    purpose = fields.AreaField(
        "What the fund is for", hint="Two or three plain sentences that everybody can read.", counted=True, at_most=2000
    )

    elsewhere = fields.AreaField(
        "Where else can groups turn?",
        hint="One place on each line: its name, what it helps with, and how to reach it. It stands in the letter of "
        "every group that gets nothing.",
        counted=True,
        at_most=4000,
        required=False,
    )

    def to_draft(self) -> FundDraft:
        return FundDraft(self.name.data or "", self.purpose.data or "", self.elsewhere.data or "")


class FunderForm(Form):
    """Who gives."""

    name = fields.TextField("Name of the funder", at_most=140)
    org_id = fields.TextField(
        "Organisation number",
        hint="As the open register org-id.guide writes it, like GB-CHC-1234567 for a charity.",
        required=False,
        at_most=60,
    )

    def to_draft(self) -> FunderDraft:
        return FunderDraft(self.name.data or "", self.org_id.data or None)


class RestrictionForm(Form):
    """What money may be spent on; nothing ticked restricts nothing."""

    ward_codes = fields.ChecksField(
        "Only for people in these wards", hint="Leave all boxes empty if it may be spent anywhere.", required=False
    )
    imd_deciles = fields.ChecksField(
        "Only for neighbourhoods in these deprivation deciles",
        hint="Each neighbourhood of England stands in one of ten equal groups. Leave all empty for any neighbourhood.",
        choices=DECILES,
        coerce=int,
        required=False,
    )
    priority_ids = fields.UuidChecks(
        "Only for these priorities", hint="Leave all empty if it may serve any priority.", required=False
    )
    beneficiaries = fields.ChecksField(
        "Only for activities that are above all for",
        hint="Leave all empty if it may be for anybody.",
        choices=[(key, words[:1].upper() + words[1:]) for key, words in BENEFICIARIES.items()],
        required=False,
    )
    group_kinds = fields.ChecksField(
        "Only for these kinds of group",
        hint="Leave all empty if any kind of group may have it.",
        choices=[(key, words[:1].upper() + words[1:]) for key, words in GROUPS.items()],
        required=False,
    )
    spending = fields.RadiosField(
        "What it may buy",
        choices=[
            ("both", "Anything"),
            ("capital", "Only things that last", "Equipment, building work: capital."),
            ("revenue", "Only running costs", "People's time, food, rent, materials: revenue."),
        ],
        required=False,
    )
    spend_by = fields.DayField(
        "Last day on which it may be promised to groups",
        hint="Leave it empty if there is none. We warn before it comes. For example, 31 3 2027.",
        required=False,
    )
    checked = fields.HiddenField(required=False)
    """The sentence that was shown and is agreed to; it must be what the boxes say."""

    def offer(self, wards: Mapping[str, str], priorities: Mapping[UUID, str]) -> None:
        """Give the wards and priorities that can be ticked."""
        self.priorities = priorities
        self.ward_codes.choices = sorted(wards.items(), key=lambda pair: pair[1])
        self.priority_ids.choices = sorted(priorities.items(), key=lambda pair: pair[1])

    def restriction(self) -> Restriction:
        return Restriction(
            ward_codes=frozenset(self.ward_codes.data or ()),
            imd_deciles=frozenset(self.imd_deciles.data or ()),
            priority_ids=frozenset(self.priority_ids.data or ()),
            beneficiaries=frozenset(self.beneficiaries.data or ()),
            group_kinds=frozenset(self.group_kinds.data or ()),
            spending=self.spending.data if self.spending.data in SPENDING else "",
            spend_by=self.spend_by.data,
        )


class ContributionForm(RestrictionForm):
    """Who promises how much, and for what."""

    funder_id = fields.UuidSelect("Who gives", message="Choose who gives")
    amount = fields.MoneyField("How much they promise")

    def to_draft(self, ward_names: Mapping[str, str]) -> ContributionDraft:
        return ContributionDraft(self.funder_id.data, self.amount.data, self.restriction(), ward_names)


class NewRestrictionForm(RestrictionForm):
    """What money may be spent on, said anew, and why."""

    why = fields.TextField("Why it changes", hint="Kept in the trail for the funder and the auditor.", at_most=300)


class AmountForm(Form):
    """A promise of another size."""

    amount = fields.MoneyField("How much they promise in all")
    why = fields.TextField("Why it changes", hint="Kept in the trail for the funder and the auditor.", at_most=300)


class ReceiptForm(Form):
    """Money on the bank statement."""

    amount = fields.MoneyField("How much arrived")
    reference = fields.TextField("Reference on the bank statement", at_most=60)
    on = fields.DayField("Day on the bank statement", hint="For example, 27 3 2027.")

    def to_draft(self) -> MoneyDraft:
        return MoneyDraft(self.amount.data, self.reference.data or "", self.on.data)


class GiveBackForm(Form):
    """Money that went back to the funder."""

    amount = fields.MoneyField("How much went back")
    reference = fields.TextField("Reference of the payment", at_most=60)
    on = fields.DayField("Day it was paid", hint="For example, 27 3 2027.")
    reason = fields.AreaField("Why it went back", at_most=500, rows=3, hint="The funder and the auditor read this.")

    def to_draft(self) -> MoneyDraft:
        return MoneyDraft(self.amount.data, self.reference.data or "", self.on.data, self.reason.data or "")


class UnspentForm(Form):
    """Why the funder is asked about unspent money."""

    reason = fields.AreaField("Why do you ask?", hint="The funder reads this.", at_most=500, rows=3)


class AnswerUnspentForm(Form):
    """What the funder wants to become of it."""

    answer = fields.RadiosField(
        "What shall become of it?",
        choices=[
            ("stay", "Let it stay in the pot", "It goes to groups, as you agreed."),
            ("back", "Give it back to us", "Nobody is promised it any more, and a finance officer pays it back."),
        ],
    )
    spend_by = fields.DayField(
        "If it stays: last day on which it may be promised to groups",
        hint="Leave it empty for no last day. For example, 31 3 2027.",
        required=False,
    )


class CloseForm(Form):
    """The last day of a period of the books."""

    through = fields.DayField("Last day to close", hint="For example, 31 3 2027. It must have ended two days ago.")


class ScopedRoleForm(Form):
    """A role for one fund, or for one funder."""

    what = fields.SelectField("Role and for what", message="Choose a role")


class PayForm(Form):
    """How much to pay through a provider's page."""

    amount = fields.MoneyField("How much do you pay?", at_least=100)


class RefundForm(Form):
    """Money that goes back the way it came."""

    amount = fields.MoneyField("How much goes back?")
    reason = fields.AreaField("Why it goes back", at_most=300, rows=3, hint="The funder and the auditor read this.")


class MadeGoodForm(Form):
    """Money from elsewhere that takes the place of what was taken back."""

    amount = fields.MoneyField("How much came?")
    reference = fields.TextField("Reference on the bank statement", at_most=60)


class PaysByForm(Form):
    """How a fund's groups are paid."""

    pays_by = fields.RadiosField("How are this fund's groups paid?", message="Choose how groups are paid")
    fees_borne_by = fields.TextField(
        "Who bears the fees of the payment company?",
        hint="It keeps a fee of what it takes in or pays out. The pot never bears it. Leave this empty if whoever "
        "keeps the account does.",
        required=False,
        at_most=140,
    )
