"""Long conversations in few words: most requests find something remembered, and each is treated as if it were the first.

Two or three variants of a header section over one or two request lines, on several connections of one gateway, with
reloads and drains between. A gateway of its own, freshly built, tells what each request should come to.
"""

from collections import Counter
from collections.abc import Callable
from enum import Enum, auto
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cors_gateway.snapshot import Snapshot
from tests.proxy.bench import Bench, Seen, Work, snapshot, watched, written

LISTED, OTHER, STRANGER = "https://app.example.com", "https://b.example.com", "https://evil.example"
CONNECTIONS = 3

POLICIES = {
    "app": {"allow_origins": [LISTED, OTHER], "allow_credentials": True, "allow_methods": ["PUT"]},
    "strict": {"allow_origins": [LISTED], "on_disallowed_request": "reject", "forward_origin": "strip"},
    "rest": {"allow_origins": [STRANGER], "upstream_expose": "all"},
    "login": {"allow_origins": [LISTED], "cross_origin_redirects": "unauthorized"},
}
RELOADED = {
    "app": {"allow_origins": [LISTED, STRANGER], "allow_methods": ["DELETE"], "expose_headers": ["X-A"]},
    "strict": {"allow_origins": [OTHER], "on_disallowed_request": "reject"},
    "rest": {"allow_origins": ["*"]},
    "login": {"allow_origins": [OTHER], "cross_origin_redirects": "unauthorized"},
}
ROUTES: list[dict[str, Any]] = [
    {"name": "first", "path": "/first/", "cors": "app"},
    {"name": "second", "path": "/second/", "cors": "app", "strip_prefix": True},
    {"name": "strict", "path": "/strict/", "cors": "strict"},
    {"name": "pass", "path": "/pass/", "cors": "passthrough"},
    {"name": "elsewhere", "host": "other.test", "path": "/", "cors": "strict"},
    {
        "name": "edited",
        "path": "/edited/",
        "cors": "app",
        "replace_prefix": "/v1/",
        "request_headers": {"set": {"Accept": "set"}, "remove": ["Cookie"]},
        "response_headers": {"set": {"X-Set": "1"}, "remove": ["ETag"]},
        "cookies": {"same_site": "none", "secure": True},
    },
    {"name": "several", "path": "/several/", "cors": ["app", "rest"]},
    {"name": "login", "path": "/login/", "cors": "login"},
    {
        "name": "redirect",
        "path": "/redirect/",
        "cors": "rest",
        "upstream": None,
        "redirect": {"to": "/first"},
    },
]

LINES = tuple(
    f"{method} {path}"
    for path in (
        *("/first/x", "/second/x", "/strict/x", "/pass/x", "/nowhere"),
        *("/edited/x", "/several/x", "/login/x", "/redirect/x"),
    )
    for method in ("OPTIONS", "GET")
)
TWINS = ["OPTIONS /first/x", "OPTIONS /second/x"]
"""Two routes under one policy: their preflights have one answer, and each route its counters."""
UNLIKE = ["GET /first/x", "GET /edited/x"]
"""Two routes under one policy, of which one does more than the policy says."""
BASE = (
    ("Host", "gateway.test"),
    ("Origin", LISTED),
    ("Access-Control-Request-Method", "PUT"),
    ("Cookie", "a=1"),
)
VALUES = (
    *(
        ("Host", "other.test"),
        ("Host", "other.test"),
        ("Origin", OTHER),
        ("Origin", STRANGER),
        ("Origin", "null"),
    ),
    *(("X-Request-Id", "one"), ("X-Forwarded-For", "192.0.2.1")),
    *(("Access-Control-Request-Method", "DELETE"), ("Access-Control-Request-Headers", "x-a")),
    *(("Connection", "Cookie"), ("Connection", "keep-alive"), ("Max-Forwards", "3"), ("Accept", "1")),
    *(("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Mode", "navigate")),
)
CARRIED = (("Cookie", "a=2"), ("Cookie", "a=3"))
RESPONSES = (
    *("204 No Content|ETag: 1", "200 OK|ETag: 2|Content-Length: 0"),
    "200 OK|Vary: Accept|Access-Control-Allow-Origin: *|Content-Length: 0",
    *("200 OK|Set-Cookie: a=1|Content-Length: 0", "200 OK|Set-Cookie: a=2; Secure|Content-Length: 0"),
    "302 Found|Location: http://gateway.test/v1/x|Content-Length: 0",
    "302 Found|Location: https://login.example/|Set-Cookie: a=3|Content-Length: 0",
)


class Break(Enum):
    """What happens to the gateway while a request is there."""

    NONE = auto()
    RELOAD_BEFORE = auto()
    RELOAD_IN_HEAD = auto()
    RELOAD_BEFORE_RESPONSE = auto()


class Turn(NamedTuple):
    request: bytes
    response: str


class Step(NamedTuple):
    connection: int
    turn: Turn
    interruption: Break = Break.NONE


class Conversation(NamedTuple):
    steps: list[Step]
    last: list[Turn]
    """One for each connection, half there when the gateway begins to drain."""


_TO_LOG_IN = Turn(
    written("GET /login/x", dict([*BASE, ("Sec-Fetch-Mode", "cors")])),
    "302 Found|Location: https://login.example/|Content-Length: 0",
)
LOGINS = Conversation([Step(0, _TO_LOG_IN)] * 3, [_TO_LOG_IN])
"""Answered by the gateway itself, and therefore with an id."""

