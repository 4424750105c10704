"""Postcodes as people type them."""

import re
import unicodedata

from grants.kernel.errors import RuleBroken

# Outward (area, district) and inward (sector digit, unit) code; the unit never holds C I K M O V.
# Source: Royal Mail's Programmers' Guide to the Postcode Address File, as in BS 7666.
_POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][ABD-HJLNP-UW-Z]{2})")
_NUMBERS = re.compile(r"[0-9]+(?: ?[a-z](?![a-z]))?|(?<![a-z0-9])[a-z](?![a-z0-9])")
"""The numbers of a door, each with its letter; and a letter that stands alone, as in "Flat A"."""
_DIGIT_FOR = {"O": "0", "I": "1", "L": "1"}


def one_door(house: str, postcode: str) -> str:
    """An address so that two people of one door write the same: number or name, and postcode. For marks, not for mail.

    One postcode is a street or a part of it, so its numbers tell the door, however the rest is written; a house without
    a number is known by its name. Raises ``RuleBroken`` at the field for what is no address.

    >>> one_door("Flat 2, 10 High St", "ts18 1ab") == one_door("10 High Street, flat 2", "TS18 1AB")
    True
    >>> one_door("The Old Forge", "TS18 1AB") == one_door("old forge", "TS18 1AB")
    True
    >>> one_door("Flat A, 10 High St", "TS18 1AB") == one_door("Flat B, 10 High St", "TS18 1AB")
    False
    """
    plain = re.sub("['’]", "", unicodedata.normalize("NFKC", house).casefold())
    known_by = plain.strip().removeprefix("the ")
    if any(letter.isdigit() for letter in plain):
        known_by = " and ".join(sorted(part.replace(" ", "").lstrip("0") for part in _NUMBERS.findall(plain)))
    door = "".join(letter for letter in known_by if letter.isalnum())
    if not door or len(house) > 60:
        raise RuleBroken("Enter the number or name of your house.", "house")
    return f"{door}\n{normalise_postcode(postcode)}"


def normalise_postcode(text: str) -> str:
    """A postcode as printed on an envelope: capitals, one space. Refuses what cannot be a full UK postcode.

    A letter where only a digit can stand (O or I for 0 or 1 before the last two letters) is read as that digit.

    >>> normalise_postcode(" ts181ab ")
    'TS18 1AB'
    >>> normalise_postcode("TS18 OAB")
    'TS18 0AB'
    """
    bare = re.sub(r"[\s.\-–]+", "", text).upper()
    if len(bare) >= 5:
        bare = bare[:-3] + _DIGIT_FOR.get(bare[-3], bare[-3]) + bare[-2:]
    found = _POSTCODE.fullmatch(bare)
    if found is None:
        raise RuleBroken("Enter a full postcode, like TS18 1AA", field="postcode")
    return f"{found[1]} {found[2]}"
