"""What a reload is said to have changed: one table of policies, then everything around them."""

from dataclasses import replace

import pytest

from cors_gateway.policy.difference import remembered
from cors_gateway.policy.pattern import OriginPattern, parse_pattern, regex_pattern
from cors_gateway.policy.pattern_fault import PatternFault
from cors_gateway.policy.policy import DISABLED, PASSTHROUGH, Policy
from cors_gateway.server.changes import Changes, compare
from cors_gateway.snapshot import Route, Server, ServerAddress, ServerTls, Snapshot, TcpListener, Upstream


def _patterns(*texts: str) -> tuple[OriginPattern, ...]:
    found = [parse_pattern(text) for text in texts]
    assert not any(isinstance(pattern, PatternFault) for pattern in found)
    return tuple(pattern for pattern in found if isinstance(pattern, OriginPattern))


def _policy(*origins: str, **settings: object) -> Policy:
    return Policy(allow_origins=_patterns(*origins), **settings)  # type: ignore[arg-type]


def _snapshot(*routes: Route, **server: object) -> Snapshot:
    settings = {"listen": (TcpListener("127.0.0.1", 80),), **server}
    upstreams = {"b": Upstream("b", (ServerAddress("b", 80),))}
    return Snapshot(Server(**settings), None, upstreams, routes)  # type: ignore[arg-type]


def _route(policy: Policy, **settings: object) -> Route:
    return replace(Route("r", "/", "b", policy), **settings)  # type: ignore[arg-type]


def _changes(old: Policy, new: Policy) -> Changes:
    return compare(_snapshot(_route(old)), _snapshot(_route(new)))


EXPRESSION = regex_pattern(r"https://pr-\d+\.a\.example")
assert isinstance(EXPRESSION, OriginPattern)
A, B, SUB = "https://a.example", "https://b.a.example", "https://*.a.example"

WIDENED = [
    ("one more origin", _policy(A), _policy(A, B), ["origins: https://b.a.example"]),
    ("any origin", _policy(A), Policy(any_origin=True), ["origins: any"]),
    ("null", _policy(A), _policy(A, allow_null_origin=True), ["origins: null"]),
    ("a wildcard in place of one name", _policy(B), _policy(SUB), ["origins: https://*.a.example"]),
    ("any port", _policy(A), _policy(f"{A}:*"), ["origins: https://a.example:*"]),
    (
        "a regular expression",
        _policy(A),
        Policy(allow_origins=(*_patterns(A), regex_pattern("https://x"))),  # type: ignore[arg-type]
        ["origins: https://x"],
    ),
    ("a method", _policy(A), _policy(A, allow_methods=("PUT",)), ["methods: PUT"]),
    ("any method", _policy(A), _policy(A, any_method=True), ["methods: *"]),
    ("a header", _policy(A), _policy(A, allow_headers=("x-a",)), ["request headers: x-a"]),
    (
        "Authorization beside any header",
        _policy(A, any_header=True),
        _policy(A, any_header=True, allow_headers=("authorization", "x-a")),
        ["request headers: authorization"],
    ),
    ("exposure", _policy(A), _policy(A, expose_headers=("etag",)), ["exposed headers: etag"]),
    ("any exposure", _policy(A), _policy(A, expose_any=True), ["exposed headers: *"]),
    ("credentials", _policy(A), _policy(A, allow_credentials=True), ["credentials"]),
    ("private network", _policy(A), _policy(A, allow_private_network=True), ["private network access"]),
    ("timing", _policy(A), _policy(A, timing_allow_origin=True), ["timing details"]),
    (
        "no more rejecting",
        _policy(A, reject_disallowed_request=True),
        _policy(A),
        ["requests of other origins reach the backend"],
    ),
    (
        "no more checking of WebSockets",
        _policy(A, websocket_origin_check=True),
        _policy(A),
        ["WebSockets of other origins reach the backend"],
    ),
    ("opened", DISABLED, _policy(A), ["origins: https://a.example", "methods: GET, HEAD, POST"]),
    (
        "many",
        DISABLED,
        _policy(*(f"https://{n}.example" for n in range(1, 8)), allow_methods=("GET",)),
        [
            "origins: https://1.example, https://2.example, https://3.example, https://4.example, https://5.example and 2 more",
            "methods: GET, HEAD, POST",
        ],
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "phrases"), [row[1:] for row in WIDENED], ids=[row[0] for row in WIDENED]
)
def test_who_may_do_more_and_in_the_other_direction_less(
    old: Policy, new: Policy, phrases: list[str]
) -> None:
    (forth,) = _changes(old, new).routes
    (back,) = _changes(new, old).routes

    assert set(phrases) == set(forth.widened)
    assert set(phrases) <= set(back.narrowed)


def test_an_origin_under_a_wildcard_keeps_its_access() -> None:
    change = _changes(_policy(A, B), _policy(A, SUB)).routes[0]

    assert (change.widened, change.narrowed) == ((f"origins: {SUB}",), ())


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (_policy(A, B), _policy(B, A), "allow_origins"),
        (_policy(SUB), _policy(SUB, B), "allow_origins"),
        (_policy(A, allow_methods=("GET",)), _policy(A, allow_methods=("POST",)), "allow_methods"),
        (_policy(SUB), Policy(allow_origins=(*_patterns(SUB), EXPRESSION)), "allow_origins"),
        (_policy(A, any_header=True), _policy(A, any_header=True, allow_headers=("x-a",)), "allow_headers"),
    ],
    ids=[
        "another order",
        "under a wildcard",
        "safelisted methods",
        "an expression under a wildcard",
        "under a star",
    ],
)
def test_what_only_reads_differently_widens_and_narrows_nothing(old: Policy, new: Policy, key: str) -> None:
    changes = _changes(old, new)

    assert changes.lines == (f"route r: {key} is written differently, to the same effect",)
    assert (changes.widened, changes.narrowed) == ((), ())


