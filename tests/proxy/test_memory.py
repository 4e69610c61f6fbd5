"""What is remembered, one memory at a time: that it is used, and what makes it invalid."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from cors_gateway.http1.fields import Pattern
from cors_gateway.http1.forwarded import HTTP2, HTTP11
from cors_gateway.proxy.active import MAX_REMEMBERED_LINES
from cors_gateway.proxy.downstream import MAX_REPEATED
from cors_gateway.proxy.last_request import MAX_REMEMBERED_BLOCK
from cors_gateway.snapshot import Snapshot
from tests.proxy.bench import Bench, Seen, Work, snapshot, watched, written

LISTED, OTHER = "https://app.example.com", "https://b.example.com"
APP = {"allow_origins": [LISTED], "allow_methods": ["PUT"], "on_disallowed_request": "reject"}
TWINS: list[dict[str, Any]] = [
    {"name": "a", "path": "/a/", "cors": "app"},
    {"name": "b", "path": "/b/", "cors": "app"},
]
ASKED = {"Origin": LISTED, "Access-Control-Request-Method": "PUT"}
REFUSED = ASKED | {"Origin": OTHER}
WARM = 8
"""Repetitions after which all that can be remembered is."""

Benches = Callable[[Snapshot], Bench]


@pytest.fixture(scope="module", name="twins")
def _twins(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Two routes under one policy, and a third on another host."""
    third = {"name": "third", "host": "other.test", "path": "/a/", "cors": "passthrough"}
    return snapshot(tmp_path_factory.mktemp("twins"), {"app": APP}, [*TWINS, third])


