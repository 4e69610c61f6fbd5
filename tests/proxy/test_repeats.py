"""What a connection remembers saves work and nothing else: every request is treated as if it were the first one."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cors_gateway.snapshot import Snapshot
from tests.proxy.bench import Bench, Seen, snapshot, written

LISTED, OTHER, STRANGER = "https://app.example.com", "https://b.example.com", "https://evil.example"
POLICIES = {
    "app": {
        "allow_origins": [LISTED, OTHER],
        "allow_credentials": True,
        "allow_methods": ["PUT"],
        "allow_headers": ["X-A"],
    },
    "strict": {"allow_origins": [LISTED], "on_disallowed_request": "reject", "forward_origin": "strip"},
    "any": {"allow_origins": ["*"]},
}
ROUTES = {"/api/": "app", "/strict/": "strict", "/any/": "any", "/pass/": "passthrough", "/off/": "disabled"}

LINES = (
    *("GET /api/x", "GET /api/y?q=1", "HEAD /api/x", "OPTIONS /api/x", "OPTIONS /any/x", "DELETE /strict/x"),
    *("GET /strict/x", "GET /any/", "GET /pass/x", "OPTIONS /pass/x", "GET /off/x", "OPTIONS /off/x"),
    *("GET /nowhere", "OPTIONS /strict/a", "OPTIONS /api/z", "OPTIONS *", "GET /api/%41"),
)
FIELDS = {
    "Host": ("gateway.test", "other.test"),
    "Connection": ("keep-alive", "keep-alive, X-Drop"),
    "Origin": (LISTED, OTHER, STRANGER, "null"),
    "Cookie": ("a=1", "a=2", "a=3"),
    "X-Drop": ("1", "2"),
    "X-Request-Id": ("one", "two"),
    "traceparent": (f"00-{'1' * 32}-{'2' * 16}-01", f"00-{'3' * 32}-{'4' * 16}-01"),
    "Access-Control-Request-Method": ("PUT", "DELETE", "GET"),
    "Access-Control-Request-Headers": ("x-a", "x-b"),
    "Sec-Fetch-Site": ("same-origin", "cross-site"),
    "Max-Forwards": ("0", "3"),
    "Via": ("1.1 a",),
    "X-Forwarded-For": ("192.0.2.1", "192.0.2.2"),
}
RESPONSES = (
    *("200 OK|ETag: 1|Content-Length: 0", "200 OK|ETag: 2|Content-Length: 0", "204 No Content|ETag: 1"),
    "200 OK|Vary: Accept|Access-Control-Allow-Origin: *|Content-Length: 0",
    "200 OK|Vary: Accept|Access-Control-Allow-Origin: https://b.example.com|Content-Length: 0",
    "200 OK|Connection: X-A|X-A: 1|Content-Length: 0",
)
ADDRESSES = ("127.0.0.1", "127.0.0.2", "192.0.2.7", "2001:db8::7")
Fields = dict[str, str]


class Turn(NamedTuple):
    line: str
    fields: Fields
    response: str


def a_turn(before: Fields) -> st.SearchStrategy[Turn]:
    """A request whose fields are those of the one before but for a few."""
    changes = st.dictionaries(st.sampled_from(tuple(FIELDS)), st.integers(0, 3), max_size=3)

    def apply(line: str, changed: dict[str, int], response: str) -> Turn:
        fields = dict(before)
        for name, choice in changed.items():
            values = FIELDS[name]
            if choice < len(values):
                fields[name] = values[choice]
            elif name != "Host":
                fields.pop(name, None)
        return Turn(line, fields, response)

    return st.builds(apply, st.sampled_from(LINES), changes, st.sampled_from(RESPONSES))


@st.composite
def conversations(draw: st.DrawFn) -> list[Turn]:
    turns = [draw(a_turn({"Host": "gateway.test", "Origin": LISTED, "Cookie": "a=1"}))]
    for _ in range(draw(st.integers(1, 6))):
        again = draw(st.integers(0, 3))
        turn = turns[-1] if again == 0 else draw(a_turn(turns[-1].fields))
        turns.append(turn._replace(fields=turns[-1].fields) if again == 1 else turn)
    return turns


Benches = Callable[[Snapshot], Bench]


def take(bench: Bench, turn: Turn) -> Seen:
    return bench.ask(written(turn.line, turn.fields), turn.response)


@pytest.fixture(scope="module", name="served", params=[[], ["loopback"]], ids=["stranger", "trusted"])
def _served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    routes = [
        {"name": cors, "path": path, "cors": cors, "strip_prefix": path == "/any/"}
        for path, cors in ROUTES.items()
    ]
    elsewhere = {"name": "elsewhere", "host": "other.test", "path": "/api/", "cors": "any"}
    directory = tmp_path_factory.mktemp("repeats")
    return snapshot(directory, POLICIES, [*routes, elsewhere], trusted_proxies=request.param)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=conversations())
def test_a_request_is_treated_as_if_it_were_the_first(
    benches: Benches, served: Snapshot, turns: list[Turn]
) -> None:
    shared = benches(served)
    for turn in turns:
        told, expected = take(shared, turn), take(benches(served), turn)
        assert told[:3] == expected[:3], turn
        assert not expected.refused or told.refused == expected.refused, turn
        if shared.near().ended or shared.near().has_sent_eof:
            break


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(turns=conversations(), whence=st.lists(st.sampled_from([*ADDRESSES, ""]), min_size=7, max_size=7))
def test_a_request_on_a_new_connection_is_treated_as_if_there_had_been_no_other_connection(
    benches: Benches, served: Snapshot, turns: list[Turn], whence: list[str]
) -> None:
    """An empty address: the connection goes on."""
    shared = benches(served)
    for turn, address in zip(turns, whence, strict=False):
        if address or shared.near().ended or shared.near().has_sent_eof:
            shared.address = address or shared.address
            shared.near()
            shared.leave()
        fresh = benches(served)
        fresh.address = shared.address
        told, expected = take(shared, turn), take(fresh, turn)
        assert told[:3] == expected[:3], turn


def test_the_test_reaches_backend_and_memory(benches: Benches, served: Snapshot) -> None:
    shared = benches(served)
    fields = {"Host": "gateway.test", "Origin": LISTED}
    seen = take(shared, Turn("GET /api/x", fields, RESPONSES[0]))
    assert seen.request.startswith(b"GET /api/x HTTP/1.1\r\n")
    assert b"\r\nAccess-Control-Allow-Origin: https://app.example.com\r\n" in seen.answer
    asked = fields | {"Access-Control-Request-Method": "PUT"}
    answers = [take(shared, Turn("OPTIONS /api/x", asked, "")) for _ in itertools.repeat(None, 5)]
    assert answers == [answers[0]] * 5
    assert b"\r\nAccess-Control-Allow-Methods:" in answers[0].answer


@pytest.mark.parametrize("origin", [LISTED, OTHER, STRANGER])
def test_a_preflight_from_memory_is_that_of_its_route(
    benches: Benches, served: Snapshot, origin: str
) -> None:
    shared = benches(served)
    fields = {"Host": "gateway.test", "Origin": origin, "Access-Control-Request-Method": "PUT"}
    for path in ("/api/x", "/any/x", "/api/x", "/strict/x", "/off/x", "/api/y"):
        turn = Turn(f"OPTIONS {path}", fields, "")
        expected = take(benches(served), turn)
        answers = [take(shared, turn) for _ in range(5)]
        # Who was refused last is still known when the next one is not.
        assert [told[:3] for told in answers] == [expected[:3]] * 5, path
        assert not expected.refused or [told.refused for told in answers] == [expected.refused] * 5, path


@pytest.mark.parametrize("target", ["/api/%41", "/api/a;b", "http://gateway.test/api/x", "/api/x?q=%zz#"])
def test_what_is_remembered_for_one_route_answers_no_preflight_that_has_to_be_read_closely(
    benches: Benches, tmp_path: Path, target: str
) -> None:
    routes = [{"name": "root", "path": "/", "cors": "any"}, {"name": "api", "path": "/api/", "cors": "app"}]
    served = snapshot(tmp_path, POLICIES, routes)
    shared = benches(served)
    fields = {"Host": "gateway.test", "Origin": LISTED, "Access-Control-Request-Method": "PUT"}
    for _ in range(3):
        take(shared, Turn("OPTIONS /x", fields, ""))
    turn = Turn(f"OPTIONS {target}", fields, "")
    assert take(shared, turn)[:3] == take(benches(served), turn)[:3]
