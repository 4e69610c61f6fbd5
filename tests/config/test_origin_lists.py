"""`origin_lists`, `{list: ...}` and `{split: ...}`: origins that several policies share, or that come from one variable."""

from pathlib import Path

import pytest

from cors_gateway.config.compile.effective import effective
from cors_gateway.config.load import load
from tests.config.written import load_text

ROUTES = """\
routes:
  - {name: a, path: /, upstream: http://b, cors: app}
"""


def file(entries: str, lists: str = "", more: str = "") -> str:
    return f"version: 1\n{lists}policies:\n  app: {{allow_origins: {entries}{more}}}\n{ROUTES}"


def origins_of(directory: Path, text: str, **environ: str) -> list[str]:
    loaded = load_text(directory, text, environ)
    assert loaded.snapshot is not None, loaded.problems
    return [pattern.text for pattern in loaded.snapshot.routes[0].policy.allow_origins]


LIST = "origin_lists:\n  ours:\n    - https://a.example\n    - {regex: 'https://b\\d\\.example'}\n    - {split: 'https://c.example,https://d.example'}\n"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("[{list: ours}]", ["https://a.example", r"https://b\d\.example", "https://c.example", "https://d.example"]),
        ("[https://x.example, {split: 'https://y.example'}]", ["https://x.example", "https://y.example"]),
        ("[{split: \" https://x.example ,,\\n\\thttps://*.y.example:*,\"}]", ["https://x.example", "https://*.y.example:*"]),
        ("[{split: '${ORIGINS}'}]", ["https://v.example", "https://w.example"]),
        ("[https://x.example, {split: '${UNSET:-}'}]", ["https://x.example"]),
    ],
)  # fmt: skip
def test_a_policy_allows_what_its_lists_hold(entries: str, expected: list[str], tmp_path: Path) -> None:
    text = file(entries, LIST if "list:" in entries else "")

    assert origins_of(tmp_path, text, ORIGINS="https://v.example https://w.example") == expected


def test_what_is_printed_is_what_the_lists_came_to(tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, file("[{list: ours}]", LIST)).snapshot
    assert snapshot is not None

    assert load_text(tmp_path, effective(snapshot)).snapshot == snapshot


def test_an_origin_knows_the_line_of_its_list(tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, file("[{list: ours}, https://x.example]", LIST)).snapshot
    assert snapshot is not None

    assert [place.line for place in snapshot.routes[0].origin_locations] == [4, 5, 6, 6, 8]


def test_lists_and_policies_may_stand_in_any_file(tmp_path: Path) -> None:
    (tmp_path / "lists.yaml").write_text("origin_lists: {ours: [https://a.example]}\n")
    (tmp_path / "policy.yaml").write_text(
        "origin_lists: {theirs: [https://b.example]}\npolicies: {app: {allow_origins: [{list: ours}, {list: theirs}]}}\n"
    )
    text = f"version: 1\ninclude: [lists.yaml, policy.yaml]\n{ROUTES}"

    assert origins_of(tmp_path, text) == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (file("[{list: our}]", LIST), ["origin_list.unknown policies.app.allow_origins[0].list"]),
        (file("[{list: ours}]"), ["origin_list.unknown policies.app.allow_origins[0].list"]),
        (file("[{list: ours}, https://x.example/]"), ["origin_list.unknown policies.app.allow_origins[0].list", "allow_origins.invalid policies.app.allow_origins[1]"]),
        (file("[https://x.example]", LIST), ["origin_list.unused origin_lists.ours"]),
        (file("[{list: ours}]", "origin_lists: {ours: [https://a.example/, https://b.example]}\n"), ["allow_origins.invalid origin_lists.ours[0]"]),
        (file("[{list: ours}]", "origin_lists: {ours: [http://a.example]}\n", ", allow_credentials: true"), ["allow_origins.insecure_credentials policies.app.allow_origins[0]"]),
        (file("[https://x.example, {list: ours}]", "origin_lists: {ours: ['*']}\n", ", allow_credentials: true"), ["allow_origins.wildcard_credentials policies.app.allow_origins[1]"]),
        (file("[{list: ours}]", "origin_lists: {ours: [{list: ours}]}\n"), ["schema.missing origin_lists.ours[0].regex", "schema.unknown_key origin_lists.ours[0].list"]),
        (file("[{list: ours}]", "origin_lists: {ours: [5]}\n"), ["schema.type origin_lists.ours[0]"]),
        (file("[{list: ours}]", "origin_lists: {ours: https://a.example}\n"), ["schema.type origin_lists.ours"]),
        (file("[{list: ours}]", "origin_lists: {ours: []}\n"), ["allow_origins.missing policies.app.allow_origins"]),
        (file("[{list: ours}]", "origin_lists: {'a b': []}\n"), ["name.invalid origin_lists[\"a b\"]", "origin_list.unknown policies.app.allow_origins[0].list"]),
        (file("[{lst: ours}]"), ["schema.missing policies.app.allow_origins[0].list", "schema.unknown_key policies.app.allow_origins[0].lst"]),
        (file("[{list: 5}]"), ["schema.type policies.app.allow_origins[0].list"]),
        (file("[{split: 5}]"), ["schema.type policies.app.allow_origins[0].split"]),
        (file("[{split: '${UNSET:-}'}]"), ["allow_origins.missing policies.app.allow_origins"]),
        (file("[{split: '${UNSET}'}]"), ["schema.interpolation policies.app.allow_origins[0].split"]),
        (file("['${UNSET:-}']"), ["schema.interpolation policies.app.allow_origins[0]"]),
        (file("[{split: 'https://a.example/ https://b.example:443'}]"), ["allow_origins.invalid policies.app.allow_origins[0]", "allow_origins.default_port policies.app.allow_origins[0]"]),
        (file("[{list: ours}, {list: ours}]", "origin_lists: {ours: [https://a.example]}\n"), ["allow_origins.duplicate policies.app.allow_origins[1]"]),
        (file("[{list: ours}], allow_methods: [TRACE], max_age: x"), ["origin_list.unknown policies.app.allow_origins[0].list", "allow_methods.forbidden policies.app.allow_methods[0]", "max_age.type policies.app.max_age"]),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_where_it_is_written(text: str, found: list[str], tmp_path: Path) -> None:
    problems = load_text(tmp_path, text).problems

    assert [f"{problem.code} {problem.path}" for problem in problems] == found


def test_the_same_list_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("origin_lists: {ours: [https://a.example]}\n")
    text = file("[{list: ours}]", LIST) + "include: [more.yaml]\n"

    assert [problem.code for problem in load_text(tmp_path, text).problems] == ["schema.duplicate_name"]


def test_a_list_in_a_file_that_cannot_be_read_is_not_unknown(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("origin_lists: {ours: [\n")
    (tmp_path / "gateway.yaml").write_text(file("[{list: ours}]") + "include: [more.yaml]\n")

    assert [problem.code for problem in load(tmp_path, {}).problems] == ["schema.syntax"]
