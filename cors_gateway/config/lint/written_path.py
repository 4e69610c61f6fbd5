"""A path as the operator writes it: it is compared with canonical paths of requests, so only a canonical one can match."""

import re

from cors_gateway.http1.paths import PathFault, resolve
from cors_gateway.policy.quoting import shown

_ANYTHING = "/"
_URL = re.compile(r"[a-z]+://[^/]*(/.*)?", re.DOTALL)
_EXPRESSION = re.compile(r"(?:[~=^][~*]?\s*)+(/.*)", re.DOTALL)
"""A location of another proxy: what makes an expression of it stands before the slash."""
_META = re.compile(r"\.[*+?]|[\[\](){}|\\*+?$^]")


def path_problem(text: str) -> tuple[str, str] | None:
    """What keeps a text from being a path, and what to write instead; None if nothing does."""
    if not text.startswith("/"):
        return _problem_without_slash(text)
    for char, what in (("?", "has a query, which takes no part in routing"), ("#", "has a fragment")):
        if char in text:
            return what, _advice(text.partition(char)[0])
    if "*" in text:
        return "has a star; a path is a prefix and covers all below it", _advice(text.partition("*")[0])
    if not text.isascii():
        return "has characters that are percent-encoded in requests", _advice(_encoded(text))
    try:
        readings = resolve(text.encode("ascii"))
    except PathFault as fault:
        return f"can match no request: {fault}", "write the path as requests have it after normalisation"
    canonical = readings[0].decode("ascii")
    if len(readings) > 1:
        return (
            "can be read in more than one way",
            "write a path without empty segments, ';' or encoded delimiters",
        )
    return None if canonical == text else ("is not in canonical form", _advice(canonical))


def _problem_without_slash(text: str) -> tuple[str, str]:
    url = _URL.fullmatch(text)
    if url is not None:
        return "has more than a path", _advice(url[1] or _ANYTHING)
    location = _EXPRESSION.fullmatch(text)
    if location is None:
        return "does not begin with a slash", _advice("/" + text.lstrip("^/"))
    path = location[1]
    first = _META.search(path.removesuffix("$"))
    if first is None:
        return "does not begin with a slash", _advice(path.removesuffix("$"))
    literal = path[: first.start()]
    advice = _advice(literal[: literal.rfind("/") + 1])
    return (
        "is an expression; a path is a prefix and covers all below it",
        f"{advice}, or one route for each path",
    )


def _advice(path: str) -> str:
    """Propose a path, if it is one."""
    problem = path_problem(path)
    if problem is None:
        return f"write {shown(path)}"
    return (
        problem[1]
        if problem[1].startswith('write "')
        else f"write {shown(_ANYTHING)}, or a path such as /api/"
    )


def _encoded(text: str) -> str:
    return "".join(
        char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in text
    )
