"""What differs between two forms of one route apart from its policy: which requests it gets and what it does with them.

Values of header fields may be secrets: a phrase names the field, never its value.
"""

from collections.abc import Collection, Iterator

from cors_gateway.policy.policy import Mode
from cors_gateway.snapshot import FieldEdits, Redirect, Refusal, Route


def route_phrases(old: Route, new: Route) -> Iterator[str]:
    """Phrases such as `path was /a, is /b`."""
    yield from _change("hosts", " ".join(old.hosts) or "any", " ".join(new.hosts) or "any", "were")
    yield from _change("path", old.path, new.path)
    yield from _change("match", _match(old), _match(new))
    yield from _change("extensions", _listed(old.extensions), _listed(new.extensions), "were")
    yield from _change("upstream", old.upstream or "none", new.upstream or "none")
    yield from _change("answer", _answer(old), _answer(new))
    yield from _change("replace_prefix", old.replace_prefix or "none", new.replace_prefix or "none")
    yield from _change("methods", _listed(old.methods), _listed(new.methods), "were")
    if old.further_policies or new.further_policies:
        yield from _change("cors", _policy_names(old), _policy_names(new))
    yield from _field_changes("request_headers", old.request_headers, new.request_headers)
    yield from _field_changes("response_headers", old.response_headers, new.response_headers)
    if old.cookies != new.cookies:
        yield "cookies changed"
    yield from _change("limits.request_body", _limit(old), _limit(new))


def _change(what: str, before: str, after: str, verb: str = "was") -> Iterator[str]:
    if before != after:
        yield f"{what} {verb} {before}, {'are' if verb == 'were' else 'is'} {after}"


def _field_changes(direction: str, old: FieldEdits, new: FieldEdits) -> Iterator[str]:
    """Fields by name: what is set or removed now, what is not any more, and whose value is another."""
    before, after = _edits(old), _edits(new)
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield f"{direction} leaves {name} alone"
        elif before.get(name) != after[name]:
            yield f"{direction} {'removes' if after[name] is None else 'sets'} {name}"


def _edits(edits: FieldEdits) -> dict[str, str | None]:
    """By lower-case name the value that is set, None for a field that is removed."""
    removed: dict[str, str | None] = dict.fromkeys(edits.remove)
    return removed | {each.name.lower(): each.value for each in edits.set}


def _policy_names(route: Route) -> str:
    """Those that are asked, in order."""
    first = route.policy_name or (
        "a policy of its own" if route.policy.mode is Mode.ENFORCE else route.policy.mode
    )
    return ", ".join((first, *(each.name or "" for each in route.further_policies)))


def _match(route: Route) -> str:
    return "exact" if route.is_exact else "prefix"


def _answer(route: Route) -> str:
    match route.answer:
        case Redirect(to, status):
            return f"{status} to {to or '/'}"
        case Refusal(status):
            return str(status)
        case None:
            return "the upstream's"


def _limit(route: Route) -> str:
    if route.request_body is None:
        return "the server's"
    return f"{route.request_body} bytes" if route.request_body else "unlimited"


def _listed(names: Collection[str] | None) -> str:
    return "any" if names is None else " ".join(sorted(names))
