"""Kinds of group, and the life of a hosting."""

from enum import StrEnum


class GroupKind(StrEnum):
    """What a group is in law; an unconstituted one needs a host."""

    UNCONSTITUTED = "unconstituted"
    ASSOCIATION = "association"
    CIC = "community_interest_company"
    CHARITY = "charity"
    PARTNERSHIP = "partnership"
    PUBLIC_BODY = "public_body"


class HostingState(StrEnum):
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    ENDED = "ended"


class HostingAction(StrEnum):
    CONFIRM = "confirm"
    DECLINE = "decline"
    END = "end"


HOSTING_STEPS = {
    (HostingState.REQUESTED, HostingAction.CONFIRM): HostingState.CONFIRMED,
    (HostingState.REQUESTED, HostingAction.DECLINE): HostingState.DECLINED,
    (HostingState.CONFIRMED, HostingAction.END): HostingState.ENDED,
}
