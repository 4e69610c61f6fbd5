"""Which lines of a module run: while it is imported, and in each test."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coverage import Coverage


@contextmanager
def lines_run(path: Path) -> Iterator[set[int]]:
    """The set holds, afterwards, the lines of the file that ran meanwhile, in any thread."""
    lines: set[int] = set()
    tracer = Coverage(data_file=None, config_file=False, include=[str(path)])
    tracer.set_option("run:disable_warnings", ["already-imported", "no-data-collected"])
    tracer.start()
    try:
        yield lines
    finally:
        tracer.stop()
        lines.update(tracer.get_data().lines(str(path)) or ())


def statements(source: bytes) -> dict[int, range]:
    """Each line of a text, with the lines of the innermost statement that it belongs to.

    Of a statement with a body only the head counts. A line outside of any statement is left out.
    """
    spans: dict[int, range] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            assert node.end_lineno is not None
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno
            span = range(node.lineno, last + 1)
            spans |= dict.fromkeys(span, span)
    return spans
