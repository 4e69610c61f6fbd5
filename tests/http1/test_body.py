"""Bodies of known size and in the chunked coding."""

import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.body import LAST_CHUNK, ChunkedDecoder, SizedBody, frame_chunk
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault


def decode(data: bytes, *cuts: int, is_request: bool = True) -> tuple[bytes, bool, bytes]:
    """Feed `data` cut at the given places; gives the body, whether it ended, and what followed."""
    decoder = ChunkedDecoder(is_request=is_request)
    out = b""
    places = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(places):
        if decoder.is_done:
            return out, True, decoder.rest + data[start:]
        out += decoder.feed(data[start:end])
    return out, decoder.is_done, decoder.rest


def test_a_sized_body_ends_where_its_size_says() -> None:
    body = SizedBody(5)
    assert body.feed(b"he") == b"he"
    assert not body.is_done
    assert body.feed(b"lloGET /") == b"llo"
    assert body.is_done
    assert body.rest == b"GET /"


def test_an_empty_sized_body_is_done_at_once() -> None:
    assert SizedBody(0).is_done


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"0\r\n\r\n", b""),
        (b'5;a=b;c="d e"\r\nhello\r\n0;z\r\n\r\n', b"hello"),
        (b"0000A\r\n0123456789\r\n000\r\n\r\n", b"0123456789"),
        (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"1\r\na\r\n2\r\nbc\r\n0\r\nX-Sum: 1\r\n\r\n", b"abc"),
    ],
)
def test_a_chunked_body_is_decoded_however_it_is_cut(data: bytes, body: bytes) -> None:
    assert decode(data + b"NEXT") == (body, True, b"NEXT")
    assert decode(data, *range(1, len(data))) == (body, True, b"")


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"-5\r\nhello",
            b"+5\r\n",
            b"0x5\r\n",
            b" 5\r\n",
            b"5 \r\n",
            b"\r\n",
            b"5;\r\n",
            b"g\r\n",
            b"5,\r\n",
        ),
        *(b"5\nhello", b"5\rXhello", b"5\r\r;ABCD\r\n", b"5;a\nb\r\n", b"5;a\x00\r\n", b"5;a=\r\n"),
        *(b"5\r\nhelloXX\r\n", b"5\r\nhello\n0\r\n", b"5\r\nhell\r\n0\r\n\r\n", b"0\n\r\n"),
        *(b"100000000\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"0" * 17 + b"\r\n", b"0" * 2000),
        *(b"0\r\nno colon\r\n", b"0\r\nX: a\r\n b\r\n\r\n", b"0\r\nX: a\n\r\n", b"0\r\nX\x00: a\r\n"),
        b"5;" + b"a" * 70000 + b"\r\n",
    ],
)
def test_bad_syntax_is_refused_however_it_is_cut(data: bytes) -> None:
    with pytest.raises(ProtocolFault):
        decode(data)
    with pytest.raises(ProtocolFault):
        decode(data, *range(1, len(data), 7 if len(data) > 100 else 1))


@pytest.mark.parametrize(
    "data", [b"5 \r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n", b"5\t\nhello\r\n0 \nX: y\n\n"]
)
def test_padding_and_bare_line_feeds_of_a_backend_are_taken(data: bytes) -> None:
    assert decode(data, is_request=False) == (b"hello", True, b"")
    assert decode(data, *range(1, len(data)), is_request=False) == (b"hello", True, b"")


@pytest.mark.parametrize(
    "name", [b"Origin", b"Authorization", b"Content-Length", b"Host", b"X-Forwarded-For"]
)
def test_trailers_that_belong_in_the_head_are_refused_from_clients_and_dropped_from_backends(
    name: bytes,
) -> None:
    data = b"0\r\n" + name + b": x\r\n\r\n"
    with pytest.raises(ProtocolFault):
        decode(data)
    assert decode(data, is_request=False) == (b"", True, b"")


@pytest.mark.parametrize("trailer", [b"X-T: a\r\n" * 33, b"X-T: " + b"a" * 9000 + b"\r\n"])
def test_trailers_are_bounded(trailer: bytes) -> None:
    with pytest.raises(ProtocolFault) as caught:
        decode(b"0\r\n" + trailer + b"\r\n")
    assert caught.value.status == 431


