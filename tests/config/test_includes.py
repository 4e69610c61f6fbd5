"""Directories, files and what they include."""

import os
from pathlib import Path

import pytest

from cors_gateway.config.load import load
from tests.config.written import MINIMAL, codes

MAIN = """\
version: 1
include: [{include}]
routes:
  - {{name: main, path: /, upstream: http://127.0.0.1:9, cors: disabled}}
"""
TEAM = """\
upstreams:
  {name}: {{servers: [http://{name}:8000]}}
policies:
  {name}: {{allow_origins: [https://{name}.example.com]}}
routes:
  - {{name: {name}, path: /{name}, upstream: {name}, cors: {name}}}
tests:
  - {{origin: https://{name}.example.com, path: /{name}, expect: allow}}
"""


def write(directory: Path, include: str, **files: str) -> Path:
    """A directory with a main file, and files of `conf.d` by their stem."""
    (directory / "conf.d").mkdir()
    (directory / "gateway.yaml").write_text(MAIN.format(include=include))
    for name, text in files.items():
        (directory / "conf.d" / f"{name}.yaml").write_text(text)
    return directory


def team(name: str) -> str:
    return TEAM.format(name=name)


def test_a_directory_is_its_gateway_yaml(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(MINIMAL)
    (tmp_path / "other.yaml").write_text("not: looked at")

    assert load(tmp_path, {}).snapshot == load(tmp_path / "gateway.yaml", {}).snapshot is not None


def test_included_files_add_in_sorted_order(tmp_path: Path) -> None:
    snapshot = load(write(tmp_path, "conf.d/*.yaml", b=team("b"), a=team("a"), c=team("c")), {}).snapshot

    assert snapshot is not None
    assert [route.name for route in snapshot.routes] == ["main", "a", "b", "c"]
    assert list(snapshot.upstreams) == ["a", "b", "c", "http://127.0.0.1:9"]
    assert [test.path for test in snapshot.tests] == ["/a", "/b", "/c"]
    assert snapshot.routes[1].location is not None
    assert snapshot.routes[1].location.file == str(tmp_path / "conf.d" / "a.yaml")
    assert snapshot.files == tuple(
        str(tmp_path / name) for name in ("conf.d/a.yaml", "conf.d/b.yaml", "conf.d/c.yaml", "gateway.yaml")
    )


def test_a_file_is_included_once_and_the_main_file_not_at_all(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, "'*.yaml', conf.d/a.yaml, conf.d/*, ./conf.d/a.yaml", a=team("a")), {})

    assert loaded.problems == ()
    assert loaded.snapshot is not None
    assert [route.name for route in loaded.snapshot.routes] == ["main", "a"]


@pytest.mark.parametrize(
    ("include", "found"),
    [
        ("conf.d/absent.yaml", ["include.missing"]),
        ("conf.d/absent-*.yaml", ["include.empty"]),
        ("conf.d", ["include.missing"]),
        ("/nowhere/*.yaml", ["include.empty"]),
        ("''", ["include.missing"]),
        ('"a\\0"', ["include.missing"]),
        ('"a\\0/*"', ["include.empty"]),
        ("5", ["schema.type"]),
        ("null", ["schema.type"]),
        ("[conf.d/a.yaml]", ["schema.type"]),
    ],
)
def test_a_pattern_without_wildcard_must_name_a_file(include: str, found: list[str], tmp_path: Path) -> None:
    assert codes(load(write(tmp_path, include), {})) == found


def test_a_pattern_that_matches_nothing_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "gateway.yaml").write_text(MINIMAL + "include: [conf.d/*.yaml]\n")

    loaded = load(tmp_path, {})

    assert loaded.snapshot is not None
    assert [(problem.severity, problem.code) for problem in loaded.problems] == [("warning", "include.empty")]


@pytest.mark.parametrize("section", ["upstreams", "policies"])
def test_the_same_name_twice_names_both_places(section: str, tmp_path: Path) -> None:
    loaded = load(write(tmp_path, "conf.d/*", a=team("x"), b=team("x").partition("routes:")[0]), {})
    line = {"upstreams": 2, "policies": 4}[section]
    found = next(problem for problem in loaded.problems if problem.path == f"{section}.x")

    assert loaded.snapshot is None
    assert (found.code, found.file, found.line) == (
        "schema.duplicate_name",
        str(tmp_path / "conf.d" / "b.yaml"),
        line,
    )
    assert found.message == f'"x" is already defined at {tmp_path / "conf.d" / "a.yaml"}:{line}:3'


def test_two_routes_of_one_name_are_refused_wherever_they_are(tmp_path: Path) -> None:
    route = "routes:\n  - {name: main, path: /b, upstream: http://127.0.0.1:9, cors: disabled}\n"
    loaded = load(write(tmp_path, "conf.d/*", b=route), {})

    assert codes(loaded) == ["routes.duplicate"]
    assert loaded.problems[0].message == f'"main" is already defined at {tmp_path / "gateway.yaml"}:4:5'


