"""Which requests are served by another route, against a model that asks about every request of a small world."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.pattern import OriginPattern, parse_pattern
from cors_gateway.policy.policy import DISABLED, Policy
from cors_gateway.routing import RouteTable
from cors_gateway.server.changes import compare
from cors_gateway.server.moved_requests import moves
from cors_gateway.snapshot import Route, Server, Snapshot

ORIGIN = parse_pattern("https://a.example")
assert isinstance(ORIGIN, OriginPattern)
OPEN = Policy(allow_origins=(ORIGIN,))
REST = Route("rest", "/", "b", OPEN, policy_name="app")
ADMIN = Route("admin", "/admin", "b", DISABLED)

HOSTS = ("a.test", "*.b.test", "x.b.test")
PATHS = ("/", "/a", "/a/b", "/a/b/c", "/d")
METHODS = ("GET", "PUT", "DELETE")

routes = st.builds(
    Route,
    name=st.sampled_from("pqrst"),
    path=st.sampled_from(PATHS),
    upstream=st.just("b"),
    policy=st.just(DISABLED),
    hosts=st.lists(st.sampled_from(HOSTS), max_size=2, unique=True).map(tuple),
    methods=st.none() | st.sets(st.sampled_from(METHODS), min_size=1).map(frozenset),
    is_exact=st.booleans(),
    extensions=st.none() | st.sets(st.sampled_from(["js", "css"]), min_size=1).map(frozenset),
)
tables = st.lists(routes, max_size=5, unique_by=(lambda route: route.name, lambda route: route.keys)).map(
    tuple
)

ALL_HOSTS = (b"a.test", b"x.b.test", b"y.b.test", b"elsewhere.test")
ALL_PATHS = tuple(
    f"{base.rstrip('/')}{rest}".encode() or b"/"
    for base in PATHS
    for rest in ("", "/z", "/z.js", "/z.css", "/z.txt")
)
ALL_METHODS = (b"GET", b"PUT", b"DELETE", b"PATCH")


def snapshot(*served: Route) -> Snapshot:
    return Snapshot(Server(()), None, {}, served)


def model(old: tuple[Route, ...], new: tuple[Route, ...]) -> set[tuple[str | None, str | None]]:
    """Every request of the world, one by one."""
    tables = [RouteTable.of(served, lambda route: route.name) for served in (old, new)]
    found = set()
    for host, path, method in itertools.product(ALL_HOSTS, ALL_PATHS, ALL_METHODS):
        before, after = (table.for_host(host).select(path, method) for table in tables)
        if before != after:
            found.add((before, after))
    return found


def name(route: Route | None) -> str | None:
    return None if route is None else route.name


@given(tables, tables)
def test_every_move_is_found_and_no_other(old: tuple[Route, ...], new: tuple[Route, ...]) -> None:
    found = {(name(before), name(after)) for before, after in moves(snapshot(*old), snapshot(*new))}

    assert found == model(old, new)


def test_a_closed_path_that_falls_to_an_open_route_is_widened() -> None:
    changes = compare(snapshot(REST, ADMIN), snapshot(REST))

    assert changes.widened == ("rest",)
    assert changes.lines[0] == "route rest: route admin removed"
    assert changes.lines[1] == "route rest: serves requests that route admin served"


def test_a_path_that_is_closed_below_an_open_route_is_narrowed() -> None:
    changes = compare(snapshot(REST), snapshot(REST, ADMIN))

    assert (changes.widened, changes.narrowed) == ((), ("admin",))


def test_a_route_of_the_same_policy_admits_nobody_new() -> None:
    changes = compare(snapshot(REST), snapshot(REST, replace(REST, name="api", path="/api")))

    assert changes.lines == ("route api: added", "route api: serves requests that route rest served")
    assert (changes.widened, changes.narrowed) == ((), ())


def test_another_name_changes_nothing() -> None:
    assert compare(snapshot(REST), snapshot(replace(REST, name="everything"))).routes == ()
