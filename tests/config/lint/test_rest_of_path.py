"""Where a filter closes less than it seems to."""

from pathlib import Path

import pytest

from tests.config.written import load_text

POLICIES = """\
version: 1
policies:
  own: {allow_origins: [https://app.example, 'https://*.own.example']}
  less: {allow_origins: [https://a.own.example]}
  logged_in: {allow_origins: [https://app.example], allow_credentials: true}
  all: {allow_origins: ['*']}
routes:
  - {name: unused, path: /-/1, upstream: http://b, cors: own}
  - {name: unused2, path: /-/2, upstream: http://b, cors: less}
  - {name: unused3, path: /-/3, upstream: http://b, cors: logged_in}
  - {name: unused4, path: /-/4, upstream: http://b, cors: all}
"""


def warnings(directory: Path, *routes: str) -> list[tuple[str, str]]:
    rows = "".join(
        f"  - {{name: r{at}, {route}{'' if 'refuse' in route else ', upstream: http://b'}}}\n"
        for at, route in enumerate(routes)
    )
    return [(problem.code, problem.path) for problem in load_text(directory, POLICIES + rows).problems]


METHODS, EXTENSIONS = ("routes.rest", "routes[4].methods"), ("routes.rest", "routes[4].extensions")


@pytest.mark.parametrize(
    ("narrow", "broad", "found"),
    [
        ("path: /api, methods: [GET], cors: own", "path: /, cors: all", [METHODS]),
        ("path: /api, methods: [GET], cors: own", "path: /, cors: passthrough", [METHODS]),
        ("path: /api, methods: [GET], cors: own", "path: /, cors: own", []),
        ("path: /api, methods: [GET], cors: own", "path: /, cors: less", []),
        ("path: /api, methods: [GET], cors: less", "path: /, cors: own", [METHODS]),
        ("path: /api, methods: [GET], cors: own", "path: /, cors: logged_in", [METHODS]),
        ("path: /api, methods: [GET], cors: all", "path: /, cors: own", []),
        ("path: /api, methods: [GET], cors: disabled", "path: /, cors: less", [METHODS]),
        ("path: /api, methods: [GET], cors: own", "path: /, cors: disabled", []),
        ("path: /api, methods: [GET], cors: passthrough", "path: /, cors: all", []),
        ("path: /api, methods: [GET], cors: own", "path: /other, cors: all", []),
        ("path: /api, methods: [GET], cors: own", "path: /, methods: [GET], cors: all", []),
        ("path: /api, methods: [GET], cors: own", "path: /, methods: [POST], cors: all", [METHODS]),
        ("path: /api, cors: own", "path: /, cors: all", []),
        ("path: /api, match: exact, methods: [GET], cors: own", "path: /, cors: all", [METHODS]),
        ("path: /api, host: a.example, methods: [GET], cors: own", "path: /, cors: all", [METHODS]),
        ("path: /api, host: '*.a.example', methods: [GET], cors: own", "path: /, host: x.a.example, cors: all", [METHODS]),
        ("path: /api, host: a.example, methods: [GET], cors: own", "path: /, host: b.example, cors: all", []),
        ("path: /api, extensions: [js], cors: own", "path: /, cors: all", [EXTENSIONS]),
        ("path: /api, extensions: [js], cors: own", "path: /, cors: own", []),
        ("path: /api, refuse: 404, methods: [GET], cors: own", "path: /, cors: all", []),
        ("path: /api, methods: [GET], cors: own", "path: /, refuse: 404, cors: all", []),
        ("path: /api, methods: [GET], cors: [less, logged_in]", "path: /, cors: all", [METHODS]),
        ("path: /api, methods: [GET], cors: own", "path: /, cors: [less, logged_in]", [METHODS]),
    ],
)  # fmt: skip
def test_the_rest_is_left_to_a_more_open_route(
    narrow: str, broad: str, found: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert warnings(tmp_path, narrow, broad) == found


def test_what_the_hint_says_ends_the_warning(tmp_path: Path) -> None:
    narrow, broad = "path: /api, methods: [GET], cors: own", "path: /, cors: all"
    closed = "refuse: 404, path: /api, cors: disabled"

    assert warnings(tmp_path, narrow, broad) == [METHODS]
    assert warnings(tmp_path, narrow, broad, closed) == []
