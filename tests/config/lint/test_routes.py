"""Rules for the routing table."""

from typing import Any

import pytest

from cors_gateway.config.lint.finding import RouteInput
from cors_gateway.config.lint.route_rules import lint_routes
from tests.config.lint.said import routes, short

COMMON = ["GET", "POST", "PUT", "DELETE", "PATCH"]

TABLES: list[tuple[str, list[dict[str, Any]], set[str]]] = [
    ("one route", [{"path": "/"}], set()),
    ("nested prefixes", [{"path": "/"}, {"path": "/api/"}, {"path": "/api/v1"}], set()),
    ("the same path twice", [{"path": "/v1"}, {"path": "/v1"}], {"error routes.duplicate at routes[1].path"}),
    (
        "a slash at the end is no difference",
        [{"path": "/v1/"}, {"path": "/v1"}],
        {"error routes.duplicate at routes[1].path"},
    ),
    (
        "other hosts",
        [{"path": "/"}, {"path": "/", "host": "a.example"}, {"path": "/", "host": "*.a.example"}],
        set(),
    ),
    (
        "one host in common",
        [{"path": "/", "hosts": ["a.example", "b.example"]}, {"path": "/", "host": "B.example."}],
        {"error routes.duplicate at routes[1].path"},
    ),
    (
        "no host in common",
        [{"path": "/", "hosts": ["a.example", "b.example"]}, {"path": "/", "hosts": ["c.example"]}],
        set(),
    ),
    ("exact and prefix", [{"path": "/v1"}, {"path": "/v1", "match": "exact"}], set()),
    (
        "an exact path with a slash at the end and without",
        [{"path": "/v1/", "match": "exact"}, {"path": "/v1", "match": "exact"}],
        set(),
    ),
    (
        "the same exact path twice",
        [{"path": "/v1", "match": "exact"}, {"path": "/v1", "match": "exact"}],
        {"error routes.duplicate at routes[1].path"},
    ),
    ("extensions and the rest", [{"path": "/", "extensions": ["js"]}, {"path": "/"}], set()),
    ("other extensions", [{"path": "/", "extensions": ["js"]}, {"path": "/", "extensions": ["css"]}], set()),
    (
        "one extension in common",
        [{"path": "/", "extensions": ["js", "css"]}, {"path": "/", "extensions": ["CSS"]}],
        {"error routes.duplicate at routes[1].path"},
    ),
    (
        "extensions and methods",
        [{"path": "/", "extensions": ["js"]}, {"path": "/", "methods": ["GET"]}],
        set(),
    ),
    (
        "nothing common is left of an extension",
        [{"path": "/", "extensions": ["js"], "methods": COMMON}, {"path": "/", "extensions": ["js"]}],
        {"warning routes.unreachable at routes[1]"},
    ),
    (
        "of one extension everything is left",
        [{"path": "/", "extensions": ["js"], "methods": COMMON}, {"path": "/", "extensions": ["js", "css"]}],
        set(),
    ),
    (
        "the same host in another case",
        [{"path": "/", "host": "a.example"}, {"path": "/", "host": "A.example."}],
        {"error routes.duplicate at routes[1].path"},
    ),
    ("other methods", [{"path": "/v1", "methods": ["GET"]}, {"path": "/v1", "methods": ["POST"]}], set()),
    (
        "one method in common",
        [{"path": "/v1", "methods": ["GET", "PUT"]}, {"path": "/v1", "methods": ["PUT", "POST"]}],
        {"error routes.duplicate at routes[1].path"},
    ),
    ("some methods and the rest", [{"path": "/v1", "methods": ["GET"]}, {"path": "/v1"}], set()),
    (
        "GET and its own HEAD",
        [{"path": "/v1", "methods": ["GET"]}, {"path": "/v1", "methods": ["HEAD"]}],
        set(),
    ),
    (
        "nothing common is left",
        [{"path": "/v1", "methods": COMMON}, {"path": "/v1"}],
        {"warning routes.unreachable at routes[1]"},
    ),
    (
        "nothing common is left by two others",
        [{"path": "/v1"}, {"path": "/v1", "methods": COMMON[:3]}, {"path": "/v1/", "methods": COMMON[3:]}],
        {"warning routes.unreachable at routes[0]"},
    ),
    (
        "on another host everything is left",
        [{"path": "/v1", "methods": COMMON, "host": "a.example"}, {"path": "/v1"}],
        set(),
    ),
    (
        "the same name twice",
        [{"path": "/a", "name": "x"}, {"path": "/b", "name": "x"}],
        {"error routes.duplicate at routes[1].name"},
    ),
    ("no names", [{"path": "/a"}, {"path": "/b"}], set()),
    ("no method", [{"path": "/", "methods": []}], {"error routes.methods at routes[0].methods"}),
    (
        "methods that no client sends",
        [{"path": "/", "methods": ["GET", "put"]}],
        {"error routes.methods at routes[0].methods[1]"},
    ),
    (
        "not a method",
        [{"path": "/", "methods": ["GET POST", "*"]}],
        {"error routes.methods at routes[0].methods[0]", "error routes.methods at routes[0].methods[1]"},
    ),
    ("a method of one's own", [{"path": "/", "methods": ["FETCH", "m-x"]}], set()),
    ("a policy written in the route", [{"path": "/", "cors": None}, {"path": "/x"}], set()),
    (
        "modes",
        [{"path": "/", "cors": "disabled"}, {"path": "/x", "cors": "passthrough"}, {"path": "/y"}],
        set(),
    ),
    (
        "a policy that does not exist",
        [{"path": "/"}, {"path": "/x", "cors": "nope"}],
        {"error policy.unknown at routes[1].cors"},
    ),
]


