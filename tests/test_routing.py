"""Which route serves a request."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.routing import HostRoutes, RouteKey, RouteTable, SelectiveHostRoutes

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


FONTS = frozenset({"woff2", "min.js"})


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        (b"/api", b"GET", "exact"),
        (b"/api", b"HEAD", "exact"),
        (b"/api", b"POST", "prefix"),
        (b"/api/", b"GET", "prefix"),
        (b"/api/x", b"GET", "prefix"),
        (b"/api/x.woff2", b"GET", "fonts"),
        (b"/api/x.WOFF2", b"GET", "fonts"),
        (b"/api/.woff2", b"GET", "fonts"),
        (b"/api/a.b.min.js", b"GET", "fonts"),
        (b"/api/min.js", b"GET", "prefix"),
        (b"/api/a.js", b"GET", "prefix"),
        (b"/api/xwoff2", b"GET", "prefix"),
        (b"/api/x.woff2/", b"GET", "prefix"),
        (b"/api/x.woff2/y", b"GET", "prefix"),
        (b"/api/x.woff2", b"POST", "posted fonts"),
        (b"/api/x.woff2", b"PUT", "put"),
        (b"/api/x.css", b"PUT", "put"),
        (b"/x.woff2", b"GET", "root"),
        (b"/", b"GET", "root"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_an_exact_path_comes_before_prefixes_and_a_filter_before_the_rest(
    path: bytes, method: bytes, expected: str, order: int
) -> None:
    entries = [
        (RouteKey(None, "/"), "root"),
        (RouteKey(None, "/api"), "prefix"),
        (RouteKey(None, "/api", frozenset({"PUT"})), "put"),
        (RouteKey(None, "/api", GET, is_exact=True), "exact"),
        (RouteKey(None, "/api", GET, extensions=FONTS), "fonts"),
        (RouteKey(None, "/api", frozenset({"POST"}), extensions=FONTS), "posted fonts"),
    ]
    routes = RouteTable(entries[::order])

    assert routes.for_host(b"gw").select(path, method) == expected


def test_where_an_extension_is_not_admitted_the_next_host_is_asked() -> None:
    routes = RouteTable(
        [
            (RouteKey("a.example", "/", extensions=FONTS), "fonts"),
            (RouteKey(None, "/x", is_exact=True), "exact"),
        ]
    )
    selected = [routes.for_host(b"a.example").select(path, b"GET") for path in (b"/x.woff2", b"/x", b"/y")]

    assert selected == ["fonts", "exact", None]


def test_only_tables_with_such_routes_pay_for_them() -> None:
    plain = RouteTable([(V1_GET, 1), (RouteKey("a.example", "/"), 2)])
    mixed = RouteTable([(RouteKey("a.example", "/", is_exact=True), 1), (RouteKey("b.example", "/"), 2)])

    assert type(plain.for_host(b"a.example")) is HostRoutes
    assert type(mixed.for_host(b"a.example")) is SelectiveHostRoutes
    assert type(mixed.for_host(b"b.example")) is HostRoutes


segments = st.sampled_from(["a", "b", "x.js", "x.min.js", "y.css", ""])
filters = st.none() | st.frozensets(st.sampled_from(["js", "min.js", "css"]), min_size=1)
some_methods = st.none() | st.frozensets(st.sampled_from(["GET", "HEAD", "PUT"]), min_size=1)
some_keys = st.builds(
    RouteKey,
    st.sampled_from([None, "h", "*.h"]),
    st.lists(segments, max_size=3).map(lambda parts: "/" + "/".join(parts)),
    some_methods,
    st.booleans(),
    filters,
).map(lambda key: replace(key, extensions=None) if key.is_exact else key)


@given(
    st.lists(some_keys, max_size=8),
    st.sampled_from(["h", "a.h", "other"]),
    st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.sampled_from(["GET", "HEAD", "PUT", "POST"]),
)
def test_the_table_finds_what_a_search_through_all_routes_finds(
    keys: list[RouteKey], host: str, path: str, method: str
) -> None:
    """The best of all that admit a request, by the order of the documentation."""
    found = RouteTable((key, key) for key in keys).for_host(host.encode())
    admitting = [(rank, key) for key in keys if (rank := _rank(key, host, path, method)) is not None]
    best = max(admitting, key=lambda each: each[0], default=None)
    selected = found.select(path.encode(), method.encode())

    if best is None:
        assert selected is None
    else:
        assert selected is not None
        assert _rank(selected, host, path, method) == best[0]


def _rank(key: RouteKey, host: str, path: str, method: str) -> tuple[object, ...] | None:
    """How well a route fits; None if it does not."""
    wanted = tuple(filter(None, key.path.split("/")))
    is_host = key.host in (None, host) or (key.host or "").removeprefix("*") == host[1:]
    is_path = path == key.path if key.is_exact else tuple(path.split("/")[1:][: len(wanted)]) == wanted
    last = path.rpartition("/")[2]
    endings = [len(each) for each in key.extensions or () if last.endswith(f".{each}")]
    implied = method == "HEAD" and "GET" in (key.methods or ())
    is_method = key.methods is None or method in key.methods or implied
    if not (is_host and is_path and is_method and (endings or key.extensions is None)):
        return None
    specificity = 0 if key.host is None else 1 if key.host.startswith("*") else 2
    return specificity, key.is_exact, len(wanted), max(endings, default=0), key.methods is not None


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
    routes = table(ROOT, V1_GET).for_host(b"gw")
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
