"""Who does it together with the group, and whether they said yes."""

from dataclasses import dataclass
from enum import StrEnum


class PartnerState(StrEnum):
    """Where a partner of a joint proposal stands."""

    NAMED = "named"
    ASKED = "asked"
    CONFIRMED = "confirmed"
    DECLINED = "declined"


class PartnerAction(StrEnum):
    """What can be done about a partner."""

    ASK = "ask"
    CONFIRM = "confirm"
    DECLINE = "decline"
    CHANGE = "change"


PARTNER_STEPS = {
    (PartnerState.NAMED, PartnerAction.ASK): PartnerState.ASKED,
    (PartnerState.ASKED, PartnerAction.ASK): PartnerState.ASKED,
    (PartnerState.ASKED, PartnerAction.CONFIRM): PartnerState.CONFIRMED,
    (PartnerState.ASKED, PartnerAction.DECLINE): PartnerState.DECLINED,
    # What was asked has changed, so it must be asked again:
    (PartnerState.NAMED, PartnerAction.CHANGE): PartnerState.NAMED,
    (PartnerState.ASKED, PartnerAction.CHANGE): PartnerState.NAMED,
    (PartnerState.CONFIRMED, PartnerAction.CHANGE): PartnerState.NAMED,
    (PartnerState.DECLINED, PartnerAction.CHANGE): PartnerState.NAMED,
}


@dataclass(frozen=True, slots=True)
class Partner:
    """Who does it together with the group: what they do, and their share of the cash (pence)."""

    name: str
    role: str
    email: str = ""
    share_minor: int = 0
    state: PartnerState = PartnerState.NAMED


PARTNER_WORDS: dict[PartnerState, str] = {
    PartnerState.NAMED: "Not asked so far",
    PartnerState.ASKED: "Asked, no answer so far",
    PartnerState.CONFIRMED: "Said yes",
    PartnerState.DECLINED: "Said no",
}
MOST_PARTNERS = 8
