"""How much of what a client may send, whatever the engine thinks of it."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http2 import PREFACE
from cors_gateway.http2.cause import ConnectionCause, ConnectionFault
from cors_gateway.http2.flood import FrameWatch
from tests.http2.client import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)

DATA = 0
UNKNOWN = 0x42


def _watch() -> FrameWatch:
    watch = FrameWatch(64 * 1024)
    watch.feed(PREFACE, 0.0)
    return watch


def _allowed(sent: bytes, most: int, *, seconds: float = 0.0) -> tuple[int, ConnectionCause | None]:
    """How often it is taken, one after the other within `seconds`, and why no more."""
    watch = _watch()
    for number in range(most):
        try:
            watch.feed(sent, seconds * number / most)
        except ConnectionFault as fault:
            return number, fault.cause
    return most, None


@pytest.mark.parametrize(
    ("sent", "allowed", "cause"),
    [
        (frame(SETTINGS, 0, 0), 32, ConnectionCause.SETTINGS),
        (frame(PING, 0, 0, b"12345678"), 128, ConnectionCause.PINGS),
        (frame(DATA, 0, 1), 128, ConnectionCause.EMPTY_FRAMES),
        (frame(PRIORITY, 0, 1, b"12345"), 512, ConnectionCause.PRIORITIES),
        (frame(UNKNOWN, 0, 1, b"x"), 512, ConnectionCause.PRIORITIES),
        (frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), 1024, ConnectionCause.WINDOWS),
        (frame(RST_STREAM, 0, 1, b"1234"), 512, ConnectionCause.RESETS),
        (frame(CONTINUATION, 0, 1, b"x"), 32, ConnectionCause.HEADER_BLOCK),
        (frame(CONTINUATION, 0, 1, b"x" * 16000), 4, ConnectionCause.HEADER_BLOCK),
    ],
)
def test_a_flood_ends_with_its_cause(sent: bytes, allowed: int, cause: ConnectionCause) -> None:
    assert _allowed(sent, 5000) == (allowed, cause)


@pytest.mark.parametrize(
    ("sent", "most", "seconds"),
    [
        (frame(SETTINGS, 1, 0), 5000, 0.0),
        (frame(PING, 1, 0, b"12345678"), 5000, 0.0),
        (frame(DATA, 0, 1, b"x"), 5000, 0.0),
        (frame(DATA, END_STREAM, 1), 5000, 0.0),
        (frame(RST_STREAM, 0, 1, b"1234"), 5000, 500.0),
        (frame(HEADERS, END_HEADERS | END_STREAM, 1, b"x"), 5000, 0.0),
        (frame(PING, 0, 0, b"12345678"), 5000, 500.0),
        (frame(SETTINGS, 0, 0), 500, 600.0),
    ],
)
def test_what_a_good_client_does_for_hours_is_no_flood(sent: bytes, most: int, seconds: float) -> None:
    assert _allowed(sent, most, seconds=seconds) == (most, None)


def test_windows_may_be_opened_for_what_was_sent() -> None:
    watch = _watch()
    for _ in range(5000):
        watch.feed(frame(WINDOW_UPDATE, 0, 1, b"\0\0\4\0") * 4, 0.0)
        watch.sent(1024)


def test_resets_of_what_was_served_are_free() -> None:
    watch = _watch()
    for _ in range(5000):
        watch.feed(frame(RST_STREAM, 0, 1, b"1234"), 0.0)
        watch.served()


def test_resets_are_counted_against_what_was_served() -> None:
    watch = _watch()
    for _ in range(5000):
        watch.spoilt(0.0)
        watch.served()
    for _ in range(256):
        watch.spoilt(0.0)
    with pytest.raises(ConnectionFault) as ended:
        watch.spoilt(0.0)

    assert ended.value.cause is ConnectionCause.RESETS


_FRAMES = st.lists(
    st.tuples(
        st.sampled_from([DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION, UNKNOWN]),
        st.sampled_from([0, END_STREAM, END_HEADERS, END_STREAM | END_HEADERS]),
        st.binary(max_size=20),
    ),
    max_size=60,
)


@given(frames=_FRAMES, cuts=st.lists(st.integers(0, 800), max_size=20))
def test_how_the_bytes_are_cut_changes_nothing(
    frames: list[tuple[int, int, bytes]], cuts: Sequence[int]
) -> None:
    data = PREFACE + b"".join(frame(kind, flags, 1, payload) for kind, flags, payload in frames)
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]

    outcomes = []
    for one in ([data], pieces):
        watch = FrameWatch(64 * 1024)
        try:
            for piece in one:
                watch.feed(piece, 0.0)
            outcomes.append((watch.blocks, watch.is_in_block))
        except ConnectionFault as fault:
            outcomes.append((0, str(fault.cause) != ""))

    assert outcomes[0] == outcomes[1]
