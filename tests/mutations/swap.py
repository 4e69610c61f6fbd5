"""Gives the functions of a module the code of a changed text, while the module stays imported.

What ran when it was imported stays as it was: constants, defaults, the bodies of classes. Who needs those changed has to
import it anew.
"""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

_Key = tuple[str, int]
"""The qualified name of a function, and the how manyth of that name it is."""


class CannotSwap(Exception):
    """The changed text is no Python, or a function closes over other names in it."""


def functions_of(path: Path) -> list[FunctionType]:
    """All functions in memory that were made from this file."""
    return [
        each
        for each in gc.get_objects()
        if type(each) is FunctionType and each.__code__.co_filename == str(path)
    ]


def swap(functions: Iterable[FunctionType], path: Path, before: bytes, after: bytes) -> None:
    """Functions that were made from `before`, the text of a file, run from now on as `after` has them.

    Raises CannotSwap.
    """
    try:
        changed = dict(_functions(compile(after, path, "exec")))
    except (SyntaxError, ValueError) as fault:
        raise CannotSwap(str(fault)) from fault
    keys = {_place(code): key for key, code in _functions(compile(before, path, "exec"))}
    for each in functions:
        code = changed.get(keys[_place(each.__code__)])
        if code is not None:
            try:
                each.__code__ = code
            except ValueError as fault:
                raise CannotSwap(str(fault)) from fault


def _functions(module: CodeType) -> Iterator[tuple[_Key, CodeType]]:
    """All functions of a module with their keys, those within functions too."""
    times: Counter[str] = Counter()
    waiting = [module]
    while waiting:
        code = waiting.pop()
        waiting.extend(each for each in code.co_consts if isinstance(each, CodeType))
        yield (code.co_qualname, times[code.co_qualname]), code
        times[code.co_qualname] += 1


def _place(code: CodeType) -> tuple[Any, ...]:
    """Where a function stands in the text: no other stands there."""
    return code.co_qualname, *code.co_positions()
