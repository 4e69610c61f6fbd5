"""Reading a section as a variation of the one before it is a short cut: it never comes to anything else."""

from itertools import compress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import MAX_LINES, MAX_READ, MAX_SAID, MAX_VARIANTS, PATIENCE, REVIEW
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
    odd = st.tuples(st.sampled_from(["\n", "\r", "\x00", " ", "\t", ":"]), line).map("".join)
    return st.lists(st.one_of(line, line, line, odd), max_size=6)


def sequences(names: tuple[str, ...]) -> st.SearchStrategy[list[list[str]]]:
    """Sections, each made of the one before by other values for a few names."""

    def vary(first: list[str], changes: list[dict[int, str]]) -> list[list[str]]:
        made = [first]
        for change in changes:
            made.append(
                [
                    change[at].replace("NAME", line.partition(":")[0]) if at in change else line
                    for at, line in enumerate(made[-1])
                ]
            )
        return made

    other = st.sampled_from(["NAME: ", "NAME: ", "NAME: ", "\nNAME: ", "\rNAME", "\x00NAME: ", " ", "\n"])
    change = st.dictionaries(
        st.integers(0, 5), st.tuples(other, st.sampled_from(VALUES)).map("".join), max_size=3
    )
    return st.builds(vary, blocks(names), st.lists(change, min_size=1, max_size=6))


def read_next(reader: RequestReader, block: bytes, before: HeaderSection | None) -> HeaderSection:
    """As a connection reads it: by the pattern of the one before, or else by its lines."""
    if before is None:
        return reader.read(block)
    data = b"GET / HTTP/1.1\r\n" + block + b"\r\n" * (2 if block else 1) + b"and a body"
    variation = reader.read_variation(data, 14, before)
    if variation is None:
        return reader.read(block, before)
    section, end = variation
    assert data[end:] == b"and a body"
    return section


def read_next_response(
    reader: ResponseReader, head: bytes, before: ResponseSection | None
) -> ResponseSection:
    """As a connection reads it."""
    if before is None:
        return reader.read(head)
    data = head + b"\r\n\r\nand a body"
    variation = reader.read_variation(data, before, len(head))
    if variation is None:
        return reader.read(head, before)
    section, end = variation
    assert data[end:] == b"and a body"
    return section


def kept_lines(section: HeaderSection) -> list[bytes]:
    """The lines that go on to the backend."""
    return list(compress(section.lines, section.layout.is_kept))


def request_said(section: HeaderSection) -> tuple[object, ...]:
    head = section.head
    said = {name: getattr(head, name) for name in RequestHead.__annotations__ if name != "forwarding"}
    forwarding = [(field.name, field.value) for field in head.forwarding]
    names = (b"x-request-id", b"traceparent", b"cookie")
    is_kept = section.layout.is_kept
    for some in (is_kept, is_kept, [not kept for kept in is_kept], is_kept):
        assert section.kept(some) == b"".join([line + b"\r\n" for line in compress(section.lines, some)])
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
    for lines in sections * 4:  # read, remembered for all, remembered for the pattern, known
        block = "\r\n".join(lines).encode("latin-1")
        try:
            alone: object = request_said(RequestReader(max_bytes=0, max_fields=0).read(block))
        except ProtocolFault as fault:
            with pytest.raises(ProtocolFault) as caught:
                read_next(reader, block, before)
            assert (caught.value.cause, caught.value.line) == (fault.cause, fault.line)
        else:
            before = read_next(reader, block, before)
            assert request_said(before) == alone


