"""Reading a section as a variation of the one before it is a short cut: it never comes to anything else."""

from itertools import compress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.request import HeaderSection, RequestHead, RequestReader
from cors_gateway.http1.response import ResponseHead, ResponseReader, ResponseSection

REQUEST_NAMES = (
    *("Host", "Connection", "Cookie", "Referer", "Origin", "X-Request-Id", "traceparent", "Content-Length"),
    *("Transfer-Encoding", "X-Forwarded-For", "TE", "X-Drop", "X_Odd", "Authorization", "Expect", "Via"),
    *("Access-Control-Request-Method", "cookie", "Upgrade", "Max-Forwards"),
)
RESPONSE_NAMES = (
    *("Date", "ETag", "Content-Length", "Connection", "Vary", "Access-Control-Allow-Origin", "Set-Cookie"),
    *("Transfer-Encoding", "Keep-Alive", "Timing-Allow-Origin", "X-Drop", "Upgrade", "etag"),
    *("WWW-Authenticate", "Persistent-Auth"),
)
VALUES = (
    *(
        "",
        "1",
        "2",
        "x",
        "a b",
        " lead",
        "trail ",
        "\tboth\t",
        "caf\xe9",
        "bad\x00",
        "bad\x7f",
        "a\rb",
        "a\nb",
    ),
    *("close", "keep-alive", "X-Drop", "close, X-Drop", "chunked", "https://a.example", "timeout=5, max=9"),
    *("NTLM x", "Bearer x", "Bearer y", "Negotiate", "true"),
)


def blocks(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    colon = st.sampled_from([": "] * 6 + [":", " : ", ""])
    line = st.tuples(st.sampled_from(names), colon, st.sampled_from(VALUES)).map("".join)
    return st.lists(line, max_size=6)


def sequences(names: tuple[str, ...]) -> st.SearchStrategy[list[list[str]]]:
    """Sections, each made of the one before by other values for a few names."""

    def vary(first: list[str], changes: list[dict[int, str]]) -> list[list[str]]:
        made = [first]
        for change in changes:
            made.append(
                [
                    f"{line.partition(':')[0]}: {change[at]}" if at in change else line
                    for at, line in enumerate(made[-1])
                ]
            )
        return made

    change = st.dictionaries(st.integers(0, 5), st.sampled_from(VALUES), max_size=3)
    return st.builds(vary, blocks(names), st.lists(change, min_size=1, max_size=4))


def kept_lines(section: HeaderSection) -> list[bytes]:
    """The lines that go on to the backend."""
    return list(compress(section.lines, section.layout.is_kept))


def request_said(section: HeaderSection) -> tuple[object, ...]:
    head = section.head
    said = {name: getattr(head, name) for name in RequestHead.__annotations__ if name != "forwarding"}
    forwarding = [(field.name, field.value) for field in head.forwarding]
    names = (b"x-request-id", b"traceparent", b"cookie")
    return section.lines, kept_lines(section), said, forwarding, [section.values_of(name) for name in names]


def response_said(section: ResponseSection) -> tuple[object, ...]:
    head = section.head
    said = {
        name: getattr(head, name) for name in (*ResponseHead.__annotations__, "status", "closes", "length")
    }
    said["policy_fields"] = [(field.name, field.value) for field in head.policy_fields]
    return section.lines, list(section.layout.is_end_to_end), said, section.values_of(b"etag")


@given(sequences(REQUEST_NAMES))
def test_a_varied_request_says_what_it_says_alone(sections: list[list[str]]) -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    before: HeaderSection | None = None
    for lines in sections:
        block = "\r\n".join(lines).encode("latin-1")
        try:
            alone: object = request_said(RequestReader(max_bytes=0, max_fields=0).read(block))
        except ProtocolFault as fault:
            with pytest.raises(ProtocolFault) as caught:
                reader.read(block, before)
            assert caught.value.status == fault.status
        else:
            before = reader.read(block, before)
            assert request_said(before) == alone


@given(sequences(RESPONSE_NAMES), st.lists(st.sampled_from(["200 OK", "204 ", "304 X"]), min_size=5))
def test_a_varied_response_says_what_it_says_alone(sections: list[list[str]], statuses: list[str]) -> None:
    reader = ResponseReader()
    before: ResponseSection | None = None
    for lines, status in zip(sections, statuses, strict=False):
        head = "\r\n".join([f"HTTP/1.1 {status}", *lines]).encode("latin-1")
        try:
            alone: object = response_said(ResponseReader().read(head))
        except ProtocolFault as fault:
            with pytest.raises(ProtocolFault) as caught:
                reader.read(head, before)
            assert caught.value.status == fault.status
        else:
            before = reader.read(head, before)
            assert response_said(before) == alone


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Host: x|Connection: keep-alive|X-Drop: 1", "Host: x|Connection: X-Drop|X-Drop: 1"),
        ("Host: x|Connection: X-Drop|X-Drop: 1", "Host: x|Connection: close|X-Drop: 1"),
        ("Host: x|Origin: https://a.example", "Host: x|Sec-Fetch-Site: https://a.example"),
        ("Host: x|Origin: https://a.example", "Host: x|Cookie: a"),
        ("Host: x|Cookie: a", "Host: x|Origin: https://a.example"),
        ("Host: x|Cookie: a", "Host: x|cookie: a"),
        ("Host: x|Cookie: a", "Host: x|Cookie:a"),
        ("Host: x|Cookie: a", "Host: x|Cookie: a|Cookie: b"),
        ("Host: x|Content-Length: 1", "Host: x|Content-Length: 2"),
        ("Host: x|Content-Length: 1", "Host: x|Transfer-Encoding: chunked"),
        ("Host: x|X-Forwarded-For: 1.2.3.4", "Host: x|X-Forwarded-For: 5.6.7.8"),
        ("Host: x", "Host: y"),
    ],
)
def test_another_name_or_meaning_is_noticed(first: str, second: str) -> None:
    before, after = (text.replace("|", "\r\n").encode() for text in (first, second))
    reader = RequestReader(max_bytes=0, max_fields=0)
    for _ in range(3):  # read, remembered, known
        section = reader.read(after, reader.read(before))
        assert request_said(section) == request_said(RequestReader(max_bytes=0, max_fields=0).read(after))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ETag: 1|Connection: keep-alive", "ETag: 2|Connection: ETag"),
        ("ETag: 1|Connection: ETag", "ETag: 2|Connection: keep-alive"),
        ("Date: 1", "ETag: 1"),
        ("ETag: 1", "Date: 1"),
        ("Vary: a", "Timing-Allow-Origin: a"),
        ("Vary: a", "Vary: b"),
        ("Content-Length: 1", "Content-Length: 2"),
        ("Access-Control-Allow-Origin: a", "Access-Control-Allow-Origin: b"),
    ],
)
def test_another_name_or_meaning_is_noticed_in_responses(first: str, second: str) -> None:
    before, after = (
        "|".join(["HTTP/1.1 200 OK", text]).replace("|", "\r\n").encode() for text in (first, second)
    )
    reader = ResponseReader()
    for _ in range(3):
        section = reader.read(after, reader.read(before))
        assert response_said(section) == response_said(ResponseReader().read(after))


