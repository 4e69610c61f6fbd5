"""Whatever the lines: the importer comes to an end, and what it writes is accepted."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cors_gateway.config.load import load
from cors_gateway.migrate.nginx.importer import import_nginx
from cors_gateway.migrate.report import render_json, render_text
from cors_gateway.migrate.write import write
from tests.migrate.case import cases


def _lines() -> list[str]:
    """The plain directives of all cases."""
    found: dict[str, None] = {}
    for case in cases():
        for line in case.file.read_text().splitlines():
            text = line.partition("#")[0].strip()
            is_whole = text.endswith(";") and text.count('"') % 2 == 0 and "{" not in text.replace("${", "")
            if is_whole and "include" not in text and "ssl" not in text:
                found[text] = None
    return list(found)


LINES = st.lists(st.sampled_from(_lines()), max_size=6).map("\n".join)
CONDITIONS = st.sampled_from(
    [
        "$request_method = OPTIONS",
        "$http_origin ~* ^https?://(.*\\.)?a\\.example$",
        '$http_origin !~ "^https://[a-z]+\\.b\\.example$"',
        "$cors = true",
        "$http_x_key != 7",
    ]
)
MATCHES = st.sampled_from(
    ["/", "/api", "/api/", "= /api", "^~ /static/", "~* \\.(js|css)$", "~ ^/(v1|v2)/", "~ /\\.", "@named"]
)


@st.composite
def locations(draw: st.DrawFn) -> str:
    branches = [
        f"if ({draw(CONDITIONS)}) {{ {draw(st.sampled_from(['return 204;', 'return 403;', 'set $cors true;', 'add_header X-Y z;']))} }}"
        for _ in range(draw(st.integers(0, 2)))
    ]
    return f"location {draw(MATCHES)} {{ {draw(LINES)}\n{' '.join(branches)}\n{draw(LINES)} }}"


@given(st.lists(st.tuples(LINES, st.lists(locations(), max_size=4)), min_size=1, max_size=2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_translated_to_something_valid(tmp_path: Path, servers: list[tuple[str, list[str]]]) -> None:
    text = "\n".join(f"server {{ {lines}\n{chr(10).join(parts)} }}" for lines, parts in servers)
    path = tmp_path / "any.conf"
    path.write_text(text)

    outcome = import_nginx([path])

    assert render_text(outcome, "any.conf")
    assert render_json(outcome, None)
    if not outcome.is_empty:
        (tmp_path / "gateway.yaml").write_text(write(outcome))
        problems = load(tmp_path / "gateway.yaml", {}).problems
        assert [problem for problem in problems if problem.severity == "error"] == [], text
