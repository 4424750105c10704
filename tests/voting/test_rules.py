"""Codes that survive handwriting, ballots within limits, envelopes that keep their secret."""

import hashlib
import random
from itertools import combinations, product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants.kernel.errors import RuleBroken
from grants.rounds.rules.ballots import BallotKind, BallotRules
from grants.voting.rules.ballots import (
    BlankBallot,
    ballots_hash,
    check_choices,
    count,
    mixed,
)
from grants.voting.rules.board import board_lines
from grants.voting.rules.codes import hash_address, hash_code, make_code, normalise_code
from grants.voting.rules.envelope import (
    MOST_CHOICES,
    SEALED_LENGTH,
    EnvelopeBroken,
    commitment_of,
    make_key_pair,
    open_envelope,
    read_tracking_code,
    seal,
    tracking_code,
    unwrap_private_key,
    wrap_private_key,
)
from grants.voting.rules.letters import ALPHABET, read, with_check
from grants.voting.rules.wording import explain_limits

ROUND, OTHER_ROUND = UUID(int=1), UUID(int=2)
PEPPER = b"p" * 32
PUBLIC, PRIVATE = make_key_pair()

codes = st.integers(0, 2**60).map(lambda seed: make_code(random.Random(seed).randrange))
ballots = st.lists(st.integers(1, 400), unique=True, max_size=MOST_CHOICES)


@given(codes)
def test_a_code_has_three_groups_of_four_letters_that_cannot_be_mistaken(code: str) -> None:
    assert [len(group) for group in code.split("-")] == [4, 4, 4]
    assert not set(code) & set("01OILQZSBGUAE")
    assert normalise_code(code) == code


@given(codes)
def test_a_code_is_read_as_people_type_it(code: str) -> None:
    lookalikes = code.translate(str.maketrans("2568V", "ZSGBU"))
    for typed in (code.lower(), code.replace("-", ""), code.replace("-", " "), f"  {code}\n", lookalikes):
        assert normalise_code(typed) == code


@given(codes)
def test_every_single_mistake_and_every_swap_is_noticed(code: str) -> None:
    letters = code.replace("-", "")
    for place, wrong in product(range(12), ALPHABET):
        if wrong != letters[place]:
            assert read(letters[:place] + wrong + letters[place + 1 :], 12) is None
    for first, second in combinations(range(12), 2):
        swapped = list(letters)
        swapped[first], swapped[second] = swapped[second], swapped[first]
        assert (read("".join(swapped), 12) is None) == (letters[first] != letters[second])


@pytest.mark.parametrize("typed", ["", "2345", "2345-6789-CDF", "O345-6789-CDFH", "2345-6789-CDFHJ", "é" * 12])
def test_what_cannot_be_a_code_is_refused_with_what_to_do(typed: str) -> None:
    with pytest.raises(RuleBroken, match="type it again") as refused:
        normalise_code(typed)
    assert refused.value.field == "code"


def test_a_check_letter_is_refused_where_it_would_not_catch_everything() -> None:
    with pytest.raises(ValueError, match="too long"):
        with_check("2" * 22)


def test_codes_do_not_repeat_and_use_every_letter() -> None:
    made = [make_code() for _ in range(500)]
    assert len(set(made)) == 500
    assert set("".join(made)) == {*ALPHABET, "-"}


def test_a_codes_hash_belongs_to_one_round_and_one_secret() -> None:
    code = make_code()
    known = hash_code(code, PEPPER, ROUND)
    assert len(known) == 64
    assert known == hash_code(code.lower().replace("-", " "), PEPPER, ROUND)
    assert len({known, hash_code(code, PEPPER, OTHER_ROUND), hash_code(code, b"q" * 32, ROUND)}) == 3
    with pytest.raises(ValueError, match="16 bytes"):
        hash_code(code, b"short", ROUND)


def test_one_postbox_is_one_voter() -> None:
    known = hash_address("ann@example.org", PEPPER, ROUND)
    assert known == hash_address(" Ann+again@Example.ORG ", PEPPER, ROUND)
    assert known != hash_address("anne@example.org", PEPPER, ROUND)
    assert known != hash_address("ann@example.org", PEPPER, OTHER_ROUND)