Benches = Callable[[Snapshot], Bench]
Fields = tuple[tuple[str, str], ...]


def varied(fields: Fields) -> st.SearchStrategy[Fields]:
    """The same section with another value, with a line less, or in another order."""
    carried, replaced = (
        st.sampled_from(values).map(lambda new: tuple((dict(fields) | dict([new])).items()))
        for values in (CARRIED, VALUES)
    )
    shortened = st.integers(1, len(fields) - 1).map(lambda at: fields[:at] + fields[at + 1 :])
    turned = st.integers(1, len(fields) - 1).map(lambda at: fields[at:] + fields[:at])
    return st.one_of(carried, replaced, shortened, turned)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    sections: list[Fields] = [draw(st.one_of(st.just(BASE), varied(BASE)))]
    sections += draw(st.lists(varied(sections[0]), min_size=1, max_size=2))
    lines = draw(
        st.one_of(st.lists(st.sampled_from(LINES), min_size=1, max_size=2), st.sampled_from([TWINS, UNLIKE]))
    )
    requests = [written(line, dict(section)) for line in lines for section in sections]
    turns = st.builds(Turn, st.sampled_from(requests), st.sampled_from(RESPONSES))
    connections = st.integers(0, draw(st.integers(0, CONNECTIONS - 1)))
    interruptions = st.sampled_from([Break.NONE] * 12 + list(Break))
    steps = draw(st.lists(st.builds(Step, connections, turns, interruptions), min_size=15, max_size=20))
    return Conversation(steps, draw(st.lists(turns, min_size=CONNECTIONS, max_size=CONNECTIONS)))


def take(bench: Bench, step: Step, reloaded: Snapshot) -> tuple[Seen, Work]:
    """One request with its interruption: what came of it, and how much of it was new."""
    connection, (request, response), interruption = step
    if interruption is Break.RELOAD_BEFORE:
        bench.reload(reloaded)
    if interruption is Break.RELOAD_IN_HEAD:
        bench.send(request[:20], connection)
        bench.reload(reloaded)
        request = request[20:]
    with watched() as work:
        bench.send(request, connection)
    if interruption is Break.RELOAD_BEFORE_RESPONSE:
        bench.reload(reloaded)
    bench.reply(response)
    return bench.take(connection), work()


def take_last(bench: Bench, turns: dict[int, Turn]) -> dict[int, Seen]:
    """Requests of which a part is there when the gateway begins to drain."""
    for connection, turn in turns.items():
        bench.send(turn.request[:20], connection)
    bench.drain()
    seen = {}
    for connection, turn in turns.items():
        bench.send(turn.request[20:], connection)
        bench.reply(turn.response)
        seen[connection] = bench.take(connection)
    return seen


@pytest.fixture(scope="module", name="configurations", params=[[], ["loopback"]], ids=["stranger", "trusted"])
def _configurations(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Snapshot, Snapshot]:
    """The one served first, and the one that takes turns with it."""
    directory = tmp_path_factory.mktemp("conversations")
    routes = [*ROUTES[1:], ROUTES[0] | {"name": "moved", "cors": "strict"}]
    first = snapshot(directory, POLICIES, ROUTES, trusted_proxies=request.param)
    return first, snapshot(directory, RELOADED, routes, trusted_proxies=request.param)


def test_every_request_of_a_long_conversation_is_treated_as_if_it_were_the_first(
    benches: Benches, configurations: tuple[Snapshot, Snapshot]
) -> None:
    works: Counter[tuple[bool, Work]] = Counter()

    @cache
    def fresh(turn: Turn, interruption: Break, serving: int) -> tuple[Seen, Counter[tuple[str, ...]]]:
        bench = benches(configurations[serving])
        seen, _ = take(bench, Step(0, turn, interruption), configurations[1 - serving])
        return seen, bench.counted()

    @cache
    def fresh_last(turn: Turn, serving: int) -> tuple[Seen, Counter[tuple[str, ...]]]:
        bench = benches(configurations[serving])
        return take_last(bench, {0: turn})[0], bench.counted()

    def check(told: Seen, expected: Seen) -> None:
        assert told[:3] == expected[:3]
        assert not expected.refused or told.refused == expected.refused

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(conversation=conversations())
    @example(conversation=LOGINS)
    def hold(conversation: Conversation) -> None:
        serving = 0
        shared = benches(configurations[serving])
        counted: Counter[tuple[str, ...]] = Counter()
        for step in conversation.steps:
            expected, count = fresh(step.turn, step.interruption, serving)
            told, work = take(shared, step, configurations[1 - serving])
            check(told, expected)
            counted += count
            if step.interruption is not Break.NONE:
                serving = 1 - serving
            works[step.turn.request.startswith(b"OPTIONS "), work] += 1
            if shared.near(step.connection).ended or shared.near(step.connection).has_sent_eof:
                shared.leave(step.connection)
        for connection, told in take_last(shared, dict(enumerate(conversation.last))).items():
            expected, count = fresh_last(conversation.last[connection], serving)
            assert told[:3] == expected[:3]
            counted += count
        assert shared.counted() == counted

    hold()
    assert {work for _, work in works} == set(Work)
    assert works[True, Work.NOTHING]
