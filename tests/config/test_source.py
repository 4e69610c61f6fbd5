"""From text to a tree: what is refused while reading, and where everything stands."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.problems import Problem
from cors_gateway.config.syntax.interpolation import ReferenceFault, expander
from cors_gateway.config.syntax.source import MAX_DEPTH, MAX_NODES, parse
from cors_gateway.config.syntax.tree import Broken, Document, Mapping, Node, Scalar, Sequence
from tests.config.written import MINIMAL, codes, load_text, places

EXPAND = expander({}, lambda name: ReferenceFault(f"no file {name}", ""))


def read(text: str) -> tuple[Document | None, list[Problem]]:
    return parse(text, file="f.yaml", directory="/", expand=EXPAND)


def problems(text: str) -> list[tuple[str, int, int]]:
    return [(problem.code, problem.line, problem.column) for problem in read(text)[1]]


def plain(node: Node) -> object:
    if isinstance(node, Mapping):
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else node


def values(text: str) -> object:
    document, found = read(text)
    assert (found, document is not None) == ([], True)
    assert document is not None
    return plain(document.root)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 'y', \"z\"]\n", {"a": 1, "b": ["x", "y", "z"]}),
        ("a: yes\nb: 'true'\nc: true\n", {"a": "yes", "b": "true", "c": True}),
        ("on: 1\nnull: 2\n1: 3\n", {"on": 1, "null": 2, "1": 3}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a:\nb: ~\n", {"a": None, "b": None}),
        ("\ufeffa: 1\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ("--- {a: {}, b: []}", {"a": {}, "b": []}),
        (
            "a: https://*.example.com\nb: http://[::1]:9090\n",
            {"a": "https://*.example.com", "b": "http://[::1]:9090"},
        ),
        ("a: $$x\nb: '$$'\nc: a$\n", {"a": "$x", "b": "$", "c": "a$"}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
    ],
)
def test_a_document_has_these_values(text: str, value: object) -> None:
    assert values(text) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\na: 2\n", [("schema.duplicate_key", 2, 1)]),
        ("a: {b: 1, c: 2, b: 3}\n", [("schema.duplicate_key", 1, 17)]),
        ("a: 1\n'a': 2\n\"a\": 3\n", [("schema.duplicate_key", 2, 1), ("schema.duplicate_key", 3, 1)]),
        ("a: &x 1\nb: *x\n", [("schema.syntax", 1, 4), ("schema.syntax", 2, 4)]),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", [("schema.syntax", 1, 4), ("schema.syntax", 3, 3), ("schema.syntax", 3, 7)]),
        ("a: {<<: {b: 1}}\n", [("schema.syntax", 1, 5)]),
        ("a: !!str 1\nb: !x [1]\n", [("schema.syntax", 1, 4), ("schema.syntax", 2, 4)]),
        ("? [a, b]\n: 1\n", [("schema.syntax", 1, 3)]),
        ("? {a: b}\n: 1\nc: 2\n", [("schema.syntax", 1, 3)]),
        ("*a : 1\n", [("schema.syntax", 1, 1)]),
        ("a: 1\n---\nb: 2\n", [("schema.syntax", 2, 1)]),
        ("%YAML 1.1\n---\na: 1\n", [("schema.syntax", 1, 1)]),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", [("schema.syntax", 1, 1)]),
        ("a: [*]\n", [("schema.syntax", 1, 5)]),
        ("a:\n  - *\n", [("schema.syntax", 2, 5)]),
        ("a: [http://[::1]:9090]\n", [("schema.syntax", 1, 12)]),
        ("a: b: c\n", [("schema.syntax", 1, 5)]),
        ("\ta: 1\n", [("schema.syntax", 1, 1)]),
        ("a: [1, 2\nb: 3\n", [("schema.syntax", 2, 2)]),
        ('a: "b\n', [("schema.syntax", 1, 4)]),
        ("a: @b\n", [("schema.syntax", 1, 4)]),
        ("a: '${X}'\nb: x${Y}\n", [("schema.interpolation", 1, 4), ("schema.interpolation", 2, 4)]),
        ("", [("file.empty", 1, 1)]),
        ("# nothing\n", [("file.empty", 1, 1)]),
        ("---\n", [("file.empty", 1, 1)]),
        ("~\n", [("file.empty", 1, 1)]),
        ("- a\n", [("schema.type", 1, 1)]),
        ("text\n", [("schema.type", 1, 1)]),
        ("!!map {}\n", [("schema.syntax", 1, 1)]),
        ("a: b\0c\n", [("file.encoding", 1, 5)]),
        ("a: 1\nb: \x1b[31m\n", [("file.encoding", 2, 4)]),
    ],
)  # fmt: skip
def test_what_has_more_than_one_reading_is_a_problem(text: str, found: list[tuple[str, int, int]]) -> None:
    assert problems(text) == found


def test_the_first_of_two_equal_keys_is_kept_and_the_rest_is_still_read() -> None:
    document, _ = read("a: 1\na: {b: &x 2}\nc: 3\n")

    assert document is not None
    assert plain(document.root) == {"a": 1, "c": 3}


def test_a_broken_value_does_not_hide_its_neighbours() -> None:
    document, _ = read("a: [1, *x, 3]\n")

    assert document is not None
    assert [isinstance(item, Broken) for item in document.root.entries["a"][1].items] == [False, True, False]  # type: ignore[union-attr]


def test_depth_is_bounded_before_anything_is_built() -> None:
    assert problems(f"a: {'[' * (MAX_DEPTH - 1)}{']' * (MAX_DEPTH - 1)}\n") == []
    assert problems(f"a: {'[' * MAX_DEPTH}{']' * MAX_DEPTH}\n") == [("schema.syntax", 1, MAX_DEPTH + 3)]
    assert problems("[" * 100_000)[0][0] == "schema.syntax"
    assert problems("{a: " * 100_000)[0][0] == "schema.syntax"


def test_the_number_of_values_is_bounded() -> None:
    """Keys count, and the mapping or list itself."""
    outcomes = [
        [
            problem.message
            for problem in parse("a: [1, 2, 3]", file="f", directory="/", expand=EXPAND, max_nodes=limit)[1]
        ]
        for limit in (6, 5)
    ]

    assert outcomes == [[], ["more than 5 values in one file"]]
    assert MAX_NODES > 4 * 100_000


def test_a_hundred_thousand_origins_are_within_the_bounds() -> None:
    document, found = read(
        "a:\n" + "".join(f"  - https://t{number}.example.com\n" for number in range(100_000))
    )

    assert found == []
    assert document is not None
    assert document.mark(("a", 99_999))[:2] == (100_001, 5)


@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    document, found = read(text)

    assert document is not None or found


@given(st.text(alphabet="ab:-[]{}\"'#&*!|>%@`?,$ \n\t<", max_size=60))
def test_no_punctuation_makes_it_raise(text: str) -> None:
    document, found = read(text)

    assert document is not None or found


# References are filled in in values only, so a dollar sign in a key would stay doubled.
KEYS = st.text(st.characters(exclude_characters="$", categories=None, exclude_categories=["Cs"]), max_size=5)


@given(
    st.recursive(
        st.text(max_size=8) | st.integers() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_is_read_as_what_it_is(value: object) -> None:
    """JSON is YAML, so another writer can say what this reader should see."""
    text = yaml.safe_dump({"a": value}, default_style='"', allow_unicode=False)
    document, found = read(text.replace("$", "$$"))

    assert "!!" in text or (found, plain(document.root) if document else None) == ([], {"a": value})


POSITIONS = """\
version: 1
policies:
  app:
    allow_origins: [https://a.example.com,
      https://b.example.com]
    max_age: 600
routes:
  - name: r
    cors: {allow_origins: ["*"]}
  - {name: "ü", path: /x}
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("version",), (1, 10)),
        (("policies",), (2, 1)),
        (("policies", "app"), (3, 3)),
        (("policies", "app", "allow_origins"), (4, 5)),
        (("policies", "app", "allow_origins", 1), (5, 7)),
        (("policies", "app", "max_age"), (6, 14)),
        (("policies", "app", "absent"), (3, 3)),
        (("policies", "other", "max_age"), (2, 1)),
        (("routes", 0), (8, 5)),
        (("routes", 0, "cors"), (9, 5)),
        (("routes", 0, "cors", "allow_origins", 0), (9, 28)),
        (("routes", 1, "path"), (10, 23)),
        (("routes", 7), (7, 1)),
        (("absent",), (1, 1)),
    ],
)
def test_a_path_leads_to_its_place(path: tuple[str | int, ...], place: tuple[int, int]) -> None:
    """Containers stand at their key; what is absent stands at what should hold it."""
    document, _ = read(POSITIONS)

    assert document is not None
    assert document.mark(path)[:2] == place


def test_keys_and_items_have_places_of_their_own() -> None:
    document, _ = read(POSITIONS)

    assert document is not None
    assert document.key_mark(("policies", "app", "max_age"))[:2] == (6, 5)
    assert document.key_mark(("routes", 1))[:2] == (10, 5)
    items = document.item_locations(("policies", "app", "allow_origins"))
    assert [str(location) for location in items] == ["f.yaml:4:21", "f.yaml:5:7"]
    assert list(document.item_locations(("version",))) == []


def test_places_are_the_same_with_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = MINIMAL + "extra: 1\n"
    usual = load_text(tmp_path, text)
    (tmp_path / "gateway.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    odd = load_text(tmp_path, (tmp_path / "gateway.yaml").read_bytes().decode())

    assert codes(usual) == codes(odd) == ["schema.unknown_key"]
    assert places(usual) == places(odd) == [(4, 1, "extra")]
