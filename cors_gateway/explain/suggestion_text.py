"""Suggestions as YAML to copy from, with what speaks for and against each value in comments; and as plain values."""

import json
import re
from collections.abc import Iterator, Sequence

from cors_gateway.explain.sentences import place
from cors_gateway.explain.suggestion import LeftOut, Refusal, Suggestion, Suggestions, Value
from cors_gateway.policy.reason import Kind

Json = dict[str, object]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*)?")
_WORDS = frozenset({"null", "true", "false"})
_FLAGS = "dangerously_"
_MOST_EXAMPLES = 3


def render_yaml(found: Suggestions, source: str) -> str:
    """Comments and keys; `source` says where the refusals come from."""
    lines = [f"# {_sentence(found, source)}"]
    by_policy: dict[str, list[Suggestion]] = {}
    for suggestion in found.suggestions:
        if suggestion.policy is not None:
            by_policy.setdefault(suggestion.policy, []).append(suggestion)
    if by_policy:
        lines.append("policies:")
        for name, suggestions in by_policy.items():
            lines.append(f"  {_scalar(name)}:")
            consequences = dict.fromkeys(text for each in suggestions for text in each.consequences)
            lines += [f"    # mind: {text}" for text in consequences]
            lines += [f"    {line}" for each in suggestions for line in _key(each)]
    lines += _routes([each for each in found.suggestions if each.policy is None])
    if found.left_out:
        lines += ["", "# Left out; --origin ORIGIN asks for one of them by name:"]
        lines += [f"# {line}" for each in found.left_out for line in _left_out(each)]
    return "\n".join(map(_visible, lines)) + "\n"


def suggestions_document(found: Suggestions, source: str) -> Json:
    return {
        "source": source,
        "allowed_now": found.allowed_now,
        "suggestions": [
            {
                "policy": each.policy,
                "route": each.route,
                "key": each.key,
                "action": "add" if each.is_added else "set",
                "values": [
                    {"value": value.text, "count": value.count, "warnings": list(value.warnings)}
                    for value in each.values
                ],
                "consequences": list(each.consequences),
                "file": None if each.location is None else each.location.file,
                "line": None if each.location is None else each.location.line,
            }
            for each in found.suggestions
        ],
        "left_out": [
            {
                "origin": each.refusal.origin,
                "reason": each.refusal.reason,
                "count": each.refusal.count,
                "route": each.route,
                "why": list(each.why),
            }
            for each in found.left_out
        ],
    }


def _sentence(found: Suggestions, source: str) -> str:
    now = f"; {found.allowed_now} requests would pass by now" if found.allowed_now else ""
    if not found.suggestions:
        return f"{source}: nothing to add{now}"
    return f"{source}: add what is yours, leave what is not{now}"


def _routes(suggestions: Sequence[Suggestion]) -> Iterator[str]:
    by_route: dict[str, list[Suggestion]] = {}
    for suggestion in suggestions:
        by_route.setdefault(suggestion.route, []).append(suggestion)
    if by_route:
        yield "routes:"
    for name, of_route in by_route.items():
        yield f"  - name: {_scalar(name)}"
        own = [each for each in of_route if each.key in ("cors", "methods")]
        for each in own:
            yield from (f"    {line}" for line in _key(each))
        if len(own) < len(of_route):
            yield "    cors:"
        for each in of_route:
            if each not in own:
                yield from (f"      {line}" for line in _key(each))


def _key(suggestion: Suggestion) -> Iterator[str]:
    """A key with its values, each on a line of its own with a comment."""
    if suggestion.key == "cors" or suggestion.key.startswith(_FLAGS):
        for number, value in enumerate(suggestion.values):
            text = value.text if value.text.startswith("{") else _scalar(value.text, is_flag=True)
            yield from _told(f"{'# or ' if number else ''}{suggestion.key}: {text}", value)
        return
    action = "add to what is there" if suggestion.is_added else "the whole list"
    yield f"{suggestion.key}:  # {action}{place(suggestion.location)}"
    for value in suggestion.values:
        yield from (f"  {line}" for line in _told(f"- {_scalar(value.text)}", value))


def _told(line: str, value: Value) -> Iterator[str]:
    """What speaks against it above, how often and by what it was asked for behind."""
    yield from (f"# careful: {warning}" for warning in value.warnings)
    about = dict.fromkeys(_what(refusal) for refusal in value.refusals)
    shown = list(about)[:_MOST_EXAMPLES]
    more = f", {len(about) - len(shown)} more" if len(about) > len(shown) else ""
    yield f"{line}  # {value.count} x, last {', '.join(shown)}{more}" if shown else line


def _what(refusal: Refusal) -> str:
    method = refusal.method or ("preflight" if refusal.kind == Kind.PREFLIGHT else "")
    return " ".join(filter(None, (method, refusal.path)))


def _left_out(left_out: LeftOut) -> Iterator[str]:
    refusal = left_out.refusal
    route = f" on route {left_out.route}" if left_out.route else ""
    yield f"  {refusal.origin}{route}, {refusal.count} x {refusal.reason}, last {_what(refusal)}"
    yield from (f"    {why}" for why in left_out.why)


def _scalar(text: str, *, is_flag: bool = False) -> str:
    """Text as YAML: plain where that is certain to be read as the same text."""
    is_plain = _PLAIN.fullmatch(text) is not None and (is_flag or text.lower() not in _WORDS)
    return text if is_plain else json.dumps(text)


def _visible(line: str) -> str:
    """No text of a client's can end a comment."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in line)
