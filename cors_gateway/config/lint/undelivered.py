"""Warns of grants that come to nothing because of what the route does to header fields.

What the gateway cannot deliver it does not grant: a script that may set a field expects that the backend gets it.
"""

from collections.abc import Iterator, Sequence

from cors_gateway.config.lint.finding import Finding
from cors_gateway.policy.quoting import shown
from cors_gateway.snapshot import Route


def lint_undelivered(routes: Sequence[Route]) -> Iterator[Finding]:
    """Check a whole table that is otherwise right. Paths of findings start at the document."""
    for at, route in enumerate(routes):
        granted = {
            name
            for policy in (route.policy, *(further.policy for further in route.further_policies))
            for name in policy.allow_headers
        }
        for index, name in enumerate(route.request_headers.remove):
            if name in granted:
                what = f"{shown(name)} is in allow_headers of the policy, but this route removes it"
                yield _finding(what, ("routes", at, "request_headers", "remove", index))
        for each in route.request_headers.set:
            if each.name.lower() in granted:
                what = (
                    f"{shown(each.name)} is in allow_headers of the policy, but this route sets another value"
                )
                yield _finding(what, ("routes", at, "request_headers", "set", each.name))


def _finding(what: str, path: tuple[str | int, ...]) -> Finding:
    hint = "remove it from allow_headers, or from request_headers"
    return Finding("warning", "request_headers.granted", what, hint, path)