def test_what_only_carries_other_values_is_not_read_again() -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    first = reader.read(b"Host: x\r\nCookie: a=1\r\nX-Request-Id: 1")
    second = reader.read(b"Host: x\r\nCookie: a=2\r\nX-Request-Id: 2", first)
    assert second.head is first.head
    assert second.layout is first.layout
    assert kept_lines(second) == [b"Cookie: a=2"]
    assert second.value_of(b"x-request-id") == b"2"


@pytest.mark.parametrize("value", [b"a\x00b", b"a\x7f", b" a", b"a ", b"", b"a" * 9000])
def test_a_carried_line_is_held_to_the_grammar(value: bytes) -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    first = reader.read(b"Host: x\r\nCookie: a=1")
    block = b"Host: x\r\nCookie: " + value
    try:
        expected = RequestReader(max_bytes=0, max_fields=0).read(block).lines
    except ProtocolFault as fault:
        with pytest.raises(ProtocolFault) as caught:
            reader.read(block, first)
        assert caught.value.status == fault.status
    else:
        assert reader.read(block, first).lines == expected


def test_a_carried_line_has_no_value_that_could_be_a_former_one() -> None:
    request = RequestReader(max_bytes=0, max_fields=0).read(b"Host: x\r\nCookie: a=1\r\nTE: trailers")
    response = ResponseReader().read(b"HTTP/1.1 200 OK\r\nETag: 1\r\nDate: now\r\nVary: a")
    assert [hasattr(field, "value") for field in request.fields] == [True, False, False]
    assert [hasattr(field, "value") for field in response.fields] == [False, False, True]


def test_the_limits_hold_for_variations() -> None:
    reader = RequestReader(max_bytes=40, max_fields=2)
    first = reader.read(b"Host: x\r\nCookie: a=1")
    with pytest.raises(ProtocolFault) as caught:
        reader.read(b"Host: x\r\nCookie: a=" + b"1" * 40, first)
    assert caught.value.status == 431