@given(sequences(RESPONSE_NAMES), st.lists(st.sampled_from(["200 OK", "204 ", "304 X"]), min_size=7))
def test_a_varied_response_says_what_it_says_alone(sections: list[list[str]], statuses: list[str]) -> None:
    reader = ResponseReader()
    before: ResponseSection | None = None
    for lines, status in zip(sections, statuses, strict=False):
        head = "\r\n".join([f"HTTP/1.1 {status}", *lines]).encode("latin-1")
        try:
            alone: object = response_said(ResponseReader().read(head))
        except ProtocolFault as fault:
            with pytest.raises(ProtocolFault) as caught:
                read_next_response(reader, head, before)
            assert (caught.value.cause, caught.value.line) == (fault.cause, fault.line)
        else:
            before = read_next_response(reader, head, before)
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
    "turns",
    [
        ["Host: x|Origin: https://a.example|Cookie: %d", "Host: x|Origin: https://b.example|Cookie: %d"],
        ["Host: x|Origin: https://a.example|Cookie: %d", "Host: x|Origin:https://b.example|Cookie: %d"],
        ["Host: x|Connection: keep-alive|X-Drop: %d", "Host: x|Connection: X-Drop|X-Drop: %d"],
        ["Host: x|Content-Length: 1|Cookie: %d", "Host: x|Content-Length: x|Cookie: %d"],
        ["Host: x|Authorization: Bearer %d|Via: a", "Host: x|Authorization: NTLM %d|Via: a"],
        ["Host: x|Origin: a|Sec-Fetch-Site: b|A: %d", "Host: x|Sec-Fetch-Site: b|Origin: a|A: %d"],
        ["Host: x|Origin: a|Via: %d", "Host: x|Origin: b|Via: %d", "Host: y|Origin: a|Via: %d"],
    ],
)
def test_what_takes_turns_says_what_it_says_alone(turns: list[str]) -> None:
    """Also once it is known by the lines that change."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    before: HeaderSection | None = None
    for n in range(3 * REVIEW):
        block = turns[n % len(turns)].replace("%d", str(n)).replace("|", "\r\n").encode()
        try:
            alone = request_said(RequestReader(max_bytes=0, max_fields=0).read(block))
        except ProtocolFault:
            with pytest.raises(ProtocolFault):
                read_next(reader, block, before)
        else:
            before = read_next(reader, block, before)
            assert request_said(before) == alone


@pytest.mark.parametrize("login", ["x", "NTLM abc", "Negotiate abc", "Bearer abc"])
@pytest.mark.parametrize(
    "line", ["\nDELETE /admin HTTP/1.1", "\nfoo: bar", "\rfoo: bar", "\x00foo: bar", " folded", ""]
)
def test_credentials_make_no_way_for_other_bytes(login: str, line: str) -> None:
    """In place of their line, on the same connection or on one that begins with what another one asked."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    head = f"Host: x\r\nAuthorization: {login}%d\r\nA: b"
    before = reader.read((head % 1).encode())
    for n in (2, 3):
        block = f"Host: x\r\n{line}\r\nA: b".encode()
        with pytest.raises(ProtocolFault):
            read_next(reader, block, before)
        before = read_next(reader, (head % n).encode(), before)


LAYOUTS = (
    "X-Forwarded-For: %d|A: 1",
    "Origin: https://%d.example|A: 1",
    "Via: 1.1 %d|A: 1",
    "X_Odd: %d|A: 1",
    "Content-Length: %d|A: 1",
    "Authorization: x%d|A: 1",
    "Authorization: NTLM %d|A: 1",
    "Max-Forwards: %d|A: 1",
)


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_what_one_layout_says_is_not_taken_for_another(first: str, second: str) -> None:
    """Also where all that they have in common stands on the same lines, on any connection of a reader."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    known, other = [("Host: x|" + text).replace("|", "\r\n") for text in (first, second)]
    before: HeaderSection | None = None
    # Until it is remembered what the one says; then its lines come after sections of the other.
    for text in [known % (n % 2) for n in range(10)] + [
        other % 0,
        other % 1,
        known % 0,
        other % 1,
        other % 0,
        known % 1,
    ]:
        before = read_next(reader, text.encode(), before)
        alone = RequestReader(max_bytes=0, max_fields=0).read(text.encode())
        assert request_said(before) == request_said(alone)


def test_what_takes_turns_is_not_interpreted_again() -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    blocks = [b"Host: x\r\nOrigin: https://%b.example\r\nCookie: 1" % name for name in (b"a", b"b")]
    section, heads = None, []
    for n in range(10):
        section = read_next(reader, blocks[n % 2], section)
        heads.append(section.head)
    assert heads[-4:-2] == heads[-2:]


def is_known(blocks: list[bytes]) -> bool:
    """Whether sections that take turns are known, in the end, by the bytes of the lines that change and mean something."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    section: HeaderSection | None = None
    passes: list[list[HeaderSection]] = []
    for _ in range(6):
        passes.append([])
        for block in blocks:
            section = read_next(reader, block, section)
            assert request_said(section) == request_said(RequestReader(max_bytes=0, max_fields=0).read(block))
            passes[-1].append(section)
    return all(
        section.fields is before.fields for section, before in zip(passes[-1], passes[-2], strict=True)
    )


def origins(count: int, *, size: int = 40, lines: int = 2) -> list[bytes]:
    """Sections with an Origin line of that size, which is all that differs."""
    digits = size - len("Origin: https://.example")
    return [
        b"\r\n".join([b"Host: x", b"Origin: https://%0*d.example" % (digits, n), *[b"A: 1"] * (lines - 2)])
        for n in range(count)
    ]


