"""The life of a proposal."""

from collections.abc import Mapping
from enum import StrEnum


class ProposalState(StrEnum):
    """Where a proposal stands."""

    DRAFT = "draft"
    AWAITING_SIGN_OFF = "awaiting_sign_off"
    SUBMITTED = "submitted"
    MORE_INFO_REQUESTED = "more_info_requested"
    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    ON_BALLOT = "on_ballot"
    AWARDED = "awarded"
    RESERVE = "reserve"
    NOT_FUNDED = "not_funded"
    NOT_SUBMITTED = "not_submitted"
    WITHDRAWN = "withdrawn"


class ProposalAction(StrEnum):
    """What can be done to a proposal."""

    ASK_FOR_SIGN_OFF = "ask_for_sign_off"
    SEND_BACK = "send_back"
    SUBMIT = "submit"
    REOPEN = "reopen"
    REQUEST_MORE_INFO = "request_more_info"
    GIVE_MORE_INFO = "give_more_info"
    MISS_MORE_INFO = "miss_more_info"
    PASS_SCREENING = "pass_screening"  # noqa: S105
    FAIL_SCREENING = "fail_screening"
    REINSTATE = "reinstate"
    PUT_ON_BALLOT = "put_on_ballot"
    KEEP_OFF_BALLOT = "keep_off_ballot"
    AWARD = "award"
    HOLD_IN_RESERVE = "hold_in_reserve"
    TURN_DOWN = "turn_down"
    MISS_DEADLINE = "miss_deadline"
    WITHDRAW = "withdraw"


S, A = ProposalState, ProposalAction
STEPS = {
    (S.DRAFT, A.ASK_FOR_SIGN_OFF): S.AWAITING_SIGN_OFF,
    (S.AWAITING_SIGN_OFF, A.SEND_BACK): S.DRAFT,
    (S.AWAITING_SIGN_OFF, A.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, A.REOPEN): S.DRAFT,
    (S.SUBMITTED, A.REQUEST_MORE_INFO): S.MORE_INFO_REQUESTED,
    (S.MORE_INFO_REQUESTED, A.GIVE_MORE_INFO): S.SUBMITTED,
    (S.MORE_INFO_REQUESTED, A.MISS_MORE_INFO): S.SUBMITTED,
    (S.SUBMITTED, A.PASS_SCREENING): S.ELIGIBLE,
    (S.SUBMITTED, A.FAIL_SCREENING): S.INELIGIBLE,
    (S.INELIGIBLE, A.REINSTATE): S.ELIGIBLE,
    (S.ELIGIBLE, A.PUT_ON_BALLOT): S.ON_BALLOT,
    (S.ELIGIBLE, A.KEEP_OFF_BALLOT): S.NOT_FUNDED,
    (S.ON_BALLOT, A.AWARD): S.AWARDED,
    (S.ON_BALLOT, A.HOLD_IN_RESERVE): S.RESERVE,
    (S.ON_BALLOT, A.TURN_DOWN): S.NOT_FUNDED,
    (S.RESERVE, A.AWARD): S.AWARDED,
    # Only when a decision that was told is corrected:
    (S.RESERVE, A.TURN_DOWN): S.NOT_FUNDED,
    (S.NOT_FUNDED, A.AWARD): S.AWARDED,
    (S.NOT_FUNDED, A.HOLD_IN_RESERVE): S.RESERVE,
    (S.DRAFT, A.MISS_DEADLINE): S.NOT_SUBMITTED,
    (S.AWAITING_SIGN_OFF, A.MISS_DEADLINE): S.NOT_SUBMITTED,
    (S.DRAFT, A.WITHDRAW): S.WITHDRAWN,
    (S.AWAITING_SIGN_OFF, A.WITHDRAW): S.WITHDRAWN,
    (S.SUBMITTED, A.WITHDRAW): S.WITHDRAWN,
    (S.MORE_INFO_REQUESTED, A.WITHDRAW): S.WITHDRAWN,
    (S.ELIGIBLE, A.WITHDRAW): S.WITHDRAWN,
    (S.ON_BALLOT, A.WITHDRAW): S.WITHDRAWN,
}
OPEN_STATES = (S.DRAFT, S.AWAITING_SIGN_OFF)
"""Being written or signed off."""
PUT_IN = tuple(state for state in S if state not in (*OPEN_STATES, S.NOT_SUBMITTED))
"""Put in, whatever came of it later."""
IN_HAND = (S.SUBMITTED, S.MORE_INFO_REQUESTED, S.ELIGIBLE)
"""Put in, and not on the ballot so far."""
TAKES_PART = (S.ELIGIBLE, S.ON_BALLOT, S.AWARDED, S.RESERVE, S.NOT_FUNDED)
"""States in which a proposal takes, or has taken, part in its round's vote."""
PUBLIC = frozenset({S.ELIGIBLE, S.ON_BALLOT, S.AWARDED, S.RESERVE, S.NOT_FUNDED, S.WITHDRAWN})
"""States in which a proposal that was put in may be shown to everybody, once its round's vote opens."""

QUICK_STEPS = {
    (S.DRAFT, A.ASK_FOR_SIGN_OFF): S.AWAITING_SIGN_OFF,
    (S.AWAITING_SIGN_OFF, A.SEND_BACK): S.DRAFT,
    (S.AWAITING_SIGN_OFF, A.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, A.REOPEN): S.DRAFT,
    (S.SUBMITTED, A.REQUEST_MORE_INFO): S.MORE_INFO_REQUESTED,
    (S.MORE_INFO_REQUESTED, A.GIVE_MORE_INFO): S.SUBMITTED,
    (S.MORE_INFO_REQUESTED, A.MISS_MORE_INFO): S.SUBMITTED,
    (S.SUBMITTED, A.AWARD): S.AWARDED,
    (S.SUBMITTED, A.TURN_DOWN): S.NOT_FUNDED,
    (S.DRAFT, A.MISS_DEADLINE): S.NOT_SUBMITTED,
    (S.AWAITING_SIGN_OFF, A.MISS_DEADLINE): S.NOT_SUBMITTED,
    (S.DRAFT, A.WITHDRAW): S.WITHDRAWN,
    (S.AWAITING_SIGN_OFF, A.WITHDRAW): S.WITHDRAWN,
    (S.SUBMITTED, A.WITHDRAW): S.WITHDRAWN,
    (S.MORE_INFO_REQUESTED, A.WITHDRAW): S.WITHDRAWN,
}
"""An ask goes from two members straight to two people who decide: no check, no panel, no ballot."""


def steps_of(*, quick: bool) -> Mapping[tuple[ProposalState, ProposalAction], ProposalState]:
    """The steps that proposals of a quick round, or of one with a vote, can take."""
    return QUICK_STEPS if quick else STEPS
