"""How a vote came in, the life of a voting code, and why somebody is turned away."""

from enum import StrEnum


class Channel(StrEnum):
    ONLINE = "online"
    ASSISTED = "assisted"
    PAPER = "paper"


class CodeState(StrEnum):
    ISSUED = "issued"
    USED = "used"
    VOID = "void"


class Refusal(StrEnum):
    UNKNOWN_CODE = "unknown_code"
    VOID_CODE = "void_code"
    OUTSIDE_AREA = "outside_area"
    WRONG_NUMBER = "wrong_number"
    TOO_MANY = "too_many"
