"""A path as the operator writes it: it is compared with canonical paths of requests, so only a canonical one can match."""

from cors_gateway.http1.paths import PathFault, resolve
from cors_gateway.policy.quoting import shown


def path_problem(text: str) -> tuple[str, str] | None:
    """What keeps a text from being a path, and what to write instead; None if nothing does."""
    if not text.startswith("/"):
        absolute = "/" + text.lstrip("^/")
        return (
            "does not begin with a slash",
            f"write {shown('/api/' if path_problem(absolute) else absolute)}",
        )
    for char, what in (("?", "has a query, which takes no part in routing"), ("#", "has a fragment")):
        if char in text:
            return what, f"write {shown(text.partition(char)[0])}"
    if "*" in text:
        return (
            "has a star; a path is a prefix and covers all below it",
            f"write {shown(text.partition('*')[0])}",
        )
    if not text.isascii():
        return "has characters that are percent-encoded in requests", f"write {shown(_encoded(text))}"
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
    return None if canonical == text else ("is not in canonical form", f'write "{canonical}"')


def _encoded(text: str) -> str:
    return "".join(
        char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in text
    )