def test_included_files_do_not_hold_what_belongs_in_the_main_file(tmp_path: Path) -> None:
    loaded = load(
        write(tmp_path, "conf.d/*", a="version: 1\nserver: {}\nadmin: off\ninclude: []\nrotues: []\n"), {}
    )

    assert [(problem.code, problem.path) for problem in loaded.problems] == [
        ("schema.unknown_key", "server"),
        ("schema.unknown_key", "admin"),
        ("schema.unknown_key", "include"),
        ("schema.unknown_key", "rotues"),
    ]


def test_names_cross_files(tmp_path: Path) -> None:
    files = team("a").partition("routes:")
    loaded = load(write(tmp_path, "conf.d/*", a=files[0], b="routes:" + files[2]), {})

    assert loaded.problems == ()


def test_problems_of_all_files_come_in_one_report(tmp_path: Path) -> None:
    loaded = load(
        write(
            tmp_path,
            "conf.d/*, nope.yaml",
            a="a: b: c",
            b="routes: 5",
            c=team("c").replace("cors: c", "cors: d"),
        ),
        {},
    )

    assert [(problem.file.removeprefix(str(tmp_path)), problem.code) for problem in loaded.problems] == [
        ("/gateway.yaml", "include.missing"),
        ("/conf.d/a.yaml", "schema.syntax"),
        ("/conf.d/b.yaml", "schema.type"),
    ]


def test_a_name_that_nobody_defines_is_no_finding_while_a_file_is_unreadable(tmp_path: Path) -> None:
    """It may be defined there."""
    unknown = team("c").replace("cors: c", "cors: d").replace("upstream: c", "upstream: d")
    loaded = load(write(tmp_path, "conf.d/*", a="a: b: c", c=unknown), {})
    mended = load(write(tmp_path / "conf.d", "conf.d/*", c=unknown), {})

    assert codes(loaded) == ["schema.syntax"]
    assert {"policy.unknown", "upstream.unknown"} <= set(codes(mended))


def test_routes_may_all_stand_in_included_files(tmp_path: Path) -> None:
    write(tmp_path, "", a=team("a"))
    (tmp_path / "gateway.yaml").write_text("version: 1\nroutes: []\ninclude: [conf.d/*.yaml]\n")

    assert load(tmp_path, {}).snapshot is not None


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, "file.missing", "no such file"),
        (b"", "file.empty", "the file holds no configuration"),
        (b"\xff\xfev\0e\0r\0", "file.encoding", "the file is not UTF-8 but looks like UTF-16 or UTF-32"),
        (b"v\0e\0r\0s\0", "file.encoding", "the file is not UTF-8 but looks like UTF-16 or UTF-32"),
        (b"version: 1\n# caf\xe9\n", "file.encoding", "the file is not UTF-8: byte 0xe9 on line 2"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "file.encoding", "character U+007F cannot stand in a YAML file"),
        (b"#" * (16 * 1024 * 1024 + 1), "file.too_large", "larger than 16,384 KiB"),
    ],
    ids=["missing", "empty", "UTF-16 with a mark", "UTF-16", "Latin-1", "no text", "too large"],
)
def test_a_file_that_cannot_be_read_is_one_clear_problem(
    content: bytes | None, code: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "gw.yaml"
    if content is not None:
        file.write_bytes(content)
    loaded = load(file, {})

    assert [(problem.code, problem.message, problem.file) for problem in loaded.problems] == [
        (code, message, str(file))
    ]
    assert loaded.files == (str(file),)


def test_a_directory_without_gateway_yaml_says_what_is_missing(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, {}).problems

    assert (problem.code, problem.file) == ("file.missing", str(tmp_path / "gateway.yaml"))
    assert problem.hint == "a configuration directory holds gateway.yaml"


def test_what_is_not_a_regular_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gateway.yaml")

    assert [problem.message for problem in load(tmp_path, {}).problems] == ["not a regular file"]
    assert codes(load(Path("/dev/zero"), {})) == ["file.unreadable"]
    assert codes(load(Path("a\0b"), {})) == ["file.unreadable"]
    assert codes(load(Path("a" * 300), {})) == ["file.unreadable"]


def test_the_fingerprint_follows_every_byte_that_was_read(tmp_path: Path) -> None:
    directory = write(tmp_path, "conf.d/*", a=team("a"))
    (tmp_path / "token").write_text("0123456789")
    (tmp_path / "gateway.yaml").write_text(
        MAIN.format(include="conf.d/*") + "admin: {token: '${file:token}'}\n"
    )
    seen = [load(directory, {}).fingerprint]
    for file in ("gateway.yaml", "conf.d/a.yaml", "token"):
        with (tmp_path / file).open("a") as open_file:
            open_file.write("\n")
        seen.append(load(directory, {}).fingerprint)
    (tmp_path / "conf.d" / "a.yaml").write_text("a: b: c")
    broken = load(directory, {})

    assert len({*seen, broken.fingerprint}) == 5
    assert load(directory, {}).fingerprint == broken.fingerprint
    assert broken.snapshot is None
    assert len(broken.files) == 3
