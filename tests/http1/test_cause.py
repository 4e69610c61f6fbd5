"""The words for what is wrong with a message."""

import re

import pytest

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault


@pytest.mark.parametrize("cause", Cause)
def test_a_cause_is_a_word_a_status_and_a_sentence(cause: Cause) -> None:
    assert re.fullmatch("[a-z][a-z0-9_]+", cause.value)
    assert Cause._value2member_map_[str(cause)] is cause
    assert cause.status in {400, 405, 408, 413, 414, 417, 421, 426, 431, 501, 502, 503, 505, 508}
    assert cause.sentence
    fault = ProtocolFault(cause)
    assert (fault.status, fault.detail, fault.where) == (cause.status, cause.sentence, "")


def test_words_and_sentences_are_distinct() -> None:
    assert len({cause.value for cause in Cause}) == len({cause.sentence for cause in Cause}) == len(Cause)


def test_a_body_that_is_too_large_is_no_malformed_request() -> None:
    assert ProtocolFault(Cause.BODY_TOO_LARGE).reason == "request_body_too_large"
    assert ProtocolFault(Cause.FOLDED_LINE).reason == "request_malformed"