def vias(count: int) -> list[bytes]:
    """Two sections with so many lines that mean something, all of which differ."""
    return [
        b"Host: x" + b"".join([b"\r\nVia: 1.1 %b%d" % (name, n) for n in range(count)])
        for name in (b"a", b"b")
    ]


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (origins(2), True),
        (origins(MAX_VARIANTS), True),
        (origins(MAX_VARIANTS + 1), False),
        (origins(2, lines=MAX_LINES), True),
        (origins(2, lines=MAX_LINES + 1), False),
        (origins(2, size=MAX_SAID), True),
        (origins(2, size=MAX_SAID + 1), False),
        (vias(MAX_READ), True),
        (vias(MAX_READ + 1), False),
        ([block.replace(b": h", b":h") for block in origins(2)], False),
        ([b"Host: x\r\nConnection: close", b"Host: x\r\nConnection: keep-alive"], True),
        ([b"Host: x\r\nConnection: a, b", b"Host: x\r\nConnection: b, a"], False),
    ],
    ids=[
        *("two", "as many as may be", "one more", "lines", "one line more", "bytes", "one more byte"),
        *("read", "one more read", "rewritten", "options", "names"),
    ],
)
def test_what_was_said_before_is_known_by_its_bytes(blocks: list[bytes], expected: bool) -> None:
    assert is_known(blocks) is expected


def patience(blocks: list[bytes], count: int) -> int:
    """What is left of it when so many of these sections came, taking turns."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    section: HeaderSection | None = None
    for n in range(count):
        section = read_next(reader, blocks[n % len(blocks)], section)
    assert section is not None
    return section.pattern.patience


@pytest.mark.parametrize(
    ("count", "is_left"), [(2, True), (MAX_VARIANTS, True), (MAX_VARIANTS + 4, True), (200, False)]
)
def test_nobody_looks_for_what_hardly_ever_comes_again(count: int, is_left: bool) -> None:
    blocks = [block + b"\r\nCookie: %d" % n for n, block in enumerate(origins(count))]
    left = patience(blocks, 40 * REVIEW)
    assert left > 0 if is_left else left == 0


def test_nobody_gives_up_before_it_could_be_known() -> None:
    """The pattern is that of the second section."""
    assert [patience(origins(200), n * REVIEW + 1) for n in range(1, PATIENCE + 2)] == [
        *range(PATIENCE, 0, -1),
        0,
    ]


def test_what_came_once_is_not_held_by_the_connection() -> None:
    """It may be a secret, and it may be that every one differs."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    section: HeaderSection | None = None
    for n in range(2 * REVIEW):
        section = read_next(reader, b"Host: x\r\nAuthorization: NTLM %d" % n, section)
    assert section is not None
    assert section.pattern.variants == {}


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


