"""Header sections of requests: what is forwarded, what frames the body, what is refused."""

from itertools import compress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1 import request_fields
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.request import (
    CHUNKED,
    NO_BODY,
    SIZED,
    HeaderSection,
    RequestHead,
    RequestReader,
    check_version,
)
from cors_gateway.http1.websocket import is_websocket

HANDSHAKE = (
    b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
)


def section(block: bytes, *, max_bytes: int = 32768, max_fields: int = 100) -> HeaderSection:
    return RequestReader(max_bytes=max_bytes, max_fields=max_fields).read(block)


def kept_lines(section: HeaderSection) -> list[bytes]:
    """The lines that go on to the backend."""
    return list(compress(section.lines, section.layout.is_kept))


def read(block: bytes, *, max_bytes: int = 32768, max_fields: int = 100) -> RequestHead:
    return section(block, max_bytes=max_bytes, max_fields=max_fields).head


def refused(block: bytes, **limits: int) -> int:
    with pytest.raises(ProtocolFault) as caught:
        read(block, **limits)
    return caught.value.status


def test_end_to_end_fields_keep_their_order_case_and_number() -> None:
    read = section(b"Host: x\r\nX-A: 1\r\nOrigin: https://a.example\r\nx-a:2\r\nX-A: caf\xe9")
    assert kept_lines(read) == [
        b"X-A: 1",
        b"Origin: https://a.example",
        b"x-a: 2",
        b"X-A: caf\xe9",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *(
            b"Keep-Alive",
            b"Proxy-Connection",
            b"Proxy-Authorization",
            b"Proxy-Authenticate",
            b"TE",
            b"Trailer",
        ),
        *(
            b"Upgrade",
            b"HTTP2-Settings",
            b"X-Original-URL",
            b"X-Rewrite-URL",
            b"X-Forwarded-For",
            b"Forwarded",
        ),
        *(b"X-Real-IP", b"CF-Connecting-IP", b"Content-Length", b"Expect", b"Via", b"X_Custom"),
    ],
)
def test_fields_for_this_hop_are_not_forwarded(name: bytes) -> None:
    value = {b"Content-Length": b"1", b"Expect": b"100-continue"}.get(name, b"v")
    assert kept_lines(section(b"Host: x\r\n" + name + b": " + value + b"\r\nX-Keep: 1")) == [b"X-Keep: 1"]


def test_fields_named_by_connection_are_removed() -> None:
    read = section(b"Host: x\r\nConnection: X-Drop, keep-alive\r\nX-Drop: 1\r\nX-Keep: 2")
    assert kept_lines(read) == [b"X-Keep: 2"]
    assert not read.head.closes


@pytest.mark.parametrize(
    "name",
    [
        *(b"Host", b"Origin", b"Cookie", b"Authorization", b"Content-Type", b"Content-Length", b"Via"),
        *(b"X-Forwarded-For", b"Access-Control-Request-Method", b"Sec-Fetch-Site", b"Transfer-Encoding"),
    ],
)
def test_a_client_cannot_have_protected_fields_removed(name: bytes) -> None:
    assert refused(b"Host: x\r\nConnection: close, " + name) == 400


@pytest.mark.parametrize(
    "name", [b"Content_Length", b"X_Forwarded_For", b"Access_Control_Request_Method", b"sec_x"]
)
def test_underscore_imitations_of_protected_fields_are_refused(name: bytes) -> None:
    assert refused(b"Host: x\r\n" + name + b": 1") == 400


@pytest.mark.parametrize(
    ("block", "framing", "length"),
    [
        (b"Host: x", NO_BODY, 0),
        (b"Host: x\r\nContent-Length: 0", SIZED, 0),
        (b"Host: x\r\nContent-Length:\t0005 ", SIZED, 5),
        (b"Host: x\r\nTransfer-Encoding: ChUnKeD", CHUNKED, 0),
    ],
)
def test_framing_follows_from_one_field(block: bytes, framing: int, length: int) -> None:
    head = read(block)
    assert (head.framing, head.content_length) == (framing, length)


