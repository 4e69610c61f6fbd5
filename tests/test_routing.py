"""Which route serves a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.routing import RouteKey, RouteTable

GET, POST = frozenset({"GET"}), frozenset({"POST", "PUT"})


def table(*keys: RouteKey) -> RouteTable[RouteKey]:
    """A table whose targets are its keys."""
    return RouteTable((key, key) for key in keys)


@pytest.mark.parametrize("prefix", ["/api", "/api/"])
@pytest.mark.parametrize(
    ("path", "is_match"),
    [
        (b"/api", True),
        (b"/api/", True),
        (b"/api/x", True),
        (b"/api/x/y/", True),
        (b"/api//x", True),
        (b"/apix", False),
        (b"/ap", False),
        (b"/API", False),
        (b"//api", False),
        (b"/x/api", False),
        (b"/", False),
    ],
)
def test_a_prefix_ends_at_a_segment(prefix: str, path: bytes, is_match: bool) -> None:
    route = RouteKey(None, prefix)
    assert table(route).for_host(b"gw").select(path, b"GET") == (route if is_match else None)


ROOT = RouteKey(None, "/")
API = RouteKey(None, "/api")
V1 = RouteKey(None, "/api/v1/")
V1_GET = RouteKey(None, "/api/v1/x", GET)
V1_POST = RouteKey(None, "/api/v1/x", POST)


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        (b"/", b"GET", ROOT),
        (b"/other", b"GET", ROOT),
        (b"/api/other", b"GET", API),
        (b"/api/v1", b"GET", V1),
        (b"/api/v1/y", b"GET", V1),
        (b"/api/v1/x", b"GET", V1_GET),
        (b"/api/v1/x/z", b"HEAD", V1_GET),
        (b"/api/v1/x", b"PUT", V1_POST),
        (b"/api/v1/x", b"DELETE", V1),
        (b"/api/v1/x", b"get", V1),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_the_longest_prefix_that_admits_the_method_wins(
    path: bytes, method: bytes, expected: RouteKey, order: int
) -> None:
    routes = table(*[ROOT, API, V1, V1_GET, V1_POST][::order])
    assert routes.for_host(b"gw").select(path, method) == expected


def test_head_goes_where_it_is_listed_before_where_get_is() -> None:
    head = RouteKey(None, "/x", frozenset({"HEAD"}))
    get, rest = RouteKey(None, "/x", GET), RouteKey(None, "/x")
    for keys in ([get, head, rest], [rest, head, get]):
        routes = table(*keys).for_host(b"gw")
        assert [routes.select(b"/x", method) for method in (b"HEAD", b"GET", b"POST")] == [head, get, rest]
    assert table(get, rest).for_host(b"gw").select(b"/x", b"HEAD") == get


def test_of_two_routes_for_the_same_thing_the_first_counts() -> None:
    routes = RouteTable([(ROOT, "first"), (ROOT, "second"), (V1_GET, "third"), (V1_GET, "fourth")])
    assert routes.for_host(b"").select(b"/", b"GET") == "first"
    assert routes.for_host(b"").select(b"/api/v1/x", b"GET") == "third"


def test_no_route_is_none() -> None:
    assert table().for_host(b"gw").select(b"/", b"GET") is None
    assert table(V1_GET).for_host(b"gw").select(b"/api/v1/x", b"POST") is None
    assert table(RouteKey("a.com", "/")).for_host(b"b.com").select(b"/", b"GET") is None


EXACT = RouteKey("a.b.com", "/exact")
NEAR = RouteKey("*.b.com", "/near")
FAR = RouteKey("*.com", "/far")
ANY = RouteKey(None, "/any")
ONLY_POST = RouteKey("a.b.com", "/near", POST)
HOSTS = [EXACT, NEAR, FAR, ANY, ONLY_POST, RouteKey("[::1]", "/exact")]


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        (b"a.b.com", b"/exact", EXACT),
        (b"A.B.com", b"/exact", EXACT),
        (b"a.b.com:8080", b"/exact", EXACT),
        (b"a.b.com.", b"/exact", EXACT),
        (b"a.b.com.:8080", b"/exact", EXACT),
        (b"[::1]", b"/exact", HOSTS[-1]),
        (b"[::1]:8080", b"/exact", HOSTS[-1]),
        (b"a.b.com..", b"/exact", None),
        (b"x.a.b.com", b"/exact", None),
        (b"b.com", b"/near", None),
        (b"x.b.com", b"/near", NEAR),
        (b"y.x.b.com", b"/near", NEAR),
        (b".b.com", b"/near", None),
        (b"xb.com", b"/near", None),
        (b"a.b.com", b"/near", NEAR),
        (b"a.b.com", b"/far", FAR),
        (b"x.b.com", b"/far", FAR),
        (b"b.com", b"/far", FAR),
        (b"a.b.com", b"/any", ANY),
        (b"other", b"/any", ANY),
        (b"", b"/any", ANY),
        (b"other", b"/far", None),
        (b"a.b.com", b"/none", None),
    ],
)
def test_a_host_is_looked_for_from_the_most_specific(
    host: bytes, path: bytes, expected: RouteKey | None
) -> None:
    routes = table(*HOSTS)
    assert routes.for_host(host).select(path, b"GET") == expected
    assert routes.for_host(host).select(path, b"GET") == expected, "a second time"


def test_a_host_without_an_admitting_route_falls_through() -> None:
    routes = table(*HOSTS).for_host(b"a.b.com")
    assert routes.select(b"/near", b"PUT") == ONLY_POST
    assert routes.select(b"/near", b"GET") == NEAR


def test_all_readings_of_a_path_must_lead_to_one_route() -> None:
    routes = RouteTable.of([ROOT, V1_GET], lambda key: key).for_host(b"gw")
    assert routes.select_one((), b"GET") is None
    assert routes.select_one((b"/api/v1/x/a",), b"GET") is V1_GET
    assert routes.select_one((b"/api/v1/x/a", b"/api/v1/x/b"), b"GET") is V1_GET
    for readings in (
        (b"/api/v1/x/a", b"/a"),
        (b"/a", b"/api/v1/x/a"),
        (b"/api/v1/x/a", b"/api/v1/x/b", b"/a"),
    ):
        with pytest.raises(ProtocolFault) as caught:
            routes.select_one(readings, b"GET")
        assert caught.value.status == 400


segments = st.sampled_from(["a", "b", "ab", "%20"])
prefixes = st.lists(segments, max_size=3).map(lambda parts: "/" + "/".join(parts))
keys = st.builds(
    RouteKey,
    st.sampled_from([None, "a.com", "x.a.com", "*.a.com", "*.x.a.com"]),
    prefixes,
    st.one_of(st.none(), st.sets(st.sampled_from(["GET", "HEAD", "PUT"]), min_size=1).map(frozenset)),
)


def naive_select(routes: list[RouteKey], host: str, path: str, method: str) -> RouteKey | None:
    """The best of all routes that match, by host, length of the prefix, and how the method is admitted."""

    def rank(key: RouteKey) -> tuple[int, int, int] | None:
        by_host = {None: 0, host: 1000}.get(key.host)
        if (
            by_host is None
            and key.host is not None
            and key.host.startswith("*.")
            and host.endswith(key.host[1:])
        ):
            by_host = len(key.host)
        admitted = 0 if key.methods is None else None
        if key.methods is not None and method in key.methods:
            admitted = 2
        elif key.methods is not None and method == "HEAD" and "GET" in key.methods:
            admitted = 1
        prefix = key.path.rstrip("/")
        is_below = path == prefix or path.startswith(prefix + "/")
        if by_host is None or admitted is None or not is_below:
            return None
        return by_host, len(prefix), admitted

    ranked = [(rank(key), -index, key) for index, key in enumerate(routes)]
    matching = [(score, index, key) for score, index, key in ranked if score is not None]
    return max(matching, key=lambda entry: entry[:2])[2] if matching else None


@given(
    st.lists(keys, max_size=8),
    st.sampled_from(["a.com", "x.a.com", "y.x.a.com", "z.a.com", "b.com"]),
    prefixes,
    st.sampled_from(["", "/", "/c"]),
    st.sampled_from(["GET", "HEAD", "PUT", "OPTIONS"]),
)
def test_the_table_agrees_with_the_naive_one(
    routes: list[RouteKey], host: str, prefix: str, rest: str, method: str
) -> None:
    path = prefix.rstrip("/") + rest or "/"
    found = table(*routes).for_host(host.encode()).select(path.encode(), method.encode())
    assert found == naive_select(routes, host, path, method)
