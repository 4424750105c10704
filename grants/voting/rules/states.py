"""How a vote came in, and the life of a voting code."""

from enum import StrEnum


class Channel(StrEnum):
    ONLINE = "online"
    ASSISTED = "assisted"
    PAPER = "paper"


class CodeState(StrEnum):
    ISSUED = "issued"
    USED = "used"
    VOID = "void"