@pytest.mark.parametrize(
    ("block", "status"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
        (b"Content-Length: 5\r\nContent-Length: 5", 400),
        (b"Content-Length:\r\nContent-Length: 41", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked, chunked", 400),
        (b"Transfer-Encoding: chunked, gzip", 400),
        (b"Transfer-Encoding: gzip, chunked", 501),
        (b"Transfer-Encoding: identity", 400),
        (b"Transfer-Encoding:", 400),
        (b"Transfer-Encoding: chunked,", 400),
        (b"Transfer-Encoding: chunked;q=1", 400),
        (b'Transfer-Encoding: "chunked"', 400),
        (b"Transfer-Encoding: \xa0chunked\xa0", 400),
        (b"Host: y", 400),
        (b"Expect: magic", 417),
        (b"Transfer-Encoding: gzip, ~chunked", 400),
        (b"Transfer-Encoding: g zip, chunked", 400),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(block: bytes, status: int) -> None:
    assert refused(b"Host: x\r\n" + block) == status


@pytest.mark.parametrize(
    ("block", "limits"),
    [
        (b"X-A: " + b"a" * 32764, {}),
        (b"\r\n".join([b"X-A: 1"] * 101), {}),
        (b"\r\n".join([b"X-A: " + b"a" * 1000] * 40), {}),
        (b"X-A: 1\r\nX-B: 2\r\nX-C: 3", {"max_fields": 2}),
        (b"X-A: 123456789", {"max_bytes": 10}),
    ],
)
def test_large_heads_are_refused_with_431(block: bytes, limits: dict[str, int]) -> None:
    assert refused(block, **limits) == 431


def test_one_line_may_be_as_long_as_the_section() -> None:
    block = b"X-A: " + b"a" * 32763
    assert section(block).lines == [block]


def test_without_limits_a_large_head_is_read() -> None:
    block = b"\r\n".join([b"X-A: " + b"a" * 1000] * 200)
    assert len(section(block, max_bytes=0, max_fields=0).lines) == 200


def test_repeated_decisive_fields_stay_visible() -> None:
    head = read(b"Host: x\r\nOrigin: https://a.example\r\norigin: https://b.example\r\nSec-Fetch-Site: none")
    assert head.origin == (b"https://a.example", b"https://b.example")
    assert head.sec_fetch_site == (b"none",)


def test_a_line_that_was_read_before_means_the_same_again() -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    block = b"Host: x\r\nConnection: close, X-Drop\r\nX-Drop: 1\r\nContent-Length: 3"
    readings = [reader.read(block) for _ in range(4)]
    second = readings[-1]
    assert {tuple(reading.lines) for reading in readings} == {tuple(block.split(b"\r\n"))}
    assert kept_lines(second) == kept_lines(readings[0])
    assert second.head.closes
    assert second.head.content_length == 3


@pytest.mark.parametrize(("size", "is_kept"), [(100, True), (4096, True), (4097, False)])
def test_what_a_section_says_is_one_value_for_all_that_say_it(size: int, is_kept: bool) -> None:
    """So that what is remembered of one connection is found by another; a long section is read each time."""
    reader = RequestReader(max_bytes=32768, max_fields=100)
    lines = [b"Host: x", b"Origin: https://a.example"]
    while (left := size - len(b"\r\n".join(lines))) > 0:
        lines.append(b"X-A: " + b"a" * (min(left, 500) - 7))
    block = b"\r\n".join(lines)
    heads = [reader.read(block).head for _ in range(8)]
    assert len(block) == size
    assert (heads[-1] is heads[-2]) is is_kept
    assert (heads[-1].host, heads[-1].origin) == (b"x", (b"https://a.example",))


def test_too_many_fields_are_in_no_line() -> None:
    with pytest.raises(ProtocolFault) as caught:
        read(b"Host: x\r\nX-A: 1\r\nX B: 2", max_fields=2)
    assert (caught.value.cause, caught.value.line) == (Cause.TOO_MANY_FIELDS, 0)


def test_a_fault_is_not_remembered_as_good() -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    for _ in range(2):
        with pytest.raises(ProtocolFault):
            reader.read(b"Host: a b")


@pytest.mark.parametrize(
    ("block", "is_http11"), [(b"X-A: 1", True), (b"Host: x\r\nTransfer-Encoding: chunked", False)]
)
def test_rules_that_need_the_version(block: bytes, is_http11: bool) -> None:
    head = read(block)
    check_version(head, not is_http11)
    with pytest.raises(ProtocolFault):
        check_version(head, is_http11)


def test_a_websocket_handshake_is_recognised() -> None:
    assert is_websocket(b"GET", read(HANDSHAKE), True)


@pytest.mark.parametrize(
    "block",
    [
        HANDSHAKE.replace(b"Connection: Upgrade\r\n", b""),
        HANDSHAKE.replace(b"websocket", b"foo/2"),
        HANDSHAKE.replace(b": websocket", b": h2c, websocket"),
        HANDSHAKE + b"\r\nUpgrade: websocket",
    ],
)
def test_another_upgrade_is_an_ordinary_request(block: bytes) -> None:
    assert not is_websocket(b"GET", read(block), True)


def test_http10_knows_no_upgrade() -> None:
    assert is_websocket(b"GET", read(HANDSHAKE), True)
    assert not is_websocket(b"GET", read(HANDSHAKE), False)


def test_whoever_waits_for_a_word_before_the_body_says_so() -> None:
    head = read(b"Host: x\r\nContent-Length: 1\r\nExpect: 100-continue")
    assert (head.expects_continue, head.is_plain, head.forwarding) == (True, False, ())
    assert not read(b"Host: x\r\nContent-Length: 1").expects_continue


def test_a_head_without_host_is_not_plain() -> None:
    assert (read(b"Accept: 1\r\nHost: x").is_plain, read(b"Accept: 1").is_plain) == (True, False)


@pytest.mark.parametrize("origin", [b"", b"Origin: https://a.example\r\n"])
@pytest.mark.parametrize("method", [b"", b"Access-Control-Request-Method: PUT\r\n"])
def test_a_preflight_has_an_origin_and_a_method_that_it_asks_for(origin: bytes, method: bytes) -> None:
    assert read(origin + method + b"Host: x").asks_preflight is bool(origin and method)


@pytest.mark.parametrize(
    ("method", "block", "status"),
    [
        (b"POST", HANDSHAKE, 400),
        (b"GET", HANDSHAKE + b"\r\nContent-Length: 3", 400),
        (b"GET", HANDSHAKE.replace(b"13", b"8"), 426),
        (b"GET", HANDSHAKE.replace(b"Sec-WebSocket-Version: 13\r\n", b""), 400),
        (b"GET", HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
        (b"GET", HANDSHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNh!bXBsZSBub25jZQ=="), 400),
        (b"GET", HANDSHAKE + b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400),
    ],
)
def test_a_bad_websocket_handshake_is_refused(method: bytes, block: bytes, status: int) -> None:
    with pytest.raises(ProtocolFault) as caught:
        is_websocket(method, read(block), True)
    assert caught.value.status == status


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_any_bytes_are_read_or_refused(lines: list[bytes]) -> None:
    try:
        read = section(b"\r\n".join(lines))
    except ProtocolFault as fault:
        assert fault.status in {400, 417, 431, 501}
    else:
        for line in kept_lines(read):
            assert not set(line) & set(b"\r\n\0")


PLAIN = {
    "HOST",
    "CONTENT_LENGTH",
    "TRANSFER_ENCODING",
    "CONNECTION",
    "FORWARDING",
    "ORIGIN",
    "SEC_FETCH_SITE",
    "SEC_FETCH_MODE",
} | {
    *("REQUEST_METHOD", "REQUEST_HEADERS", "REQUEST_PRIVATE_NETWORK", "WEBSOCKET_KEY", "WEBSOCKET_VERSION"),
}
VALUES = {b"content-length": b"1", b"transfer-encoding": b"chunked", b"expect": b"100-continue"}


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, kind in request_fields._KINDS.items()
        # What Authorization means depends on its scheme; there is a test of its own.
        if kind > request_fields.DROP and kind != request_fields.AUTHORIZATION
    ],
)
def test_only_fields_that_the_short_way_minds_leave_a_request_plain(name: bytes) -> None:
    """Whoever gives another field a meaning gets the long way, until the short one is taught about it."""
    # Only with an Origin is a request plain that asks what a preflight asks.
    block = (
        name
        + b": "
        + VALUES.get(name, b"x")
        + (b"" if name == b"origin" else b"\r\nOrigin: https://a.example")
    )
    kind = request_fields._KINDS[name]
    names = {word for word, number in vars(request_fields).items() if word.isupper() and number == kind}
    assert read(block if name == b"host" else b"Host: x\r\n" + block).is_plain is bool(names & PLAIN)


@pytest.mark.parametrize(
    ("block", "cause", "field", "line"),
    [
        (b"Host: x\r\nX-A : 1", Cause.BLANK_IN_NAME, b"", 3),
        (b"Host: x\r\nX-A: 1\r\n folded", Cause.FOLDED_LINE, b"", 4),
        (b"Host: x\r\nX-A: a\nb", Cause.BARE_LF, b"x-a", 3),
        (b"Host: x\r\nX-A: a\rb", Cause.BARE_CR, b"x-a", 3),
        (b"Host: x\r\nX-A: a\0b", Cause.CONTROL_BYTE, b"x-a", 3),
        (b"Host: x\r\nX\nA: b", Cause.BARE_LF, b"", 3),
        (b"Host: x\r\nno colon", Cause.NO_COLON, b"", 3),
        (b"Host: x\r\n: no name", Cause.EMPTY_NAME, b"", 3),
        (b"Host: x\r\nX(A): b", Cause.NAME, b"", 3),
        (b"Host: x\r\nHost: y", Cause.HOST_REPEATED, b"", 0),
        (b"Host: a b", Cause.HOST, b"", 2),
        (b"Host: x\r\nX_Forwarded_For: 1", Cause.IMITATED_NAME, b"x_forwarded_for", 3),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked", Cause.TWO_FRAMINGS, b"", 0),
        (b"Connection: Origin", Cause.PROTECTED_NOMINATED, b"origin", 2),
    ],
)
def test_a_fault_says_what_it_is_and_where(block: bytes, cause: Cause, field: bytes, line: int) -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    before = reader.read(b"Host: x\r\nX-A: 1")
    for previous in (None, before):
        with pytest.raises(ProtocolFault) as caught:
            reader.read(block, previous)
        fault = caught.value
        assert (fault.cause, fault.field, fault.line) == (cause, field, line)


def test_where_a_fault_is_can_be_told_in_words() -> None:
    with pytest.raises(ProtocolFault) as caught:
        section(b"Host: x\r\nX_Real_IP: 1")
    assert caught.value.where == "field x_real_ip, line 3"
    with pytest.raises(ProtocolFault) as caught:
        section(b"a: b\r\nc: d", max_fields=1)
    assert caught.value.where == "limit 1"


@pytest.mark.parametrize(
    "name",
    [
        *("X_Forwarded_For", "X.Forwarded.For", "X-Forwarded_For", "x_forwarded.host", "Content.Length"),
        *(
            "Sec.Fetch.Site",
            "Sec_Fetch.Site",
            "Transfer_Encoding",
            "Access.Control_Request-Method",
            "X.Real.IP",
        ),
        *("X_Forwarded_Ssl", "X.Cluster.Client_IP", "X~Forwarded~For", "Content!Length", "X.Original.Url"),
        *(
            "Content_Type",
            "X_Request.Id",
            "Proxy_Connection",
            "True.Client.IP",
            "X-Forwarded-Client_Cert",
            "X-Forwarded-F.or",
        ),
    ],
)
@pytest.mark.parametrize("passes_underscores", [False, True])
def test_no_option_lets_the_imitation_of_a_protected_name_pass(name: str, passes_underscores: bool) -> None:
    reader = RequestReader(max_bytes=0, max_fields=0, passes_underscores=passes_underscores)
    with pytest.raises(ProtocolFault) as caught:
        reader.read(f"Host: x\r\n{name}: 1".encode())
    assert (caught.value.cause, caught.value.field) == (Cause.IMITATED_NAME, name.lower().encode())


@pytest.mark.parametrize(
    ("passes_underscores", "kept", "underscored"),
    [
        (False, [b"X.Y: 3"], (b"x_y", b"x_listed", b"x_z.w")),
        (True, [b"X_Y: 1", b"X_Listed: 2", b"X.Y: 3", b"x_z.w: 4"], ()),
    ],
)
def test_names_with_underscores_go_on_or_are_left_to_whoever_knows_the_route(
    passes_underscores: bool, kept: list[bytes], underscored: tuple[bytes, ...]
) -> None:
    reader = RequestReader(max_bytes=0, max_fields=0, passes_underscores=passes_underscores)
    for _ in range(3):
        read = reader.read(b"Host: x\r\nX_Y: 1\r\nX_Listed: 2\r\nX.Y: 3\r\nx_z.w: 4")
        assert kept_lines(read) == kept
        assert (read.head.underscored, read.head.is_plain) == (underscored, not underscored)


def test_a_section_can_be_kept_without_names_and_what_imitates_them() -> None:
    read = section(b"Host: x\r\nX-Api-Key: 1\r\nx.api.key: 2\r\nAccept: 3\r\nKeep-Alive: 4\r\nX-Api: 5")
    kept = [True, True, True, True, False, False]
    assert read.kept_without(frozenset({b"x-api-key", b"keep-alive"}), kept) == [
        *(True, False, False),
        *(True, False, False),
    ]


def test_values_are_told_by_name_in_order_and_as_they_came() -> None:
    read = section(b"Host: x\r\nX-A: 1\r\nX-B:  2 \r\nx-a:\t3")
    assert [read.values_of(name) for name in (b"x-a", b"x-b", b"x-c")] == [[b"1", b"3"], [b"2"], []]
    assert [read.value_of(name) for name in (b"x-a", b"x-b", b"x-c")] == [b"1", b"2", None]


def test_the_body_of_a_request_is_read_as_one() -> None:
    """More strictly than that of a response: what comes next is somebody's request."""
    with pytest.raises(ProtocolFault) as caught:
        read(b"Host: x\r\nTransfer-Encoding: chunked").body().feed(b"1\na\r\n0\r\n\r\n")
    assert caught.value.cause is Cause.BARE_LF


def test_a_section_can_be_kept_with_names_that_a_route_lists_but_not_with_nominated_ones() -> None:
    read = section(b"Host: x\r\nX_Y: 1\r\nX_Z: 2\r\nX_W: 3\r\nTE: x\r\nConnection: x_z\r\nX-A: 4")
    kept = read.kept_with({b"x_y", b"x_z", b"te"}, read.layout.is_kept)
    assert [line for line, is_kept in zip(read.lines, kept, strict=True) if is_kept] == [b"X_Y: 1", b"X-A: 4"]


@pytest.mark.parametrize(
    ("fields", "lacks_origin"),
    [
        (b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site", True),
        (b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-site", True),
        (b"Access-Control-Request-Method: PUT", True),
        (b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin", False),
        (b"Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Site: cross-site", False),
        (b"Sec-Fetch-Mode: cors", False),
        (b"Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site\r\nOrigin: https://a.example", False),
    ],
)
def test_an_origin_that_browsers_would_have_sent_is_missed(fields: bytes, lacks_origin: bool) -> None:
    head = read(b"Host: x\r\n" + fields)
    assert (head.lacks_origin, head.is_plain) == (lacks_origin, not lacks_origin)


def test_proxy_never_goes_on() -> None:
    assert kept_lines(section(b"Host: x\r\nPROXY: http://evil.test\r\nProxy-Foo: 1")) == [b"Proxy-Foo: 1"]


def test_connection_options_are_bounded_over_all_lines() -> None:
    lines = [b"Host: x", *(b"Connection: a%d, b%d" % (n, n) for n in range(17))]
    assert len(read(b"\r\n".join(lines[:-1])).connection) == 32
    with pytest.raises(ProtocolFault) as caught:
        read(b"\r\n".join(lines))
    assert caught.value.cause is Cause.TOO_MANY_OPTIONS


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        (b"NTLM TlRMTVNTUAABAAAA", b"ntlm"),
        (b"negotiate YII=", b"negotiate"),
        (b"Kerberos x", b"kerberos"),
        (b"NTLM", b"ntlm"),
        (b"NTLM\tx", b"ntlm"),
        (b"Bearer NTLM", b""),
        (b"NTLMv9 x", b""),
        (b"Basic bnRsbQ==", b""),
        (b"", b""),
    ],
)
def test_a_login_of_the_connection_is_noticed_whatever_came_before(value: bytes, scheme: bytes) -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    block = b"Host: x\r\nAuthorization: " + value
    for former in (b"Bearer a", b"NTLM a", b"Negotiate b", b"token", b"Basic Zm9v", value):
        for _ in range(3):
            read = reader.read(block, reader.read(b"Host: x\r\nAuthorization: " + former))
            assert read.head.connection_logins == ((scheme,) if scheme else ())
            assert read.head.is_plain is not bool(scheme)
            assert kept_lines(read) == [b"Authorization: " + value]


def test_credentials_of_the_same_scheme_are_carried() -> None:
    reader = RequestReader(max_bytes=0, max_fields=0)
    first = reader.read(b"Host: x\r\nAuthorization: Bearer a")
    second = reader.read(b"Host: x\r\nAuthorization: Bearer b", first)
    assert second.head is first.head
    assert second.layout is first.layout
    assert kept_lines(second) == [b"Authorization: Bearer b"]


def test_what_as_many_origins_ask_as_are_listed_is_remembered() -> None:
    """Else each of them would have the memory emptied for the others."""
    origins = 12_000
    reader = RequestReader(max_bytes=32768, max_fields=100, origins=origins)
    blocks = [
        f"Host: api.example.com\r\nConnection: keep-alive\r\nAccept: */*\r\nAccess-Control-Request-Method: PUT\r\n"
        f"Access-Control-Request-Headers: authorization,content-type\r\nOrigin: https://tenant-{number:05}.example.com\r\n"
        f"Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-site\r\nReferer: https://tenant-{number:05}.example.com/".encode()
        for number in range(origins)
    ]
    for _ in range(5):
        for block in blocks:
            reader.read(block)
    heads = [reader.read(block).head for block in blocks]

    assert all(reader.read(block).head is head for block, head in zip(blocks, heads, strict=True))


def test_lines_say_the_same_whichever_connection_read_them_first() -> None:
    """Each connection may hold other fields of the same lines; what they say together is remembered once."""
    reader = RequestReader(max_bytes=0, max_fields=0)
    a, b = (b"Host: x\r\nOrigin: https://%b.example" % name for name in (b"a", b"b"))
    first = reader.read(a)
    heads = [reader.read(b, before).head for before in (first, None) * 3]
    assert heads[3] is heads[4] is heads[5]
