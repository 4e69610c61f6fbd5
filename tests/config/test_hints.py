"""A hint that proposes a spelling is valid itself: written as proposed, it is not refused again.

Every file that the tests know to be wrong is mended hint by hint, and loaded after each.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cors_gateway.config.load import load
from cors_gateway.config.problems import Problem
from tests.config.golden import BAD, ENVIRON

CONFORMANCE = Path(__file__).parent.parent / "conformance" / "config.yaml"
VARIABLES = {
    **ENVIRON,
    "APP_ORIGIN": "https://app.example.com",
    "APP_HOST": "app.example.com",
    "FRONT_END": "https://front.example.com",
    "FRONTEND_ORIGIN": "https://front.example.com",
    "STAGE": "dev",
    "BACKEND": "http://backend:8000",
    "LISTEN": "127.0.0.1:8080",
}

POLICY = """\
version: 1
policies:
  p:
    {key}: {value}
{rest}routes:
  - {{name: r, path: /, upstream: 'http://127.0.0.1:9', cors: p}}
"""
ROUTE = """\
version: 1
{section}
routes:
  - {{name: r, {keys}, upstream: 'http://127.0.0.1:9', cors: disabled}}
"""


def policy(key: str, value: str, *, allow_credentials: bool = False) -> str:
    rest = "" if key == "allow_origins" else "    allow_origins: [https://a.example.com]\n"
    rest += "    allow_credentials: true\n" if allow_credentials else ""
    return POLICY.format(key=key, value=value, rest=rest)


def route(keys: str = "path: /", section: str = "admin: off") -> str:
    return ROUTE.format(keys=keys, section=section)


WRITTEN = [
    *(
        policy("allow_origins", value)
        for value in (
            "https://a.example.com,https://b.example.com",
            "['https://a.example.com, https://b.example.com']",
            "\n      - https://a.example.com;https://b.example.com",
            "['a.example.com, b.example.com']",
            "a.example.com",
            "[*.example.com]",
            "\n      - *.example.com:8443",
            "[https://a.example.com, *.example.com]",
            "*",
            "[*]",
            "[$APP_ORIGIN]",
            "['https://$APP_HOST']",
            "$APP_ORIGIN",
            "['http://localhost:80*']",
            "['http://localhost:80:*']",
            "['http://localhost:0']",
            "['*.example.com:*']",
            "['http*://app.example.com']",
            "['http://app.example.com:443/x']",
            "['https://app.example.com:443']",
            "[{regex: 'HTTPS://APP\\.EXAMPLE\\.COM'}]",
            "[{regex: 'app\\.example\\.com/.*'}]",
            "[{regex: '^https://app.example.com$'}]",
            "[{regex: 'https://.*.example.com'}]",
            "[{regex: 'https://[a-z]+.example.com'}]",
        )
    ),
    *(
        policy("allow_origins", f"['{origin}']", allow_credentials=True)
        for origin in ("http://app.example.com", "http://app.example.com:443", "http://192.168.1.10:8080")
    ),
    policy("allow_methods", "GET, POST"),
    policy("allow_methods", "['PUT, DELETE']"),
    policy("allow_methods", "[patch]"),
    policy("allow_headers", "X-A, X-B"),
    policy("allow_headers", "\n      - X-A, X-B"),
    policy("expose_headers", "['X-A X-B']"),
    policy("public_origins", "[api.example.com]"),
    policy("max_age", "'600'"),
    policy("allow_private_network", "no"),
    *(
        route(f"path: '{path}'")
        for path in ("~^/v[0-9]+/", "~* ^/api/", "^/api/.*", "/api/*", "/api?x", "api", "/b%FCcher/é", "= /a")
    ),
    route("path: /, host: 'https://a.example.com:8443/x'"),
    route("path: /, methods: 'GET,POST'"),
    route().replace("'http://127.0.0.1:9'", "$BACKEND"),
    route("path: /, methods: [get]"),
    *(
        route(section=section)
        for section in (
            "server: {listen: 8080}",
            "server: {listen: [8080]}",
            "server: {listen: ['8080']}",
            "server: {listen: '*:8080'}",
            "server: {listen: ['http://0.0.0.0:8080']}",
            "server: {listen: [{address: 8080}]}",
            "server: {listen: ['localhost:8080']}",
            "server: {trusted_proxies: '10.0.0.0/8, 192.168.0.0/16'}",
            "server: {trusted_proxies: [10.0.0.1/8]}",
            "server: {timeouts: {keep_alive: 10}}",
            "server: {limits: {request_body: 10MB}}",
            "admin: 9090",
            "admin: {listen: 9090}",
            "upstreams: {b: {servers: 'http://b:80, http://c:80'}}",
            "upstreams: {b: {servers: [b:80]}}",
            "upstreams: {b: {servers: ['http://b:80/app']}}",
            "upstreams: {b: {servers: [$BACKEND]}}",
            "server: {listen: [$LISTEN]}",
        )
    ),
]

UNINDENTED = """\
version: 1
policies:
  app:
  allow_origins: [https://app.example.com]
  allow_credentials: true
upstreams:
  backend:
  servers: [http://127.0.0.1:9]
routes:
  - {name: r, path: /, upstream: backend, cors: app}
"""


@dataclass(frozen=True)
class Proposal:
    """What a hint proposes in place of the value, or of the key if `is_key`; several entries take the place of one."""

    entries: tuple[str, ...]
    is_key: bool = False


def proposal(problem: Problem) -> Proposal | None:
    """The spelling in a hint; None for advice in words."""
    hint = problem.hint
    if several := re.match(r"split it into \d+ entries: (.+)|write one entry for each scheme: (.+)", hint):
        return Proposal(tuple((several[1] or several[2]).split(", ")))
    if listed := re.match(r"write it as a list: (\[.*\])", hint):
        return Proposal((listed[1],))
    if quoted := re.match(
        r'(?:write|put it in quotes[^:]*:|write it with braces:)(?: the \w+)? ("[^"]*")', hint
    ):
        return Proposal((quoted[1],))
    if meant := re.match(r'did you mean "?([^"?]+)"?\?', hint):
        return Proposal((meant[1],), is_key=problem.code == "schema.unknown_key")
    if regex := re.match(r"write (https://\S*)$", hint):
        return Proposal((regex[1],))
    if word := re.match(r"write (true|false|off|[A-Z]+|\d+)(?: without quotes.*| to .*)?$", hint):
        return Proposal((word[1],))
    return None


def with_proposal(text: str, problem: Problem, proposed: Proposal) -> str:
    lines = text.split("\n")
    line = lines[problem.line - 1]
    if line[problem.column - 1] == "'" and line.count("'") == 1:  # goes on until its closing quote
        while "'" not in lines[problem.line]:
            del lines[problem.line]
        del lines[problem.line]
    start = problem.column - 1
    value = line[start : start + problem.width]
    if "without regex" in problem.hint:
        whole = re.search(r"\{regex: .*\}|regex: .*", line)
        assert whole is not None
        return _replaced(lines, problem, *whole.span(), proposed.entries[0])
    if "regex:" in line and problem.code.startswith("allow_origins.regex"):
        start = (
            line.index("'", line.index("regex:")) if "'" in line else line.index("regex:") + len("regex: ")
        )
        end = line.index("'", start + 1) + 1 if "'" in line else len(line)
        return _replaced(lines, problem, start, end, f"'{proposed.entries[0]}'")
    if problem.code == "schema.syntax":
        value = re.match(r"[^\s,\]}]*", line[start:])[0]  # type: ignore[index]
    elif proposed.is_key:
        value = re.match(r"[\w-]+", line[start:])[0]  # type: ignore[index]
    before = line[:start]
    is_block_item = before.strip() == "-"
    separator = "\n" + before if is_block_item else ", "
    return _replaced(lines, problem, start, start + len(value), separator.join(proposed.entries))


def _replaced(lines: list[str], problem: Problem, start: int, end: int, new: str) -> str:
    line = lines[problem.line - 1]
    return "\n".join((*lines[: problem.line - 1], line[:start] + new + line[end:], *lines[problem.line :]))


def problems(directory: Path, text: str) -> tuple[Problem, ...]:
    file = directory / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, VARIABLES).problems


def wrong_texts() -> Iterator[str]:
    yield from (file.read_text() for file in sorted(BAD.glob("*.yaml")))
    yield from (case["yaml"] for case in yaml.safe_load(CONFORMANCE.read_text())["cases"])
    yield from WRITTEN


@pytest.mark.parametrize("text", list(wrong_texts()))
def test_what_a_hint_proposes_is_not_refused_again(text: str, tmp_path: Path) -> None:
    found = problems(tmp_path, text)
    for problem in found:
        proposed = proposal(problem)
        if proposed is None:
            continue

        after = problems(tmp_path, with_proposal(text, problem, proposed))

        new = Counter(each.message for each in after if each.is_error)
        old = Counter(each.message for each in found if each.is_error)
        assert problem.message not in new or new[problem.message] < old[problem.message], problem
        is_about_yaml = problem.code == "schema.syntax"
        assert is_about_yaml or not new - old, (problem, new - old)


@pytest.mark.parametrize("text", WRITTEN)
def test_every_slip_has_a_proposal(text: str, tmp_path: Path) -> None:
    assert any(proposal(problem) for problem in problems(tmp_path, text))


def test_a_slip_of_which_everything_is_known_loads_once_mended(tmp_path: Path) -> None:
    for text in WRITTEN:
        errors = [each for each in problems(tmp_path, text) if each.is_error]
        for _ in range(6):
            errors = [each for each in problems(tmp_path, text) if each.is_error]
            if not errors:
                break
            proposed = proposal(errors[0])
            assert proposed is not None, errors[0]
            text = with_proposal(text, errors[0], proposed)
        assert not errors, (text, errors)


def test_keys_that_are_not_indented_are_told_where_they_belong(tmp_path: Path) -> None:
    hints = {problem.path: problem.hint for problem in problems(tmp_path, UNINDENTED) if problem.is_error}

    assert hints["policies.app"] == "indent what belongs below it: allow_origins, allow_credentials"
    assert hints["policies.allow_origins"] == "indent allow_origins below the name it belongs to"
    assert hints["upstreams.backend"] == "indent what belongs below it: servers"

    mended = re.sub(r"^  (allow_\w+|servers):", r"    \1:", UNINDENTED, flags=re.MULTILINE)
    assert problems(tmp_path, mended) == ()
