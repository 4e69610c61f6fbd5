"""From the text of a module to its mutations. Pure: nothing is written or run here.

A mutation replaces a span of the text and leaves every other byte alone. It is named by the function, the line and the
expression that it changes, not by numbers, so that its name outlives edits elsewhere in the module.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

_NEGATED = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_BOUNDARY = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}
_OPERATOR = re.compile(r"is\s+not\b|is\b|not\s+in\b|in\b|[=!<>]=|[<>]")

_ENCODINGS = frozenset({"ascii", "latin-1", "utf-8"})
"""Python reads over a sign before such a name, so that there is nothing to notice."""

_ELSEWHERE = (ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)


class Name(NamedTuple):
    """What a mutation is called in reports and in `survivors.yaml`."""

    scope: str
    """The function or class around it, with dots; empty at the top of the module."""
    line: str
    """The line of the module on which the change begins, without its indentation."""
    change: str
    """`before → after`, with a number if the line and the scope have several that read the same."""


class Mutation(NamedTuple):
    """One change of a module."""

    name: Name
    start: int
    end: int
    replacement: bytes

    def apply(self, source: bytes) -> bytes:
        """The module with this change; `source` is the text that it was found in."""
        return source[: self.start] + self.replacement + source[self.end :]


def mutations(source: bytes) -> list[Mutation]:
    """All mutations of a module, in the order of its text."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    times: Counter[Name] = Counter()
    found = []
    for mutation in sorted(finder.found, key=lambda mutation: (mutation.start, mutation.end)):
        name = mutation.name
        times[name] += 1
        if times[name] > 1:
            name = name._replace(change=f"{name.change} ({times[name]})")
        found.append(mutation._replace(name=name))
    return found


class _Finder(ast.NodeVisitor):
    """Walks over what runs; annotations, docstrings, imports and decorators are no behaviour to test."""

    def __init__(self, source: bytes) -> None:
        self.found: list[Mutation] = []
        self._source = source
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._scopes: list[str] = []
        self._forced: set[ast.expr] = set()
        self._bound: Counter[str] = Counter()
        """How often the function in hand gives each local name a value."""

    # -- scopes --------------------------------------------------------------------------------------------------

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if not any(
            isinstance(base, ast.Name) and base.id in {"Protocol", "TypedDict"} for base in node.bases
        ):
            self._enter(node.name, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        bound, self._bound = self._bound, _local_names(node)
        self._enter(node.name, node.body)
        self._bound = bound

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def _enter(self, name: str, body: list[ast.stmt]) -> None:
        self._scopes.append(name)
        for statement in body:
            self.visit(statement)
        self._scopes.pop()

    # -- statements ----------------------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, _ELSEWHERE):
            return
        if isinstance(node, ast.stmt) and self._bound:
            self._remove(node)
        super().visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        is_declaration = isinstance(target, ast.Name) and (
            target.id in {"__all__", "__slots__"}
            or (isinstance(node.value, ast.Call) and _word(node.value.func) == "TypeVar")
        )
        if not is_declaration:
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        if _word(node.test) != "TYPE_CHECKING":
            self._force(node.test)
            self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._change(node.test, "False", before=f"while {self._text(node.test)}")
        self.generic_visit(node)

    def _remove(self, node: ast.stmt) -> None:
        """The statement does not happen. A name that would then have no value at all is left alone."""
        if isinstance(node, ast.Return):
            if node.value is not None and self._text(node.value) != "None":
                self._change(node.value, "None", before=f"return {self._text(node.value)}")
            return
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        counts = any(
            self._bound[name.id] > 1 if isinstance(name, ast.Name) else True
            for target in targets
            for name in (target.elts if isinstance(target, ast.Tuple) else [target])
        )
        is_act = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield)
        if (
            counts
            or is_act
            or isinstance(node, ast.AugAssign | ast.Raise | ast.Delete | ast.Continue | ast.Break)
        ):
            self._change(node, "pass")

    # -- expressions ---------------------------------------------------------------------------------------------

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._force(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self._force(condition)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            gap = slice(self._end(left), self._start(right))
            match = _OPERATOR.search(self._source[gap].decode())
            assert match is not None
            for table in (_NEGATED, _BOUNDARY):
                # A condition that is forced both ways need not be negated too.
                if type(operator) in table and not (table is _NEGATED and node in self._forced):
                    start = gap.start + match.start()
                    end = gap.start + match.end()
                    self._change(node, table[type(operator)], start=start, end=end)
            left = right
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Each operand is left out: it no longer decides anything."""
        neutral = "True" if isinstance(node.op, ast.And) else "False"
        for operand in node.values:
            self._change(operand, self._settled(operand, neutral))
        other = "or" if isinstance(node.op, ast.And) else "and"
        for left, right in zip(node.values, node.values[1:], strict=False):
            gap = self._source[self._end(left) : self._start(right)]
            at = self._end(left) + gap.index(b"or" if other == "and" else b"and")
            length = len("or" if other == "and" else "and")
            self._change(node, other, start=at, end=at + length)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._change(node, f"({self._text(node.operand)})", after=self._text(node.operand))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value, text = node.value, self._text(node)
        if isinstance(value, bool):
            self._change(node, str(not value))
        elif isinstance(value, int | float):
            self._change(node, str(value + 1))
        elif isinstance(value, bytes) or (
            isinstance(value, str) and " " not in value and value not in _ENCODINGS
        ):
            # A sentence is for people: no test should hold its wording.
            # Literals beside each other are one: the text itself stays as it is written.
            self._change(node, f'{"b" if isinstance(value, bytes) else ""}"~" {text}')

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """As a whole: what is written inside has no position of its own before Python 3.12."""
        self._change(node, f'"~" {self._text(node)}')

    # -- text ----------------------------------------------------------------------------------------------------

    def _force(self, test: ast.expr) -> None:
        self._forced.add(test)
        for value in ("True", "False"):
            if self._text(test) != value:
                self._change(test, self._settled(test, value), before=f"if {self._text(test)}", after=value)

    def _settled(self, test: ast.expr, value: str) -> str:
        """A condition that always comes to `value`; names that it gives a value keep getting it."""
        if any(isinstance(inner, ast.NamedExpr) for inner in ast.walk(test)):
            return f"(({self._text(test)}) {'or' if value == 'True' else 'and'} {value})"
        return value

    def _change(
        self,
        node: ast.stmt | ast.expr,
        replacement: str,
        *,
        before: str | None = None,
        after: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> None:
        """Put down a change of a node, or of the part of it from `start` to `end`."""
        first, last = self._start(node), self._end(node)
        start = first if start is None else start
        end = last if end is None else end
        whole = self._source[first:start].decode() + replacement + self._source[end:last].decode()
        change = f"{before or self._text(node)} → {after or whole}"
        at = self._source.count(b"\n", 0, start)
        name = Name(".".join(self._scopes), self._lines[at].decode().strip(), " ".join(change.split()))
        self.found.append(Mutation(name, start, end, replacement.encode()))

    def _start(self, node: ast.stmt | ast.expr) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.stmt | ast.expr) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.stmt | ast.expr) -> str:
        return self._source[self._start(node) : self._end(node)].decode()


def _local_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Counter[str]:
    """How often each name of a function gets a value; its parameters have one from the beginning."""
    return Counter(_names_bound(function))


def _names_bound(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    yield function.name
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from [*node.names, *node.names]


def _word(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