@pytest.fixture(scope="module", name="stricter")
def _stricter(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """What comes with a reload: the origin is another one."""
    policies = {"app": APP | {"allow_origins": [OTHER]}}
    return snapshot(tmp_path_factory.mktemp("stricter"), policies, TWINS)


def warm(bench: Bench, data: bytes, connection: int = 0) -> Seen:
    """Ask until nothing about the request is new. Gives what came of it."""
    for _ in range(WARM):
        bench.ask(data, connection=connection)
    with watched() as work:
        bench.send(data, connection)
    assert work() is Work.NOTHING
    bench.reply("204 No Content")
    return bench.take(connection)


def padded(data: bytes, size: int) -> bytes:
    """A request with further fields, so that it takes so many bytes."""
    further = b""
    while (left := size - len(data) - len(further)) > 0:
        # What is left is never too little for another line.
        length = left if left < 1000 else 500
        further += b"X-A: " + b"a" * (length - len(b"X-A: \r\n")) + b"\r\n"
    return data.removesuffix(b"\r\n") + further + b"\r\n"


def route_of(seen: Seen) -> object:
    (row,) = seen.rows
    return row["route"]


def test_a_connection_begins_with_the_host_that_it_names(benches: Benches, twins: Snapshot) -> None:
    """Also where a reload had all that was known of it forgotten."""
    bench = benches(twins)
    data = written("GET /a/x", {"Origin": LISTED}, host="other.test")
    for connection in range(2):
        for _ in range(WARM):
            assert route_of(bench.ask(data, connection=connection)) == "third"
            bench.reload(twins)


def test_host_is_looked_up_again_when_it_changes_on_a_connection(benches: Benches, twins: Snapshot) -> None:
    bench = benches(twins)
    assert route_of(warm(bench, written("GET /a/x", {"Origin": LISTED}))) == "a"
    seen = bench.ask(written("GET /a/x", {"Origin": LISTED}, host="other.test"))
    assert (route_of(seen), b"\r\nHost: other.test\r\n" in seen.request) == ("third", True)
    assert route_of(bench.ask(written("GET /a/x", {"Origin": LISTED}))) == "a"


@pytest.mark.parametrize(
    ("address", "cookie", "expected"),
    [
        ("192.0.2.7", "0", Work.NOTHING),
        ("192.0.2.7", "1", Work.COMPARING),
        ("192.0.2.8", "0", Work.DECIDING),
        ("192.0.2.8", "1", Work.DECIDING),
    ],
    ids=["the same again", "another cookie", "from elsewhere", "another cookie from elsewhere"],
)
def test_a_new_connection_begins_with_what_another_one_asked(
    benches: Benches, twins: Snapshot, address: str, cookie: str, expected: Work
) -> None:
    bench = benches(twins)
    bench.address = "192.0.2.7"
    for _ in range(WARM):
        bench.ask(written("GET /a/x", {"Origin": LISTED, "Cookie": "0"}))
        bench.leave()
    bench.address = address
    bench.near()
    with watched() as work:
        bench.send(written("GET /a/x", {"Origin": LISTED, "Cookie": cookie}))
    assert work() is expected
    seen = bench.far.written
    assert b"\r\nX-Forwarded-For: %b\r\n" % address.encode() in seen
    assert b"\r\nCookie: %b\r\n" % cookie.encode() in seen


def test_connections_from_one_address_share_what_is_known_of_it(benches: Benches, tmp_path: Path) -> None:
    active = benches(
        snapshot(tmp_path, {"app": APP}, TWINS, trusted_proxies=["loopback", "unix"])
    ).gateway.active
    known = [active.peer("127.0.0.1", is_tls=False) for _ in range(WARM)]
    assert known[-1] is known[-2]
    others = [
        active.peer("127.0.0.1", is_tls=True),
        active.peer("127.0.0.1", is_tls=False, protocol=HTTP2),
        active.peer("192.0.2.7", is_tls=False),
        active.peer("", is_tls=False),
        active.peer("", is_tls=False, is_named=True),
    ]
    told = [(peer.address, peer.is_tls, peer.protocol, peer.is_trusted) for peer in [known[-1], *others]]
    assert told == [
        ("127.0.0.1", False, HTTP11, True),
        ("127.0.0.1", True, HTTP11, True),
        ("127.0.0.1", False, HTTP2, True),
        ("192.0.2.7", False, HTTP11, False),
        ("", False, HTTP11, True),
        ("", False, HTTP11, False),
    ]


def test_a_new_connection_begins_with_nothing_after_a_reload(
    benches: Benches, twins: Snapshot, stricter: Snapshot
) -> None:
    bench, data = benches(twins), written("GET /a/x", ASKED)
    before, after = benches(twins).ask(data), benches(stricter).ask(data)
    for snapshot_now, expected in ((stricter, after), (twins, before)):
        for _ in range(WARM):
            bench.ask(data)
            bench.leave()
        bench.reload(snapshot_now)
        assert bench.ask(data)[:3] == expected[:3]


def test_what_follows_a_known_preflight_is_answered_each_time(benches: Benches, twins: Snapshot) -> None:
    bench = benches(twins)
    data = written("OPTIONS /a/x", ASKED) + written("GET /nowhere", {})
    expected = benches(twins).ask(data)
    assert [row["status"] for row in expected.rows] == [204, 404]
    for _ in range(WARM):
        assert bench.ask(data) == expected


@pytest.mark.parametrize(("size", "work"), [(MAX_REPEATED, Work.NOTHING), (MAX_REPEATED + 1, Work.ROUTING)])
def test_a_preflight_that_is_too_long_to_be_remembered_is_routed_each_time(
    benches: Benches, twins: Snapshot, size: int, work: Work
) -> None:
    bench = benches(twins)
    data = padded(written("OPTIONS /a/x", ASKED), size)
    for _ in range(WARM):
        bench.ask(data)
    with watched() as done:
        bench.send(data)
    assert done() == work


def test_a_head_that_comes_byte_by_byte_is_compared_once(benches: Benches, twins: Snapshot) -> None:
    """On both sides: whoever sends a byte at a time pays for it, and nobody else."""
    bench = benches(twins)
    answer = "204 No Content|ETag: {}"
    for n in range(WARM):
        bench.ask(written("GET /a/x", {"Cookie": str(n)}), answer.format(n))
    request = written("GET /a/x", {"Cookie": "another"})
    response = f"HTTP/1.1 {answer.format('another')}|Date: then||".replace("|", "\r\n").encode()
    comparisons = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is Pattern.values_at.__code__:
            comparisons.append(frame.f_locals["data"])

    sys.setprofile(note)
    try:
        for at in range(len(request)):
            bench.send(request[at : at + 1])
        for at in range(len(response)):
            bench.upstream.data_received(response[at : at + 1])
    finally:
        sys.setprofile(None)
    assert comparisons == [request, response[:1], response]
    assert b"\r\nETag: another\r\n" in bench.take().answer


@pytest.mark.parametrize("fields", [{"Accept": "1"}, ASKED])
@pytest.mark.parametrize("line", ["GET /a/x", "OPTIONS /a/x"])
def test_a_request_without_host_is_refused_however_often_it_comes(
    benches: Benches, twins: Snapshot, line: str, fields: dict[str, str]
) -> None:
    bench = benches(twins)
    data = written(line, {"Host": "gateway.test", **fields}).replace(b"Host: gateway.test\r\n", b"")
    for _ in range(WARM):
        seen = bench.ask(data)
        assert (seen.answer[:13], seen.request) == (b"HTTP/1.1 400 ", b"")
        bench.leave()


def test_an_answer_to_head_has_no_content_however_often_it_is_asked_for(
    benches: Benches, twins: Snapshot
) -> None:
    bench = benches(twins)
    for _ in range(WARM):
        with_content = bench.ask(written("GET /nowhere", {})).answer
        without = bench.ask(written("HEAD /nowhere", {})).answer
        assert without == with_content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


@pytest.mark.parametrize("line", ["GET /a/x", "OPTIONS /a/x"])
@pytest.mark.parametrize("before", [b"\r\n", b"\r\n\r\n"])
def test_empty_lines_before_a_request_that_is_known_are_skipped(
    benches: Benches, twins: Snapshot, line: str, before: bytes
) -> None:
    bench = benches(twins)
    data = written(line, ASKED)
    expected = warm(bench, data)
    assert bench.ask(before + data) == expected


@pytest.mark.parametrize(
    ("size", "work"), [(MAX_REMEMBERED_BLOCK, Work.NOTHING), (MAX_REMEMBERED_BLOCK + 1, Work.DECIDING)]
)
def test_fields_that_are_too_long_to_be_remembered_are_put_together_each_time(
    benches: Benches, twins: Snapshot, size: int, work: Work
) -> None:
    """The block that is remembered begins with the end of the request line."""
    bench = benches(twins)
    data = padded(written("GET /a/x", {"Origin": LISTED}), size + len("GET /a/x HTTP/1.1"))
    for _ in range(WARM):
        bench.ask(data)
    with watched() as done:
        bench.send(data)
    assert done() == work


@pytest.mark.parametrize("line", ["GET /a/x", "OPTIONS /a/x"])
def test_known_fields_without_a_request_line_are_no_request(
    benches: Benches, twins: Snapshot, line: str
) -> None:
    bench = benches(twins)
    data = written(line, ASKED)
    warm(bench, data)
    fields = data[data.index(b"\r\n") :]
    seen = bench.ask(fields)
    assert seen[:3] == benches(twins).ask(fields)[:3]
    assert seen.answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("name", ["Cookie", "Referer", "X-Anything", "If-None-Match"])
def test_the_backend_gets_the_value_of_this_request(benches: Benches, twins: Snapshot, name: str) -> None:
    bench = benches(twins)
    warm(bench, written("GET /a/x", {"Origin": LISTED, name: "0"}))
    for value in ("1", "2", "3", "2"):
        with watched() as work:
            bench.send(written("GET /a/x", {"Origin": LISTED, name: value}))
        assert work() is Work.COMPARING
        bench.reply("204 No Content")
        assert bench.take().request.count(b"\r\n%b: %b\r\n" % (name.encode(), value.encode())) == 1


def test_the_same_fields_in_another_order_go_on_in_that_order(benches: Benches, twins: Snapshot) -> None:
    """What the fields say is one remembered value for both; which line is which is not."""
    bench = benches(twins)
    orders = (
        {"Cookie": "1", "Host": "gateway.test", "Origin": LISTED},
        {"Host": "gateway.test", "Cookie": "1", "Origin": LISTED},
        {"Host": "gateway.test", "Origin": LISTED, "Cookie": "1"},
        {"Host": "gateway.test", "Accept": "1", "Origin": LISTED, "Cookie": "1"},
    )
    expected = [benches(twins).ask(written("GET /a/x", fields)) for fields in orders]
    for _ in range(WARM):
        assert [bench.ask(written("GET /a/x", fields)) for fields in orders] == expected
    with watched() as work:
        bench.send(written("GET /a/x", orders[0]))
    assert work() is Work.DECIDING


@pytest.mark.parametrize("line", ["OPTIONS /a/x", "GET /a/x"])
def test_a_reload_ends_what_was_remembered(
    benches: Benches, twins: Snapshot, stricter: Snapshot, line: str
) -> None:
    bench = benches(twins)
    data = written(line, ASKED)
    before, after = benches(twins).ask(data), benches(stricter).ask(data)
    assert before != after
    for _ in range(2):
        assert warm(bench, data)[:3] == before[:3]
        bench.reload(stricter)
        assert bench.ask(data)[:3] == after[:3]
        assert warm(bench, data)[:3] == after[:3]
        bench.reload(twins)
        assert bench.ask(data)[:3] == before[:3]


@pytest.mark.parametrize("line", ["OPTIONS /a/x", "GET /a/x"])
def test_a_reload_ends_what_was_remembered_also_for_other_fields(
    benches: Benches, twins: Snapshot, stricter: Snapshot, line: str
) -> None:
    bench = benches(twins)
    for cookie, served in enumerate((twins, stricter, twins, stricter)):
        data = written(line, ASKED | {"Cookie": str(cookie)})
        bench.reload(served)
        assert bench.ask(data)[:3] == benches(served).ask(data)[:3]
        warm(bench, data)


def test_a_preflight_is_counted_under_the_configuration_in_service(benches: Benches, twins: Snapshot) -> None:
    """Also where both configurations say the same."""
    bench = benches(twins)
    warm(bench, written("OPTIONS /a/x", ASKED))
    bench.reload(twins)
    with watched() as work:
        bench.send(written("OPTIONS /a/x", ASKED))
    assert work() is not Work.NOTHING


@pytest.mark.parametrize("fields", [ASKED, REFUSED], ids=["granted", "refused"])
@pytest.mark.parametrize("line", ["OPTIONS /a/x", "GET /a/x"])
@pytest.mark.parametrize("begun", [0, 20])
def test_while_draining_a_repeated_request_ends_its_connection(
    benches: Benches, twins: Snapshot, line: str, begun: int, fields: dict[str, str]
) -> None:
    """A connection outlives the beginning of the drain if half a head is there, or an answer is not sent yet."""
    bench, fresh = benches(twins), benches(twins)
    data = written(line, fields)
    warm(bench, data)
    bench.near().queued = fresh.near().queued = 1
    for each in (bench, fresh):
        if begun:
            each.send(data[:begun])
        each.drain()
    seen = bench.ask(data[begun:])
    assert seen[:3] == fresh.ask(data[begun:])[:3]
    assert b"\r\nConnection: close\r\n" in seen.answer
    assert bench.near().ended or bench.near().has_sent_eof


@pytest.mark.parametrize("fields", [ASKED, REFUSED], ids=["granted", "refused"])
def test_a_remembered_preflight_counts_for_the_route_it_asks_about(
    benches: Benches, twins: Snapshot, fields: dict[str, str]
) -> None:
    """The answer is the policy's, and one for both; the counters are the route's."""
    bench = benches(twins)
    warm(bench, written("OPTIONS /a/x", fields))
    for path in ("/b/x", "/a/x", "/b/x", "/b/y", "/a/y"):
        before = bench.counted()
        with watched() as work:
            seen = bench.ask(written(f"OPTIONS {path}", fields))
        assert work() in {Work.ROUTING, Work.NOTHING}
        expected = benches(twins)
        assert seen == expected.ask(written(f"OPTIONS {path}", fields))
        assert bench.counted() - before == expected.counted()
        before = bench.counted()
        assert route_of(warm(bench, written(f"OPTIONS {path}", fields))) == path[1]
        assert sum((bench.counted() - before).values()) == 2 * (WARM + 1)


def test_connections_do_not_mix_up_the_routes_of_their_preflights(benches: Benches, twins: Snapshot) -> None:
    """The first connections read the fields, the later ones share what was remembered of them."""
    bench = benches(twins)
    asks = {route: written(f"OPTIONS /{route}/x", ASKED) for route in "ab"}
    for connection in range(4):
        warm(bench, asks["a"], connection)
    for _ in range(3):
        for connection, route in enumerate("abab"):
            assert route_of(bench.ask(asks[route], connection=connection)) == route
    # One that is followed by another request is answered from memory too, and not taken down as the last.
    assert route_of(bench.ask(asks["a"], connection=2)) == "a"
    bench.send(asks["b"] + written("GET /nowhere", {}), 3)
    assert [row["route"] for row in bench.take(3).rows] == ["b", "_none"]
    assert route_of(bench.ask(asks["a"], connection=2)) == "a"


@pytest.mark.parametrize("path", ["/a/x", "/a/x%20y", "/a/;x", "/a/x?y", "/a/.x"])
def test_a_path_that_has_to_be_looked_at_closely_leads_to_its_own_route_too(
    benches: Benches, tmp_path_factory: pytest.TempPathFactory, path: str
) -> None:
    """Under the policy of a route for all the others, whose preflights are remembered."""
    root = {"name": "root", "path": "/", "cors": "app"}
    served = snapshot(tmp_path_factory.mktemp("root"), {"app": APP}, [root, *TWINS])
    bench, expected = benches(served), benches(served)
    warm(bench, written("OPTIONS /", ASKED))
    asked = written(f"OPTIONS {path}", ASKED)
    for connection in (0, 1):
        seen = bench.ask(asked, connection=connection)
        assert seen[:3] == expected.ask(asked)[:3]
        assert route_of(seen) == "a"


@pytest.mark.parametrize("trusted", [(), ("127.0.0.0/8",)])
def test_the_log_names_the_client_of_what_is_answered_from_memory(
    benches: Benches, tmp_path_factory: pytest.TempPathFactory, trusted: tuple[str, ...]
) -> None:
    served = snapshot(tmp_path_factory.mktemp("trusted"), {"app": APP}, TWINS, trusted_proxies=trusted)
    bench = benches(served)
    seen = warm(bench, written("OPTIONS /a/x", {**ASKED, "X-Forwarded-For": "192.0.2.7"}))

    assert [row["client"] for row in seen.rows] == ["192.0.2.7" if trusted else "127.0.0.1"]


@pytest.mark.parametrize("origin", [LISTED, OTHER])
def test_the_same_fields_on_another_route_are_that_routes(
    benches: Benches, tmp_path_factory: pytest.TempPathFactory, origin: str
) -> None:
    policies = {"app": APP, "other": APP | {"allow_origins": [OTHER]}}
    routes = [{**TWINS[0], "strip_prefix": True}, {**TWINS[1], "cors": "other"}]
    served = snapshot(tmp_path_factory.mktemp("routes"), policies, routes)
    bench = benches(served)
    for path in ("/a/x", "/b/x", "/a/x", "/a/y", "/b/y"):
        data = written(f"GET {path}", {"Origin": origin})
        before = bench.counted()
        expected = benches(served)
        assert bench.ask(data)[:3] == expected.ask(data)[:3]
        assert bench.counted() - before == expected.counted()
        warm(bench, data)


def test_a_preflight_is_routed_by_the_method_it_asks_for_alone(
    benches: Benches, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """That the readings of its path would select different routes for OPTIONS says nothing about it."""
    routes: list[dict[str, Any]] = [
        {"name": "a", "path": "/a/", "cors": "app"},
        {"name": "options", "path": "/a/b/", "methods": ["OPTIONS"], "cors": "app"},
    ]
    bench = benches(snapshot(tmp_path_factory.mktemp("options"), {"app": APP}, routes))
    path = "/a%2Fb/x"
    for _ in range(WARM):
        assert bench.ask(written(f"OPTIONS {path}", {})).answer.startswith(b"HTTP/1.1 400 ")
        bench.leave()
        assert route_of(bench.ask(written("OPTIONS /a/b%2Fx", ASKED))) == "a"


def test_connections_do_not_mix_up_their_decisions(benches: Benches, twins: Snapshot) -> None:
    bench = benches(twins)
    asks = [written("GET /a/x", fields) for fields in ({"Origin": LISTED}, {"Origin": OTHER}, {})]
    for data in asks:
        warm(bench, data)
    before = bench.counted()
    expected = [benches(twins).ask(data)[:3] for data in asks]
    for _ in range(3):
        assert [bench.ask(data, connection=number)[:3] for number, data in enumerate(asks)] == expected
    reasons = (("actual", "allowed"), ("actual", "origin_not_allowed"), ("not_cors", "not_cors"))
    counted = bench.counted() - before
    assert [counted["decision", "a", kind, reason] for kind, reason in reasons] == [3, 3, 3]


@pytest.mark.parametrize(
    ("line", "fields", "decision"),
    [
        ("GET /a/x", {"Origin": LISTED}, ("actual", "allowed")),
        ("GET /a/x", {"Origin": OTHER}, ("actual", "origin_not_allowed")),
        ("GET /a/x", {}, ("not_cors", "not_cors")),
        ("OPTIONS /a/x", ASKED, ("preflight", "allowed")),
        ("OPTIONS /a/x", REFUSED, ("preflight", "origin_not_allowed")),
    ],
)
def test_every_repetition_is_counted(
    benches: Benches, twins: Snapshot, line: str, fields: dict[str, str], decision: tuple[str, str]
) -> None:
    bench = benches(twins)
    for times in range(1, WARM):
        seen = bench.ask(written(line, fields))
        (row,) = seen.rows
        status = f"{str(row['status'])[0]}xx"
        assert bench.counted() == {
            ("request", "a", line.partition(" ")[0], status): times,
            ("decision", "a", *decision): times,
        }


def test_a_host_that_came_twice_is_not_looked_up_again(benches: Benches, twins: Snapshot) -> None:
    active = benches(twins).gateway.active
    assert active.host(b"h.test") is not active.host(b"h.test")
    assert active.host(b"h.test") is active.host(b"h.test")


def test_hosts_do_not_multiply_what_is_remembered_of_lines(benches: Benches, twins: Snapshot) -> None:
    """All hosts together remember as many request lines as one."""
    active = benches(twins).gateway.active
    names = [b"h%d.test" % number for number in range(64)]
    for name in names * 2:
        active.host(name)
    seen = [active.host(name) for name in names]
    most = 0
    for number in range(2 * MAX_REMEMBERED_LINES // len(names)):
        for host in seen:
            for _ in range(2):
                host.read_line(b"GET /a/%d HTTP/1.1" % number)
        most = max(most, sum(len(host.lines) for host in seen))

    assert MAX_REMEMBERED_LINES // 2 < most <= MAX_REMEMBERED_LINES


@pytest.mark.parametrize(
    ("trusted", "is_named", "is_trusted"),
    [([], False, False), (["unix"], False, True), (["unix"], True, False), (["loopback"], False, False)],
)
def test_the_peer_of_a_unix_socket_is_trusted_where_that_is_said_and_nobody_else_named_it(
    benches: Benches, tmp_path: Path, trusted: list[str], is_named: bool, is_trusted: bool
) -> None:
    active = benches(snapshot(tmp_path, {"app": APP}, TWINS, trusted_proxies=trusted)).gateway.active
    peers = [active.peer("", is_tls=False, is_named=is_named) for _ in range(3)]

    assert {peer.is_trusted for peer in peers} == {is_trusted}
