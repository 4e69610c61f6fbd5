"""What is changed in a module, and that nothing else is."""

import pytest

from tests.mutations.edits import Mutation, Name, mutations
from tests.mutations.modules import SUBJECTS, Subject
from tests.mutations.run import ROOT
from tests.mutations.survivors import FILE, entries, explained, outdated


def found(source: str) -> list[Mutation]:
    return mutations(source.encode())


def changed(body: str) -> list[str]:
    """The statements of a function, one for each of its mutations."""
    start = "def f(a, b, c):\n    "
    source = f"{start}{body}\n"
    return [
        mutation.apply(source.encode()).decode().removeprefix(start).rstrip() for mutation in found(source)
    ]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("c[a < b]", {"c[a >= b]", "c[a <= b]", "pass"}),
        ("c[a is not b]", {"c[a is b]", "pass"}),
        ("c[a not  in b]", {"c[a in b]", "pass"}),
        ("c[(a)==(b)]", {"c[(a)!=(b)]", "pass"}),
        ("c[a and b]", {"c[a or b]", "c[True and b]", "c[a and True]", "pass"}),
        ("c[a or b]", {"c[a and b]", "c[False or b]", "c[a or False]", "pass"}),
        ("c[not a]", {"c[(a)]", "pass"}),
        ("a.b = 7", {"a.b = 8", "pass"}),
        ("a.b = True", {"a.b = False", "pass"}),
        ("a.b = b'x'", {"a.b = b\"~\" b'x'", "pass"}),
        ("a.b = 'é' < b", {"a.b = \"~\" 'é' < b", "a.b = 'é' >= b", "a.b = 'é' <= b", "pass"}),
        ("a.b = f'{c}'", {"a.b = \"~\" f'{c}'", "pass"}),
        ("a += c", {"pass"}),
        ("a = c", {"pass"}),
        ("x = c", set()),
        ("raise a", {"pass"}),
        ("return a", {"return None"}),
        ("return", set()),
        ("return None", set()),
        ("if a == b: a()", {"if True: a()", "if False: a()", "if a == b: pass"}),
        ("if x := a(): x()", {"if ((x := a()) or True): x()", "if ((x := a()) and False): x()", "if x := a(): pass"}),
        ("while a: a()", {"while False: a()", "while a: pass"}),
        ("a(b if c else b)", {"a(b if True else b)", "a(b if False else b)", "pass"}),
        ("a(*[b for b in c if b])", {"a(*[b for b in c if True])", "a(*[b for b in c if False])", "pass"}),
        ('"""Said, not done: 7."""', set()),
        ("a.b = 'A sentence.'", {"pass"}),
        ("a.b = c.decode('latin-1')", {"pass"}),
        ("import a", set()),
    ],
)  # fmt: skip
def test_a_statement_is_changed_piece_by_piece(statement: str, expected: set[str]) -> None:
    assert set(changed(statement)) == expected
    assert len(changed(statement)) == len(expected)


@pytest.mark.parametrize(
    "source",
    [
        "if TYPE_CHECKING:\n    x = 7\n",
        "class A(Protocol):\n    x = 7\n",
        "class A:\n    __slots__ = ('a',)\n",
        "__all__ = ['a']\n",
        "K = TypeVar('K')\n",
        "x: Literal[7]\n",
        "def f(a: Literal[7]) -> Literal[7]: ...\n",
        "@decorated(7)\ndef f(): ...\n",
    ],
)
def test_what_does_not_run_on_a_request_is_left_alone(source: str) -> None:
    assert [mutation for mutation in found(source) if "..." not in mutation.name.line] == []


def test_a_mutation_is_named_by_its_text_wherever_it_stands() -> None:
    text = "class A:\n    def f(self):\n        return self.x < 0, self.x < 0\n"
    names = [mutation.name for mutation in found(text)]
    assert names == [mutation.name for mutation in found(f"X = None\n\n\n{text}")]
    line = "return self.x < 0, self.x < 0"
    assert Name("A.f", line, "self.x < 0 → self.x <= 0") in names
    assert Name("A.f", line, "self.x < 0 → self.x <= 0 (2)") in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.path)
def test_every_mutation_of_the_fast_path_is_another_program(subject: Subject) -> None:
    source = (ROOT / subject.path).read_bytes()
    found = subject.mutations(source)
    assert set(subject.scopes) <= {mutation.name.scope for mutation in found}
    assert len({mutation.name for mutation in found}) == len(found) > 0
    assert [mutation.name for mutation in found if mutation.apply(source) == source] == []
    for mutation in found[::20]:
        compile(mutation.apply(source), mutation.name.change, "exec")


def test_the_tests_of_every_module_are_there() -> None:
    assert [test for subject in SUBJECTS for test in subject.tests if not (ROOT / test).is_file()] == []


def test_what_is_explained_belongs_to_the_fast_path() -> None:
    assert set(explained(FILE.read_text())) <= {subject.path for subject in SUBJECTS}


def test_survivors_are_written_as_they_are_read() -> None:
    names = [Name("A.f", "return a < b", f"a < b → a {other} b") for other in ("<=", ">=")]
    names.append(Name("", 'X = b"\\r\\n: #"', 'b"\\r\\n: #" → b"~" b"\\r\\n: #"'))
    text = entries("m.py", names)
    with pytest.raises(ValueError, match=r"m\.py: an entry needs"):
        explained(text)
    assert explained(text.replace("why: ''", "why: equivalent")) == {
        "m.py": dict.fromkeys(names, "equivalent")
    }


def test_an_explanation_is_outdated_when_its_line_is_gone_or_a_test_notices() -> None:
    kept, gone, noticed = (Name("f", line, "a → b") for line in ("kept", "gone", "noticed"))
    reasons = dict.fromkeys((kept, gone, noticed), "why")
    told = outdated(reasons, present=[kept, noticed], killed=[noticed])
    assert told == {gone: "the module has no such mutation", noticed: "a test notices it"}
