"""Heads of responses on their way to clients: whatever is kept from one to the next, each is as if it were the first."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.location import BackendLocations
from cors_gateway.http1.prefix import PrefixMap
from cors_gateway.http1.request import RequestHead
from cors_gateway.policy.grant import UNTOUCHED, Grant
from cors_gateway.proxy.response_head import CLOSES, IS_HEAD_REQUEST, IS_HTTP11, READER, ResponseRewriter
from cors_gateway.proxy.response_rules import ResponseRules
from cors_gateway.snapshot import CookieEdits, FieldEdits, SetField

ALLOWED = Grant(b"Access-Control-Allow-Origin: https://a.example\r\n", (b"Origin",), b"Vary: Origin\r\n")
GRANTS = (
    ALLOWED,
    ALLOWED._replace(lines=b"Access-Control-Allow-Origin: https://b.example\r\n"),
    ALLOWED._replace(strip=frozenset({b"timing-allow-origin"})),
    ALLOWED._replace(merge_expose=True, expose=(b"x-id",)),
    ALLOWED._replace(merge_expose=True, exposes_all=True),
    Grant(b"", (b"Origin",), b"Vary: Origin\r\n"),
    UNTOUCHED,
)
UPSTREAM = ResponseRules(locations=BackendLocations([(b"backend", 80)], None))
RULES = (
    ResponseRules(edits=FieldEdits((SetField("X-Set", "1"),), ("etag", "timing-allow-origin"))),
    ResponseRules(
        cookies=CookieEdits(same_site="None"), tells_scripts=True, public_origins=["https://a.example"]
    ),
    ResponseRules(locations=BackendLocations([(b"backend", 80)], PrefixMap(b"/api", b"/")), maps_paths=True),
)
RULED = (*GRANTS, *(grant._replace(rules=rules) for grant in (ALLOWED, UNTOUCHED) for rules in RULES))
"""Of routes with rules as well, two with one policy."""
MAX_HEAD = 4096
HOSTS = (b"a.test", b"b.test")
DATES = (b"Date: one\r\n", b"Date: two\r\n")
FIELDS = (
    *("ETag: 1", "ETag: 2", "Date: now", "Vary: Accept", "Vary: *", "Content-Length: 3", "Content-Length: 4"),
    *("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: X-B", "Timing-Allow-Origin: *"),
    *("Connection: ETag", "Connection: close", "Transfer-Encoding: chunked", "Upgrade: HTTP/3.0"),
    *("Set-Cookie: a=1", "Set-Cookie: a=2; SameSite=Lax", "Location: /x", "Location: http://backend/x"),
    *("Location: http://a.test/x", "Location: https://login.example/", "Refresh: 5; url=/x"),
)
heads = st.builds(
    lambda status, fields: "\r\n".join([f"HTTP/1.1 {status} OK", *fields]).encode(),
    st.sampled_from((200, 200, 200, 204, 302, 302, 304, 426)),
    st.lists(st.sampled_from(FIELDS), max_size=4, unique_by=lambda line: line.partition(":")[0]).filter(
        lambda fields: not {"Content-Length", "Transfer-Encoding"} <= {f.partition(":")[0] for f in fields}
    ),
)
forms = st.sampled_from((0, IS_HTTP11, IS_HTTP11 | CLOSES, IS_HTTP11 | IS_HEAD_REQUEST))
Step = tuple[bytes, Grant, int, bytes]


class Asker(NamedTuple):
    """A request for a host. It takes down where scripts were told to go."""

    head: RequestHead
    told: list[bytes]

    def redirects_to(self, location: bytes, rules: ResponseRules) -> None:
        self.told.append(location)


def asker_for(host: bytes) -> Asker:
    head = RequestHead()
    head.host = host
    return Asker(head, [])


def rewritten(rewriter: ResponseRewriter, step: Step) -> tuple[bytes, int]:
    said, stripped, _ = told(rewriter, step, HOSTS[0])
    return said, stripped


def told(rewriter: ResponseRewriter, step: Step, host: bytes) -> tuple[bytes, int, list[bytes]]:
    head, grant, form, date_line = step
    asker = asker_for(host)
    received = head + b"\r\n\r\n"
    data = received + b"and a body"
    if rewriter.known(data, grant, form, date_line) is None:
        before = rewriter.section
        variation = None if before is None else READER.read_variation(data, before, MAX_HEAD)
        assert variation is None or variation[1] == len(received)
        section = rewriter.read(head) if variation is None else variation[0]
        rewriter.rewrite(received, section, grant, form, date_line, asker)
    return rewriter.rewritten, rewriter.stripped, asker.told


# Few heads, so that one often follows its like.
_SOME = (
    b"HTTP/1.1 200 OK\r\nETag: 1",
    b"HTTP/1.1 200 OK\r\nX-Id: 1\r\nETag: 1",
    b"HTTP/1.1 200 OK\r\nVary: a\r\nETag: 1",
)
_REDIRECTS = (
    b"HTTP/1.1 302 Found\r\nLocation: http://a.test/x",
    b"HTTP/1.1 302 Found\r\nLocation: http://backend/x\r\nSet-Cookie: a=1",
)


@given(
    st.lists(
        st.tuples(
            st.tuples(
                heads | st.sampled_from(_SOME + _REDIRECTS),
                st.sampled_from(RULED),
                forms,
                st.sampled_from(DATES),
            ),
            st.sampled_from(HOSTS),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_a_head_is_rewritten_as_if_none_had_been_before(steps: list[tuple[Step, bytes]]) -> None:
    rewriter = ResponseRewriter(UPSTREAM)
    for step, host in steps:
        assert told(rewriter, step, host) == told(ResponseRewriter(UPSTREAM), step, host)


@pytest.mark.parametrize("first", _SOME)
@pytest.mark.parametrize("second", _SOME)
@pytest.mark.parametrize("change", range(4))
def test_whatever_changes_is_noticed(first: bytes, second: bytes, change: int) -> None:
    rewriter = ResponseRewriter()
    before: Step = (first, GRANTS[0], IS_HTTP11, DATES[0])
    step: Step = (
        second,
        GRANTS[change == 1],
        IS_HTTP11 | CLOSES * (change == 2),
        DATES[change == 3],
    )
    for _ in range(3):
        rewritten(rewriter, before)
        assert rewritten(rewriter, step) == rewritten(ResponseRewriter(), step)


# The same names on the same lines, which say something else each time.
_ALIKE = (
    b"HTTP/1.1 200 OK\r\nVary: a\r\nContent-Length: 3",
    b"HTTP/1.1 200 OK\r\nVary: b\r\nContent-Length: 3",
    b"HTTP/1.1 200 OK\r\nVary: a\r\nContent-Length: 4",
    b"HTTP/1.1 404 Not Found\r\nVary: a\r\nContent-Length: 3",
    b"HTTP/1.1 304 Not Modified\r\nVary: a\r\nContent-Length: 3",
)


@pytest.mark.parametrize("first", _ALIKE)
@pytest.mark.parametrize("second", _ALIKE)
@pytest.mark.parametrize("form", [IS_HTTP11, IS_HTTP11 | IS_HEAD_REQUEST])
def test_the_same_names_say_what_this_head_says(first: bytes, second: bytes, form: int) -> None:
    rewriter = ResponseRewriter()
    step: Step = (second, ALLOWED, form, DATES[0])
    for _ in range(3):
        rewritten(rewriter, (first, ALLOWED, form, DATES[0]))
        assert rewritten(rewriter, step) == rewritten(ResponseRewriter(), step)


def test_only_the_same_head_for_the_same_client_is_known() -> None:
    rewriter = ResponseRewriter()
    end = b"\r\n\r\n"
    step: Step = (_SOME[1], ALLOWED, IS_HTTP11, DATES[0])
    for _ in range(2):
        assert rewriter.known(step[0] + end, *step[1:]) is None
        rewritten(rewriter, step)
        known = rewriter.known(step[0] + end + b"and a body", *step[1:])
        assert known is not None
        assert known.status == 200
        others: list[Step] = [
            (_SOME[0] + end, ALLOWED, IS_HTTP11, DATES[0]),
            (_SOME[1], ALLOWED, IS_HTTP11, DATES[0]),
            (_SOME[1] + b"\r\nX: a" + end, ALLOWED, IS_HTTP11, DATES[0]),
            (_SOME[1] + end, GRANTS[1], IS_HTTP11, DATES[0]),
            (_SOME[1] + end, ALLOWED, IS_HTTP11 | CLOSES, DATES[0]),
            (_SOME[1] + end, ALLOWED, IS_HTTP11, DATES[1]),
        ]
        assert [rewriter.known(*other) for other in others] == [None] * 6
        rewritten(rewriter, (_SOME[0], ALLOWED, IS_HTTP11, DATES[0]))


def test_a_head_with_a_date_of_its_own_is_known_at_any_time() -> None:
    rewriter = ResponseRewriter()
    head = _SOME[1] + b"\r\nDate: then"
    rewritten(rewriter, (head, ALLOWED, IS_HTTP11, DATES[0]))
    assert rewriter.known(head + b"\r\n\r\n", ALLOWED, IS_HTTP11, DATES[1]) is not None


@pytest.mark.parametrize("first", _SOME[1:] + _REDIRECTS)
def test_a_head_after_any_other_is_what_it_would_be_alone(first: bytes) -> None:
    """Under every grant, for every host: the whole table of pairs."""
    steps = [
        ((head, grant, IS_HTTP11, DATES[0]), host)
        for head in _SOME[1:] + _REDIRECTS
        for grant in RULED
        for host in HOSTS
    ]
    alone = [told(ResponseRewriter(UPSTREAM), step, host) for step, host in steps]
    for before in steps:
        if before[0][0] != first:
            continue
        for (step, host), expected in zip(steps, alone, strict=True):
            rewriter = ResponseRewriter(UPSTREAM)
            told(rewriter, *before)
            assert told(rewriter, step, host) == expected


def test_a_head_for_a_listed_origin() -> None:
    lines = [
        "HTTP/1.1 200 OK",
        "Content-Type: text/plain",
        "Access-Control-Allow-Origin: *",
        "vary: accept",
        "Content-Length: 3",
        "ETag: x",
    ]
    head = "\r\n".join(lines).encode()
    data, stripped = rewritten(ResponseRewriter(), (head, ALLOWED, IS_HTTP11, DATES[0]))
    assert data.decode().split("\r\n") == [
        "HTTP/1.1 200 OK",
        "Content-Type: text/plain",
        "ETag: x",
        "Vary: accept, Origin",
        "Access-Control-Allow-Origin: https://a.example",
        "Date: one",
        "Content-Length: 3",
        "",
        "",
    ]
    assert stripped == 1


@pytest.mark.parametrize(("status", "kept"), [(426, True), (200, False), (404, False)])
def test_only_a_426_says_what_to_upgrade_to(status: int, kept: bool) -> None:
    rewriter = ResponseRewriter()
    head = (
        b"HTTP/1.1 %d X\r\nConnection: upgrade\r\nUpgrade: HTTP/3.0, websocket\r\nContent-Length: 0" % status
    )
    said, _ = rewritten(rewriter, (head, UNTOUCHED, IS_HTTP11, DATES[0]))
    lines = said.split(b"\r\n")
    assert (b"Upgrade: HTTP/3.0, websocket" in lines) is kept
    assert (b"Connection: upgrade" in lines) is kept