def test_extensions_may_not_outweigh_the_data() -> None:
    with pytest.raises(ProtocolFault):
        decode((b"1;" + b"a" * 60 + b"\r\nx\r\n") * 3000)


def test_small_chunks_are_fine_and_leave_room_for_an_extension() -> None:
    body, is_done, _ = decode(b"1\r\nx\r\n" * 30000 + b"1;last\r\nx\r\n" + LAST_CHUNK)
    assert (len(body), is_done) == (30001, True)


def test_leading_zeros_count_like_extensions() -> None:
    with pytest.raises(ProtocolFault) as caught:
        decode((b"0" * 15 + b"1\r\nx\r\n") * 3000)
    assert caught.value.cause is Cause.CHUNK_EXTENSIONS


def test_many_chunks_come_as_one_piece() -> None:
    decoder = ChunkedDecoder(is_request=True)
    assert decoder.feed(b"1\r\na\r\n2\r\nbc\r\n3\r\nd") == b"abcd"
    assert decoder.feed(b"ef\r\n0\r\n\r\nNEXT") == b"ef"
    assert decoder.rest == b"NEXT"


@given(st.lists(st.binary(max_size=9), max_size=6), st.integers(1, 9), st.booleans())
def test_a_part_can_be_read_and_the_rest_later(pieces: list[bytes], step: int, is_sized: bool) -> None:
    """A connection that bounds its work reads on where it stopped; what follows the body is found all the same."""
    body = b"".join(pieces)
    framed = body if is_sized else b"".join(map(frame_chunk, filter(None, pieces))) + LAST_CHUNK
    received = b"BEFORE" + framed + b"AND WHAT FOLLOWS"
    reader = SizedBody(len(body)) if is_sized else ChunkedDecoder(is_request=True)
    out, at = b"", 6
    while not reader.is_done:
        out += reader.feed(received, at, at + step)
        at += step
    assert out == body
    if body or not is_sized:
        assert reader.rest == b"AND WHAT FOLLOWS"


def verdict(data: bytes, *cuts: int, is_request: bool) -> tuple[object, ...]:
    try:
        return decode(data, *cuts, is_request=is_request)
    except ProtocolFault as fault:
        return fault.cause, fault.field, fault.limit


CHUNK_PARTS = st.sampled_from(
    [
        *(
            b"1",
            b"a",
            b"0",
            b"00000002",
            b";x",
            b";x=",
            b'"q"',
            b"\r\n",
            b"\r",
            b"\n",
            b" ",
            b"xx",
            b"\0",
            b"g",
        ),
        *(b"0\r\n", b"0\r\n\r\n", b"X: y\r\n", b"Host: y\r\n", b"1\r\nx\r\n", b"3;a\r\nxyz\r\n", b"a" * 1100),
    ]
)


@given(
    st.lists(CHUNK_PARTS, max_size=7).map(b"".join), st.booleans(), st.sets(st.integers(1, 60), max_size=5)
)
def test_why_a_body_is_refused_does_not_depend_on_the_cuts(
    data: bytes, is_request: bool, cuts: set[int]
) -> None:
    whole = verdict(data, is_request=is_request)
    some = verdict(data, *(cut for cut in cuts if cut < len(data)), is_request=is_request)
    assert some == verdict(data, *range(1, len(data)), is_request=is_request) == whole


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.sets(st.integers(0, 400), max_size=8))
def test_what_is_framed_is_decoded_again(pieces: list[bytes], cuts: set[int]) -> None:
    data = b"".join(map(frame_chunk, pieces)) + LAST_CHUNK
    assert decode(data, *(cut for cut in cuts if cut < len(data))) == (b"".join(pieces), True, b"")


@given(st.binary(max_size=60))
def test_what_is_accepted_is_read_the_same_by_a_second_parser(data: bytes) -> None:
    try:
        body, is_done, _ = decode(data)
    except ProtocolFault:
        return
    if not is_done:
        return
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    read = b""
    while isinstance(event := peer.next_event(), h11.Request | h11.Data):
        read += bytes(event.data) if isinstance(event, h11.Data) else b""
    assert isinstance(event, h11.EndOfMessage)
    assert read == body