def changing(sections: list[bytes]) -> list[list[int]]:
    """Which lines are looked at alone after each of these sections."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    section: HeaderSection | None = None
    found = []
    for block in sections:
        section = read_next(reader, block, section)
        assert b"\r\n".join(section.lines) == block
        found.append(section.pattern.changing)
    return found


def test_the_lines_that_change_are_known_from_the_second_section_on() -> None:
    block = b"Host: x\r\nAccept: */*\r\nCookie: a=%d\r\nReferer: /%d"
    assert changing([block % (n, n // 2) for n in range(5)]) == [[], [2], [2, 3], [2, 3], [2, 3]]


def by_pattern(first: str, second: str, third: str) -> HeaderSection | None:
    """The third section, if it is read by the pattern that the others have; all begin with `Host: x`."""
    blocks = [
        "|".join(["Host: x", text]).replace("|", "\r\n").encode("latin-1") for text in (first, second, third)
    ]
    reader = RequestReader(max_bytes=0, max_fields=0)
    before = reader.read(blocks[1], reader.read(blocks[0]))
    found = reader.read_variation(b"GET / HTTP/1.1\r\n" + blocks[2] + b"\r\n\r\n", 14, before)
    if found is None:
        return None
    assert request_said(found[0]) == request_said(RequestReader(max_bytes=0, max_fields=0).read(blocks[2]))
    return found[0]


@pytest.mark.parametrize(
    "text",
    [
        "Cookie: %d",
        "Cookie: %d|Accept: a",
        "Cookie: %d|Accept: a|DNT: 1|TE: trailers",
        "Accept: a|Cookie: %d",
        "Cookie: %d|Referer: /%d|Accept: a|ETag: %d",
        "Origin: https://%d.example|Cookie: %d|Accept: a",
        "Accept: a|Cookie: %d|Origin: https://%d.example",
        "X-Request-Id: %d|Accept: a|TE: %d|DNT: 1",
        "Connection: Accept|Cookie: %d|Accept: a|DNT: 1",
        "Authorization: Bearer %d|Accept: a",
        "Accept: 100%|X-%b: %d%|X-%: %%|Cookie: %d",
    ],
)
def test_what_changes_as_before_is_read_by_the_pattern(text: str) -> None:
    first, second, third = (text.replace("%d", str(n)) for n in range(3))
    assert by_pattern(first, second, third) is not None
    assert by_pattern(first, second, second) is not None


@pytest.mark.parametrize("value", ["a\x00b", "a\x7f", " a", "a ", "\ta", "a\t", "", " ", "a\rb", "a\nb"])
@pytest.mark.parametrize("rest", ["", "|Accept: a"])
def test_a_value_that_is_not_plain_has_no_pattern(value: str, rest: str) -> None:
    for begin in ("Cookie: ", "Authorization: Bearer "):
        assert by_pattern(begin + "1" + rest, begin + "2" + rest, begin + value + rest) is None


@pytest.mark.parametrize(
    ("second", "third"),
    [
        ("Origin: b|Accept: a", "Via: c|Accept: a"),
        ("Origin: b|Accept: a", "Origin : c|Accept: a"),
        ("Origin: b|Accept: a", "Origin: c"),
        ("Origin: b|Accept: a", "Origin: c|Accept: a|DNT: 1"),
        ("Origin: a|Accept: b", "Origin: a|DNT: b"),
        ("Origin: a|Accept: b", "Origin: b|Accept: b"),
        ("Origin: b|Accept: a", "Cookie: c|Accept: a"),
        ("Origin: a|Accept: a|Connection: close", "Origin: a|Accept: a|Connection: Accept"),
    ],
)
def test_other_lines_are_another_pattern(second: str, third: str) -> None:
    first = "Origin: a|Accept: a" + "|Connection: keep-alive" * ("Connection" in second)
    assert by_pattern(first, second, third) is None


@pytest.mark.parametrize("text", ["Cookie: %d", "Origin: %d", "Cookie: %d|Origin: %d|Accept: a"])
def test_a_section_that_is_not_there_yet_has_no_pattern(text: str) -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    blocks = [b"Host: x\r\n" + text.replace("%d", str(n)).replace("|", "\r\n").encode() for n in range(3)]
    before = reader.read(blocks[1], reader.read(blocks[0]))
    data = b"\r\n" + blocks[2] + b"\r\n\r\n"
    assert reader.read_variation(data, 0, before) is not None
    assert [reader.read_variation(data[:size], 0, before) for size in range(len(data))] == [None] * len(data)


def test_sections_without_fields_have_a_pattern() -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    found = reader.read_variation(b"\r\n\r\nrest", 0, reader.read(b""))
    assert found is not None
    assert (found[0].lines, found[1]) == ([], 4)
    responses = ResponseReader()
    response = responses.read_variation(b"HTTP/1.1 204 \r\n\r\n", responses.read(b"HTTP/1.1 204 "), 100)
    assert response is not None
    assert (response[0].lines, response[1]) == ([], 17)


def test_a_line_that_changes_now_and_then_is_not_looked_at_alone() -> None:
    block = b"Host: x\r\nDate: %d\r\nETag: %d"
    found = changing([block % (n // (2 * REVIEW), n) for n in range(6 * REVIEW)])
    assert found[1:] == [[2]] * (6 * REVIEW - 1)


def test_a_line_that_does_not_change_any_more_is_not_looked_at_alone() -> None:
    block = b"Host: x\r\nUser-Agent: %d\r\nOrigin: https://%d.example\r\nCookie: a=%d"
    found = changing([block % (min(n, 1), n % 2, n) for n in range(5 * REVIEW)])
    assert found[1] == [1, 2, 3]
    assert found[-1] == [2, 3]


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
    second = reader.read(b"Host: x\r\nCookie: a=2", first)
    for size, is_read in ((40, True), (41, False)):
        data = b"\r\nHost: x\r\nCookie: " + b"1" * (size - 17) + b"\r\n\r\n"
        assert (reader.read_variation(data, 0, second) is not None) is is_read


def test_a_section_stays_what_it_is_when_others_are_read_by_it() -> None:
    """Connections begin with the same one."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    blocks = [b"Host: x\r\nOrigin: https://%d.example\r\nCookie: 1" % n for n in range(2)]
    section: HeaderSection | None = None
    for n in range(8):  # until what they say is known
        section = read_next(reader, blocks[n % 2], section)
    assert section is not None
    fields = section.fields.copy()
    assert read_next(reader, blocks[0], section).fields != fields
    assert section.fields == fields


def test_a_response_that_varies_in_carried_lines_alone_is_the_one_before() -> None:
    reader = ResponseReader()
    head = b"HTTP/1.1 200 OK\r\nETag: %d\r\nContent-Length: %d"
    before = None
    for tag in range(4):  # until both lengths are remembered
        for length in (3, 4):
            before = read_next_response(reader, head % (tag, length), before)
    assert before is not None
    same = read_next_response(reader, head % (5, 4), before)
    assert same is before
    assert same.lines == [b"ETag: 5", b"Content-Length: 4"]
    other = read_next_response(reader, head % (6, 3), same)
    assert (same.lines, same.head.length) == ([b"ETag: 5", b"Content-Length: 4"], 4)
    assert (other.lines, other.head.length) == ([b"ETag: 6", b"Content-Length: 3"], 3)