@pytest.mark.parametrize(("table", "expected"), [pytest.param(t, e, id=i) for i, t, e in TABLES])
def test_table(table: list[dict[str, Any]], expected: set[str]) -> None:
    assert short(routes(*table)) == expected


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/api/", "/a.b/c-d_e~f", "/.well-known/x", "/caf%C3%A9", "/a%20b", "/@x,y:z=1"]
)
def test_canonical_paths(path: str) -> None:
    assert short(routes({"path": path})) == set()


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("v1", '"/v1"'),
        ("", "/"),
        ("^/api", '"/api"'),
        ("https://api.example.com/v1", '"/v1"'),
        ("https://api.example.com", '"/"'),
        ("~^/v[0-9]+/", '"/", or one route for each path'),
        ("~* ^/api/$", '"/api/"'),
        ("= /exact", '"/exact"'),
        ("^~ /static/", '"/static/"'),
        ("/a%2e/b?x#y", '"/a./b"'),
        ("/api/*", '"/api/"'),
        ("/v1/../admin", "normalisation"),
        ("/v1/./x", "normalisation"),
        ("/v1/%2e%2e/admin", "normalisation"),
        ("/a\\b", "normalisation"),
        ("/a%00b", "normalisation"),
        ("/a%0ab", "encoded"),
        ("/a%zz", "normalisation"),
        ("/a b", "normalisation"),
        ("/a//b", "empty segments"),
        ("/a%2Fb", "encoded"),
        ("/a;b", "';'"),
        ("/a?b=c", '"/a"'),
        ("/a#b", '"/a"'),
        ("/%7Euser", '"/~user"'),
        ("/caf%c3%a9", '"/caf%C3%A9"'),
        ("/café", '"/caf%C3%A9"'),
    ],
)
def test_other_paths_and_what_to_write(path: str, advice: str) -> None:
    found = routes({"path": path})
    assert short(found) == {"error routes.path at routes[0].path"}
    assert advice in found[0].hint


@pytest.mark.parametrize(
    "host", ["example.com", "*.example.com", "EXAMPLE.com.", "localhost", "192.0.2.1", "[::1]", "my_host"]
)
def test_hosts(host: str) -> None:
    assert short(routes({"path": "/", "host": host})) == set()


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("example.com:8080", '"example.com"'),
        ("https://example.com", '"example.com"'),
        ("https://example.com:8443/x", '"example.com"'),
        ("*", "*.example.com"),
        ("a.*.example.com", "*.example.com"),
        ("*example.com", "*.example.com"),
        ("", "api.example.com"),
        ("a..b", "api.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("ſ.example", '"s.example"'),
        ("a b", "api.example.com"),
    ],
)
def test_other_hosts_and_what_to_write(host: str, advice: str) -> None:
    found = routes({"path": "/", "host": host})
    assert short(found) == {"error routes.host at routes[0].host"}
    assert advice in found[0].hint


def test_a_mistyped_policy_is_guessed() -> None:
    found = routes({"path": "/", "cors": "publik"}, policies=("public", "app"))
    assert found[0].hint == "did you mean public?"


def test_a_mistyped_mode_is_guessed() -> None:
    assert routes({"path": "/", "cors": "disable"}, policies=())[0].hint == "did you mean disabled?"


def test_what_cannot_be_guessed_is_listed() -> None:
    assert routes({"path": "/", "cors": "zzz"})[0].hint == "known are app, disabled, passthrough"


def test_policies_that_no_route_names() -> None:
    assert short(routes({"path": "/"}, policies=("app", "old"))) == {"warning policy.unused at policies.old"}


@pytest.mark.parametrize("mode", ["disabled", "passthrough"])
def test_a_policy_cannot_have_the_name_of_a_mode(mode: str) -> None:
    assert short(routes({"path": "/", "cors": mode}, policies=(mode,))) == {
        f"error schema.conflict at policies.{mode}"
    }


def test_a_large_table_is_checked_in_one_pass() -> None:
    table = [
        RouteInput(name=f"r{number}", path=f"/p{number}", upstream="backend", cors=f"nope{number % 7}")
        for number in range(10_000)
    ]
    assert len(lint_routes(table, [f"policy{number}" for number in range(1_000)])) == 11_000