@pytest.mark.parametrize(
    ("choices", "standing", "limits", "message"),
    [
        ([1], 9, BallotRules(), "Choose at least 2 more."),
        ([1, 1, 1], 9, BallotRules(), "Choose at least 2 more."),
        ([1], 2, BallotRules(), "Choose at least 1 more."),
        ([1, 2, 3, 4], 9, BallotRules(BallotKind.APPROVAL, 1, 3), "Choose 3 at most: take 1 away."),
        ([1, 2, 10], 9, BallotRules(), "Choose only projects that are on this ballot."),
        ([], 9, BallotRules(), "Choose at least 3 projects, or say that you want to hand in a blank ballot."),
    ],
)
def test_a_ballot_outside_the_limits_is_told_what_to_do(
    choices: list[int], standing: int, limits: BallotRules, message: str
) -> None:
    with pytest.raises(RuleBroken) as refused:
        check_choices(choices, range(1, standing + 1), limits)
    assert (refused.value.message, refused.value.field) == (message, "choices")


def test_a_blank_ballot_is_accepted_only_when_the_voter_says_so() -> None:
    with pytest.raises(BlankBallot):
        check_choices([], {1, 2, 3}, BallotRules())
    assert check_choices([], {1, 2, 3}, BallotRules(), blank_confirmed=True) == ()
    with pytest.raises(RuleBroken, match="2 more"):
        check_choices([1], {1, 2, 3}, BallotRules(), blank_confirmed=True)


@given(st.lists(st.integers(1, 6)), st.integers(1, 5), st.none() | st.integers(1, 6), st.integers(1, 6))
def test_a_ballot_is_accepted_exactly_within_the_limits(
    choices: list[int], minimum: int, maximum: int | None, standing: int
) -> None:
    on_ballot, chosen = set(range(1, standing + 1)), set(choices)
    allowed = (
        chosen <= on_ballot and len(chosen) >= min(minimum, standing) and (maximum is None or len(chosen) <= maximum)
    )
    try:
        assert check_choices(choices, on_ballot, BallotRules(BallotKind.APPROVAL, minimum, maximum)) == tuple(
            (number, 1) for number in sorted(chosen)
        )
    except RuleBroken:
        assert not allowed
    else:
        assert allowed


@pytest.mark.parametrize(
    ("limits", "standing", "words"),
    [
        (BallotRules(), 12, "Choose every project you would fund: at least 3."),
        (BallotRules(), 2, "Choose every project you would fund: at least 2."),
        (BallotRules(BallotKind.UP_TO_K, 2, 5), 12, "Choose from 2 to 5 projects."),
        (BallotRules(BallotKind.UP_TO_K, 2, 2), 12, "Choose 2."),
        (BallotRules(BallotKind.UP_TO_K, 1, 5), 12, "Choose up to 5 projects."),
        (BallotRules(BallotKind.APPROVAL, 1, 12), 12, "Choose every project you would fund: at least 1."),
    ],
)
def test_the_limits_are_told_in_one_sentence(limits: BallotRules, standing: int, words: str) -> None:
    assert explain_limits(limits, standing) == words


@given(st.lists(st.lists(st.integers(1, 9))), st.randoms())
def test_counting_does_not_depend_on_order_and_counts_a_choice_once(
    papers: list[list[int]], chance: random.Random
) -> None:
    shuffled = [chance.sample(paper, len(paper)) for paper in chance.sample(papers, len(papers))]
    kept = [sorted(set(paper)) for paper in papers]
    assert count(shuffled) == count(papers)
    assert ballots_hash(chance.sample(kept, len(kept))) == ballots_hash(kept)
    assert all(votes == sum(number in paper for paper in papers) for number, votes in count(papers).items())


@given(st.lists(st.integers()))
def test_mixing_keeps_everything(things: list[int]) -> None:
    assert sorted(mixed(things)) == sorted(things)


def test_mixing_reaches_every_order_about_equally() -> None:
    chance = random.Random(7)
    seen = [tuple(mixed("abc", chance.randrange)) for _ in range(6000)]
    assert all(900 < seen.count(order) < 1100 for order in set(seen))
    assert len(set(seen)) == 6


