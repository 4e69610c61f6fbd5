"""Rules for header fields that a route edits and its policy has a say in.

What the gateway cannot deliver it does not grant: a script that may set a field expects that the backend gets it. And
what the policy writes on an answer has one place where it is decided.
"""

from collections.abc import Iterator, Sequence

from cors_gateway.config.lint.finding import Finding, Path
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.quoting import shown
from cors_gateway.snapshot import FieldEdits, Route


def lint_field_conflicts(routes: Sequence[Route]) -> Iterator[Finding]:
    """Check a whole table that is otherwise right. Paths of findings start at the document."""
    for at, route in enumerate(routes):
        policies = (route.policy, *(further.policy for further in route.further_policies))
        yield from _undelivered(("routes", at, "request_headers"), route.request_headers, policies)
        yield from _written_twice(("routes", at, "response_headers"), route.response_headers, policies)


def _undelivered(path: Path, edits: FieldEdits, policies: Sequence[Policy]) -> Iterator[Finding]:
    granted = {name for policy in policies for name in policy.allow_headers}
    for name, what, place in _edited(edits):
        if name in granted:
            message = f"{shown(name)} is in allow_headers of the policy, but this route {what} it"
            hint = "remove it from allow_headers, or from request_headers"
            yield Finding("warning", "request_headers.granted", message, hint, (*path, *place))


def _written_twice(path: Path, edits: FieldEdits, policies: Sequence[Policy]) -> Iterator[Finding]:
    managed = {
        "timing-allow-origin": any(policy.timing_allow_origin for policy in policies),
        "cross-origin-resource-policy": any(policy.cross_origin_resource_policy for policy in policies),
    }
    for name, _, place in _edited(edits):
        if managed.get(name):
            key = name.replace("-", "_")
            message = f"{shown(name)} is written by the policy: {key}"
            hint = f"remove it from response_headers, or {key} from the policy"
            yield Finding("error", "response_headers.forbidden", message, hint, (*path, *place))


def _edited(edits: FieldEdits) -> Iterator[tuple[str, str, Path]]:
    """Each name in lower case, what happens to the field, and where it is written."""
    for each in edits.set:
        yield each.name.lower(), "sets", ("set", each.name)
    for index, name in enumerate(edits.remove):
        yield name, "removes", ("remove", index)
