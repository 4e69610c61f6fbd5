"""The one door to the regular-expression engine for origins: RE2, linear in the length of the value.

Python's `re` is never used for an operator's expression: a browser's visitor chooses the value it runs on, and a
backtracking engine can be made to spin (CWE-1333). RE2 is an optional extra, so it is imported when first needed.
"""

from collections.abc import Callable

INSTALL_HINT = "pip install 'cors-gateway[regex]'"


class RegexUnavailableError(RuntimeError):
    """The RE2 binding is not installed."""


class RegexInvalidError(ValueError):
    """RE2 does not accept the expression."""


def compile_regex(expression: str) -> Callable[[bytes], bool]:
    """A test for "the whole value matches"; the expression counts as one group, whatever alternatives it has.

    Raises `RegexUnavailableError` or `RegexInvalidError`.
    """
    try:
        import re2
    except ImportError as error:
        raise RegexUnavailableError(f"regex origins need the RE2 engine: {INSTALL_HINT}") from error
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(expression.encode("utf-8", "surrogatepass"), options)
    except re2.error as error:
        raise RegexInvalidError(_text(error)) from error
    # It would keep the last 128 expressions, with up to 8 MiB each of what they learnt from the values they ran on.
    re2.purge()

    def matches(value: bytes) -> bool:
        return compiled.fullmatch(value) is not None

    return matches


def _text(error: Exception) -> str:
    detail = error.args[0] if error.args else ""
    return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
