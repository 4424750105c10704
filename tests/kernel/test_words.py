"""Words that somebody must give."""

import pytest

from grants.kernel.errors import RuleBroken
from grants.kernel.words import words_given


def test_blank_words_are_no_words() -> None:
    with pytest.raises(RuleBroken, match="Write the answer") as refused:
        words_given(" \n", "answer", "Write the answer")
    assert refused.value.field == "answer"


def test_too_many_words_are_refused_with_the_number_that_may_stand() -> None:
    assert words_given(" " * 9 + "x" * 1200, "answer", "Write the answer", 1200) == "x" * 1200
    with pytest.raises(RuleBroken, match="1,200 characters or fewer") as refused:
        words_given("x" * 1201, "answer", "Write the answer", 1200)
    assert refused.value.field == "answer"
