"""No peer chooses how deep the calls go: nothing in this package calls itself, not even by way of others."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

MODULES = sorted(Path("cors_gateway/http1").glob("*.py"))


def calls(source: str) -> dict[str, set[str]]:
    """For each function and `Class.method` of a module those of the same module that it calls."""
    graph: dict[str, set[str]] = {}
    tree = ast.parse(source)
    owners = [("", tree.body)]
    owners += [(f"{node.name}.", node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    for prefix, body in owners:
        for function in body:
            if isinstance(function, ast.FunctionDef):
                graph[prefix + function.name] = {
                    name
                    for node in ast.walk(function)
                    if isinstance(node, ast.Name | ast.Attribute)
                    for name in [
                        node.id
                        if isinstance(node, ast.Name)
                        else prefix + node.attr
                        if isinstance(node.value, ast.Name) and node.value.id == "self"
                        else ""
                    ]
                }
    return {name: called & graph.keys() for name, called in graph.items()}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_nothing_calls_itself(module: Path) -> None:
    TopologicalSorter(calls(module.read_text())).prepare()


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    f()",
        "def f():\n    g()\ndef g():\n    return [f() for _ in ()]",
        "class C:\n    def f(self):\n        self.g()\n    def g(self):\n        self.f()",
    ],
)
def test_a_call_of_itself_would_be_found(source: str) -> None:
    with pytest.raises(CycleError):
        TopologicalSorter(calls(source)).prepare()
