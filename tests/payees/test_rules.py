"""What a bank account must look like, which papers may be kept, and the arithmetic of account numbers."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from grants.kernel.errors import RuleBroken
from grants.kernel.keyring import KeyRing, SealBroken
from grants.kernel.papers import LARGEST, checked_paper
from grants.payees.rules.accounts import STEPS, BankAccountAction, BankAccountState, clean_details
from grants.payees.rules.modulus import BadTable, Tables, check

S = BankAccountState

WORKED = Tables.read(
    """\
# The lines that the published test cases rest on.
070116 070116 MOD11 0 0 7 6 5 8 9 4 5 6 7 8 9 -1 12
070116 070116 MOD10 0 3 2 4 5 8 9 4 5 6 7 8 9 -1 13
074456 074456 MOD11 0 0 7 6 5 8 9 4 5 6 7 8 9 -1 12
074456 074456 MOD10 0 3 2 4 5 8 9 4 5 6 7 8 9 -1 13
086090 086090 MOD10 0 0 3 7 1 3 7 1 3 7 1 3 7 1 8
089000 089999 MOD10 0 0 0 0 0 0 7 1 3 7 1 3 7 1
102400 107999 MOD11 0 0 0 0 0 0 8 7 6 5 4 3 2 1
110000 119280 DBLAL 0 0 2 1 2 1 2 1 2 1 2 1 2 1 1
134012 134020 MOD11 0 0 0 7 5 9 8 4 6 3 5 2 0 0 4
180002 180002 MOD11 0 0 0 0 0 0 8 7 6 5 4 3 2 1 14
200901 201159 MOD11 0 0 0 0 0 0 0 7 6 5 4 3 2 1 6
200901 201159 DBLAL 2 1 2 1 2 1 2 1 2 1 2 1 2 1 6
202700 203239 MOD11 0 0 0 0 0 0 0 7 6 5 4 3 2 1 6
202700 203239 DBLAL 2 1 2 1 2 1 2 1 2 1 2 1 2 1 6
309001 309633 MOD11 0 0 3 2 9 8 5 7 6 5 4 3 2 1 2
309001 309633 MOD11 0 0 3 2 9 8 1 7 6 5 4 3 2 1 9
771900 772799 MOD11 0 0 1 2 5 3 6 4 8 7 10 9 3 1 7
820000 826917 MOD11 0 0 0 0 0 0 0 0 7 3 4 9 2 1
820000 826917 DBLAL 2 1 2 1 2 1 2 1 2 1 2 1 2 1 3
826919 827999 MOD11 0 0 0 0 0 0 0 0 7 3 4 9 2 1
826919 827999 DBLAL 2 1 2 1 2 1 2 1 2 1 2 1 2 1 3
870000 872791 MOD11 0 0 1 2 5 3 6 4 8 7 10 9 3 1 10
870000 872791 MOD11 0 0 5 10 9 8 0 7 6 5 4 3 2 1 11
938000 938696 MOD11 7 6 5 4 3 2 7 6 5 4 3 2 0 0 5
938000 938696 DBLAL 2 1 2 1 2 1 2 1 2 1 2 1 2 0 5
""",
    "938600 938611\n",
)


@pytest.mark.parametrize(
    ("sort_code", "number", "answer"),
    [  # Vocalink's test cases, all 34, in its order
        ("089999", "66374958", "pass"),
        ("107999", "88837491", "pass"),
        ("202959", "63748472", "pass"),
        ("871427", "46238510", "pass"),  # 10 and 11: the first check passes
        ("872427", "46238510", "pass"),  # 10 and 11: the second check passes
        ("871427", "09123496", "pass"),  # 10: ab = 09, g = 9
        ("871427", "99123496", "pass"),  # 10: ab = 99, g = 9
        ("820000", "73688637", "pass"),  # 3: c = 6 spares the second check
        ("827999", "73988638", "pass"),  # 3: c = 9 spares it
        ("827101", "28748352", "pass"),  # 3: both
        ("134020", "63849203", "pass"),  # 4: what is left equals the check digits
        ("118765", "64371389", "pass"),  # 1: 27 is added
        ("200915", "41011166", "not_covered"),  # 6: another currency. Theirs is "valid", for it cannot be checked
        ("938611", "07806039", "pass"),  # 5
        ("938600", "42368003", "pass"),  # 5: another sort code takes its place
        ("938063", "55065200", "pass"),  # 5: nothing is left of either check
        ("772798", "99345694", "pass"),  # 7: would fail by the plain check
        ("086090", "06774744", "pass"),  # 8
        ("309070", "02355688", "pass"),  # 2 and 9: the first check
        ("309070", "12345668", "pass"),  # 2 and 9: the second check, with another sort code
        ("309070", "12345677", "pass"),  # 2 and 9: a is not 0, g is not 9
        ("309070", "99345694", "pass"),  # 2 and 9: a is not 0, g is 9
        ("938063", "15764273", "fail"),  # 5: the first check digit is right, the second wrong
        ("938063", "15764264", "fail"),  # 5: the other way
        ("938063", "15763217", "fail"),  # 5: nothing can be right when 1 is left
        ("118765", "64371388", "fail"),
        ("203099", "66831036", "fail"),  # modulus 11 passes, double alternate fails
        ("203099", "58716970", "fail"),  # the other way
        ("089999", "66374959", "fail"),
        ("107999", "88837493", "fail"),
        ("074456", "12345112", "pass"),  # 12 and 13: modulus 11 is enough
        ("070116", "34012583", "pass"),  # 12 and 13: both pass
        ("074456", "11104102", "pass"),  # 12 and 13: modulus 10 is enough
        ("180002", "00000190", "pass"),  # 14: the number is moved to the right
        ("400000", "12345678", "not_covered"),
    ],
)
def test_the_published_test_cases(sort_code: str, number: str, answer: str) -> None:
    assert check(WORKED, sort_code, number).value == answer


@pytest.mark.parametrize(
    ("line", "sort_code", "number"),
    [
        ("000000 000000 MOD11 0 0 0 0 0 0 7 5 8 3 4 6 2 1", "000000", "58177632"),
        ("499273 499273 DBLAL 2 1 2 1 2 1 2 1 2 1 2 1 2 1", "499273", "12345678"),
    ],
)
def test_the_examples_that_the_description_works_out(line: str, sort_code: str, number: str) -> None:
    assert check(Tables.read(line), sort_code, number).value == "pass"


ONES = "1 1 1 1 1 1 1 1 1 1 1 1 1 1"


@pytest.mark.parametrize(
    ("table", "number", "answer"),
    [
        (f"200000 200000 MOD10 {ONES} 0\n200000 200000 DBLAL {ONES} 3", "10600001", "pass"),  # 3: c=6 spares the second
        (f"200000 200000 MOD10 {ONES} 0\n200000 200000 DBLAL 1 {ONES[:-2]} 3", "10000007", "pass"),  # sum 10, both
        (f"200000 200000 MOD11 {ONES} 6", "40000055", "not_covered"),  # 6: another currency
        (f"200000 200000 MOD11 {ONES} 6", "30000055", "fail"),
        (f"200000 200000 MOD11 {ONES} 7", "00000290", "pass"),  # 7: g=9, the head does not count: 2+9
        (f"200000 200000 MOD11 {ONES} 7", "00000281", "fail"),  # g=8, so the head counts: 2+2+8+1 = 13
        (f"200000 200000 MOD10 {ONES} 8", "00000002", "pass"),  # 8: the code is 090126, whose sum is 18
        (f"200000 200000 MOD11 {ONES} 10\n200000 200000 MOD10 {ONES} 11", "09000290", "pass"),  # 10: ab=09, g=9
        (f"200000 200000 MOD11 {ONES} 10\n200000 200000 MOD10 {ONES} 11", "00000008", "pass"),  # 11 after 10 failed
        (f"200000 200000 MOD11 {ONES} 10\n200000 200000 MOD10 {ONES} 11", "00000007", "fail"),
    ],
)
def test_exceptions_by_hand(table: str, number: str, answer: str) -> None:
    assert check(Tables.read(table), "200000", number).value == answer


@pytest.mark.parametrize("line", ["089000 089999 MOD10 1 2", "x y MOD10 " + ONES, "089999 089000 MOD11 " + ONES])
def test_a_table_that_cannot_be_read_says_which_line(line: str) -> None:
    with pytest.raises(BadTable, match="Line 2"):
        Tables.read("# first\n" + line)


def test_a_substitute_that_cannot_be_read_says_which_line() -> None:
    with pytest.raises(BadTable, match="Line 1"):
        Tables.read("", "123456")


@pytest.mark.parametrize(
    ("name", "code", "number", "field"),
    [
        ("", "12-34-56", "12345678", "account_name"),
        ("Tea", "12345", "12345678", "sort_code"),
        ("Tea", "12 34 5a", "12345678", "sort_code"),
        ("Tea", "12-34-56", "1234567", "account_number"),
        ("Tea", "12-34-56", "123456789", "account_number"),
        ("Tea", "12-34-56", "１２３４５６７８", "account_number"),
        ("Tea", "00-00-00", "12345678", "account_number"),
    ],
)
def test_details_have_a_strict_shape_and_the_error_stands_at_the_field(
    name: str, code: str, number: str, field: str
) -> None:
    with pytest.raises(RuleBroken) as broken:
        clean_details(name, code, number)
    assert broken.value.field == field


def test_digits_are_not_shown_where_details_are_printed() -> None:
    assert "123" not in repr(clean_details("Tea", "12-34-56", "12345678"))


def test_any_edit_begins_again() -> None:
    live = {state for state in S if state not in (S.REFUSED, S.REPLACED)}
    assert {state for state, action in STEPS if action is BankAccountAction.EDIT} == live
    assert {STEPS[state, BankAccountAction.EDIT] for state in live} == {S.REPLACED}


def test_a_paper_is_what_its_bytes_say() -> None:
    drawn = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(drawn, "PNG")
    assert checked_paper(drawn.getvalue()).suffix == "jpg"
    assert checked_paper(b"%PDF-1.7\nplain\n%%EOF\n").suffix == "pdf"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Choose a file"),
        (b"MZ\x90 a program", "Choose a PDF, or a photo"),
        (b"<html><script>", "Choose a PDF, or a photo"),
        (b"%PDF-1.7 cut off", "not whole"),
        (b"%PDF-1.7 /OpenAction %%EOF", "more than a page"),
        (b"%PDF-1.7 /Encrypt %%EOF", "password"),
        (b"%PDF" + b"0" * LARGEST, "6 MB"),
    ],
)
def test_nothing_is_kept_that_was_not_checked(content: bytes, words: str) -> None:
    with pytest.raises(RuleBroken, match=words):
        checked_paper(content)


OLD, NEW = "old:" + "11" * 32, "new:" + "22" * 32


def test_a_ring_opens_with_any_of_its_keys_and_seals_with_the_first() -> None:
    sealed = KeyRing.parse(OLD).seal(b"secret", b"row 1")
    both = KeyRing.parse(f"{NEW}, {OLD}")
    assert both.open(sealed, b"row 1") == b"secret"
    assert both.seal(b"secret", b"row 1").startswith("new.")
    assert both.seal(b"secret", b"row 1") != both.seal(b"secret", b"row 1")


def test_what_was_sealed_for_one_row_does_not_open_for_another() -> None:
    ring = KeyRing.parse(OLD)
    with pytest.raises(SealBroken):
        ring.open(ring.seal(b"secret", b"row 1"), b"row 2")
    with pytest.raises(SealBroken, match="not on the ring"):
        KeyRing.parse(NEW).open(ring.seal(b"secret", b"row 1"), b"row 1")
    with pytest.raises(SealBroken):
        ring.open("old.!!!", b"row 1")


@pytest.mark.parametrize("text", ["", "a", "a:12", f"{OLD},{OLD}", "a b:" + "11" * 32])
def test_a_ring_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        KeyRing.parse(text)


def test_keys_are_not_printed() -> None:
    assert "11" not in repr(KeyRing.parse(OLD))