@pytest.mark.parametrize("left", [PASSTHROUGH, _policy(A, report_only=True)])
def test_leaving_cors_to_the_backend_counts_as_widening(left: Policy) -> None:
    assert _changes(_policy(A), left).widened == ("r",)
    assert _changes(left, _policy(A)).lines == ("route r: CORS is no longer left to the backend",)
    assert _changes(left, left) == Changes()


@pytest.mark.parametrize(
    ("max_age", "firefox", "chromium", "safari"),
    [
        (None, 5, 5, 5),
        (0, 0, 0, 0),
        (300, 300, 300, 300),
        (3600, 3600, 3600, 600),
        (86_400, 86_400, 7200, 600),
    ],
)
def test_how_long_browsers_remember_preflights(
    max_age: int | None, firefox: int, chromium: int, safari: int
) -> None:
    expected = (("Firefox", firefox), ("Chromium", chromium), ("Safari", safari))

    assert remembered(_policy(A, max_age=max_age)) == expected


def test_memory_counts_only_where_access_is_narrowed_and_by_the_old_max_age() -> None:
    narrowed = _changes(_policy(A, B, max_age=900), _policy(A, max_age=5))
    widened = _changes(_policy(A, max_age=900), _policy(A, B, max_age=900))

    assert narrowed.lines == (
        "route r: max_age was 900, is 5",
        "route r: access narrowed, origins: https://b.a.example",
        "route r: browsers may go by preflight answers they remember: Firefox 900 s, Chromium 900 s, Safari 600 s",
    )
    assert widened.routes[0].policy.remembered == ()


def test_routes_that_come_and_go() -> None:
    with_route, without = _snapshot(_route(_policy(A))), _snapshot()

    assert compare(without, with_route).lines[:2] == (
        "route r: added",
        "route r: access widened, origins: https://a.example",
    )
    assert compare(with_route, without).narrowed == ("r",)


def test_a_route_that_moves() -> None:
    old, new = (
        _route(DISABLED),
        _route(DISABLED, path="/x", methods=frozenset({"PUT", "GET"}), replace_prefix="/"),
    )

    assert compare(_snapshot(old), _snapshot(new)).lines == (
        "route r: path was /, is /x",
        "route r: replace_prefix was none, is /",
        "route r: methods were any, are GET PUT",
    )


def test_settings_outside_the_routes() -> None:
    old = _snapshot()
    new = replace(
        _snapshot(workers=4, listen=()),
        upstreams={
            "b": Upstream("b", (ServerAddress("c", 80),)),
            "d": Upstream("d", (ServerAddress("d", 80),)),
        },
    )

    assert compare(old, new).settings == (
        "server.listen changed",
        "upstream b changed",
        "upstream d added",
        "server.workers changed, which needs a restart",
    )
    assert "upstream d removed" in compare(new, old).settings
    assert compare(old, old) == Changes()


def test_many_routes_and_many_origins_are_compared_in_no_time() -> None:
    """Ten thousand origins, half of them exchanged, on a thousand routes: a quadratic comparison would take hours."""
    names = [f"https://o{number}.example" for number in range(15_000)]
    old_policy, new_policy = _policy(*names[:10_000]), _policy(*names[5_000:])
    old, new = (
        _snapshot(*(replace(_route(policy), name=f"r{number}") for number in range(1000)))
        for policy in (old_policy, new_policy)
    )

    assert len(compare(old, new).widened) == 1000


def test_what_changed_about_a_shared_policy_is_said_once() -> None:
    def served(policy: Policy, name: str = "app") -> tuple[Route, ...]:
        shared = [Route(each, "/" + each, "b", policy, policy_name=name) for each in ("one", "two", "three")]
        return (*shared, Route("own", "/own", "b", policy))

    old, new = served(_policy(A)), served(_policy(A, allow_credentials=True))
    limited = (replace(new[0], request_body=5), *new[1:])

    assert compare(_snapshot(*old), _snapshot(*new)).lines == (
        "policy app (routes one, two, three): access widened, credentials",
        "route own: access widened, credentials",
    )
    assert compare(_snapshot(*old), _snapshot(*limited)).lines == (
        "policy app (routes one, two, three): access widened, credentials",
        "route one: limits.request_body was the server's, is 5 bytes",
        "route own: access widened, credentials",
    )
    renamed = compare(_snapshot(*old[:2]), _snapshot(*served(_policy(A, allow_credentials=True), "web")[:2]))
    assert renamed.lines == (
        "route one: access widened, credentials",
        "route two: access widened, credentials",
    )


def test_a_renewed_certificate_is_told_with_its_days() -> None:
    def served(ends: float | None) -> Snapshot:
        return _snapshot(listen=(TcpListener("127.0.0.1", 8443, ServerTls("/tls.pem", "/key.pem", ends)),))

    assert compare(served(1_795_348_800.0), served(1_803_124_800.0)).lines == (
        "certificate /tls.pem: valid until 2027-02-20, was 2026-11-22",
    )
    assert compare(served(None), served(1_803_124_800.0)).lines == ()
