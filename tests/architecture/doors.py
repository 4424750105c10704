"""Who may enter each view. A view that stands here with another door than it wears, or not at all, fails.

``public``: anybody. ``signed_in``: whoever has an account. ``demo_only``: anybody, in a demonstration only.
Otherwise the roles that may enter, in alphabetical order, with ``+`` between them.
"""

from __future__ import annotations

DOORS: dict[str, str] = {
    # awards
    "awards.agreement": "signed_in",
    "awards.answer": "group_member",
    "awards.edit": "steward",
    "awards.index": "admin+auditor+finance_officer+steward",
    "awards.parts": "steward",
    "awards.show": "public",
    "awards.stop": "steward",
    # funds
    "funds.agree": "admin+steward",
    "funds.amount": "admin+steward",
    "funds.change": "admin+steward",
    "funds.contribute": "admin+steward",
    "funds.contribution": "admin+auditor+finance_officer+funder+steward",
    "funds.funders": "admin+auditor+finance_officer+steward",
    "funds.give_back": "finance_officer",
    "funds.index": "public",
    "funds.new": "admin+steward",
    "funds.new_funder": "admin+steward",
    "funds.receive": "finance_officer",
    "funds.restriction": "admin+steward",
    "funds.show": "public",
    # home
    "home.healthz": "public",
    # insights
    "insights.index": "public",
    "insights.new": "connector+steward",
    # issues
    "issues.answer": "connector+steward",
    "issues.close": "connector+steward",
    "issues.hide": "connector+steward",
    "issues.index": "public",
    "issues.merge": "connector+steward",
    "issues.mine": "signed_in",
    "issues.new": "public",
    "issues.publish": "connector+steward",
    "issues.queue": "connector+steward",
    "issues.show": "public",
    "issues.support": "signed_in",
    "issues.take_back": "signed_in",
    "issues.yours": "public",
    # people
    "people.add_member": "signed_in",
    "people.can_host": "admin+steward",
    "people.change_group": "signed_in",
    "people.confirm_hosting": "signed_in",
    "people.decline_hosting": "signed_in",
    "people.end_hosting": "admin+steward",
    "people.end_role": "admin",
    "people.enter": "public",
    "people.enter_as": "demo_only",
    "people.everything": "signed_in",
    "people.forget": "signed_in",
    "people.forget_person": "admin",
    "people.group": "public",
    "people.groups": "public",
    "people.host": "signed_in",
    "people.hosting": "signed_in",
    "people.leave_everywhere": "signed_in",
    "people.link": "public",
    "people.link_sent": "public",
    "people.member": "signed_in",
    "people.members": "signed_in",
    "people.new_group": "signed_in",
    "people.people": "admin",
    "people.person": "admin",
    "people.remove_member": "signed_in",
    "people.sign_in": "public",
    "people.sign_out": "public",
    # places
    "places.index": "public",
    "people.take_back_host": "signed_in",
    "people.you": "signed_in",
}