@given(ballots)
def test_an_envelope_opens_to_what_was_sealed_and_its_length_tells_nothing(choices: list[int]) -> None:
    sealed = seal(choices, PUBLIC, ROUND)
    assert len(sealed.envelope) == SEALED_LENGTH
    opened = open_envelope(sealed.envelope, PRIVATE, ROUND, sealed.commitment)
    assert opened.choices == tuple((number, 1) for number in sorted(choices))
    assert (opened.nonce, opened.commitment) == (sealed.nonce, sealed.commitment)
    assert commitment_of(choices, sealed.nonce) == sealed.commitment


def test_the_same_choices_never_look_the_same_twice() -> None:
    one, two = seal([1, 2, 3], PUBLIC, ROUND), seal([1, 2, 3], PUBLIC, ROUND)
    assert one.envelope != two.envelope
    assert one.commitment != two.commitment


def test_an_envelope_opens_with_no_other_key_and_in_no_other_round() -> None:
    sealed = seal([1], PUBLIC, ROUND)
    with pytest.raises(EnvelopeBroken, match="does not open"):
        open_envelope(sealed.envelope, make_key_pair()[1], ROUND)
    with pytest.raises(EnvelopeBroken, match="does not open"):
        open_envelope(sealed.envelope, PRIVATE, OTHER_ROUND)


@pytest.mark.parametrize("place", [0, 31, 32, 100, SEALED_LENGTH - 1])
def test_a_changed_envelope_does_not_open(place: int) -> None:
    raw = bytearray(seal([1, 2], PUBLIC, ROUND).envelope)
    raw[place] ^= 1
    with pytest.raises(EnvelopeBroken):
        open_envelope(bytes(raw), PRIVATE, ROUND)
    with pytest.raises(EnvelopeBroken, match="length"):
        open_envelope(bytes(raw[:-1]), PRIVATE, ROUND)


def test_an_envelope_that_was_exchanged_for_another_is_noticed() -> None:
    mine, other = seal([1], PUBLIC, ROUND), seal([2], PUBLIC, ROUND)
    with pytest.raises(EnvelopeBroken, match="promised"):
        open_envelope(other.envelope, PRIVATE, ROUND, mine.commitment)


def test_a_commitment_is_plain_sha_256_over_nonce_and_payload() -> None:
    payload = bytes([1, 0, 0, 2, 0, 3, 1, 4]).ljust(512, b"\0")
    nonce = bytes(range(32))
    assert commitment_of([260, 3], nonce.hex()) == hashlib.sha256(nonce + payload).hexdigest()


@pytest.mark.parametrize("choices", [[0], [-1], [65536], list(range(1, MOST_CHOICES + 2))])
def test_what_an_envelope_cannot_hold_is_refused(choices: list[int]) -> None:
    with pytest.raises(ValueError, match="at most 254"):
        seal(choices, PUBLIC, ROUND)


def test_a_rounds_key_unwraps_only_with_the_installations_key_and_for_its_round() -> None:
    wrapping = bytes(range(32))
    wrapped = wrap_private_key(PRIVATE, wrapping, ROUND)
    assert len(wrapped) == 120
    assert PRIVATE.hex() not in wrapped
    assert unwrap_private_key(wrapped, wrapping, ROUND) == PRIVATE
    assert wrap_private_key(PRIVATE, wrapping, ROUND) != wrapped
    for key, round_id, text in [
        (bytes(32), ROUND, wrapped),
        (wrapping, OTHER_ROUND, wrapped),
        (wrapping, ROUND, wrapped[:-2] + ("00" if wrapped[-2:] != "00" else "01")),
    ]:
        with pytest.raises(EnvelopeBroken, match="does not unwrap"):
            unwrap_private_key(text, key, round_id)
    with pytest.raises(ValueError, match="32 bytes"):
        wrap_private_key(PRIVATE, b"short", ROUND)


@given(st.binary(min_size=32, max_size=32))
def test_a_tracking_code_can_be_typed_and_found_again(digest: bytes) -> None:
    code = tracking_code(digest.hex())
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert read_tracking_code(code.lower().replace("-", " ")) == code
    wrong = ALPHABET[(ALPHABET.index(code[0]) + 1) % len(ALPHABET)]
    assert read_tracking_code(wrong + code[1:]) is None


def test_the_board_is_sorted_by_itself() -> None:
    commitments = [hashlib.sha256(bytes([n])).hexdigest() for n in range(45)]
    lines = board_lines(reversed(commitments))
    assert [line.commitment for line in lines] == sorted(commitments)
    assert all(line.tracking_code == tracking_code(line.commitment) for line in lines)
