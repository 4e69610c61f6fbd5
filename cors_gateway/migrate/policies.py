"""A policy out of what headers say: names that mean something to a browser, values that `check` accepts.

The rules of the gateway's own lint decide: what they call an error, or needless, is left out.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cors_gateway.config.lint.policy_rules import lint_policy
from cors_gateway.config.written_policy import RegexEntry, WrittenPolicy
from cors_gateway.migrate.outcome import Policy
from cors_gateway.policy.fetch import is_token, normalise_method

MAX_AGE = 86_400
_LISTS = ("allow_origins", "allow_methods", "allow_headers", "expose_headers")
_NEEDLESS = (".safelisted", ".redundant", ".duplicate", ".options", ".prohibited", ".forbidden", ".invalid")


def tokens(values: Iterable[str]) -> tuple[str, ...]:
    """The names of comma-separated values, each once, whatever its letter case."""
    found: dict[str, str] = {}
    for value in values:
        for name in re.split(r"[\s,;]+", value):
            if is_token(name):
                found.setdefault(name.lower(), name)
    return tuple(found.values())


def method_names(values: Iterable[str]) -> tuple[str, ...] | None:
    """Methods of Allow-Methods without OPTIONS; None if none is left."""
    names = [normalise_method(name) for name in tokens(values)]
    names = [name.upper() if name.islower() else name for name in names]
    kept = tuple(dict.fromkeys(name for name in names if name != "OPTIONS"))
    return ("*",) if "*" in kept else kept or None


def header_names(values: Iterable[str], *, repeats_any: bool = False) -> tuple[str, ...] | None:
    """Names of Allow-Headers. A star stands for all of them; so does repeating what was asked for, Authorization included."""
    names = tokens(values)
    if repeats_any:
        return ("*", "Authorization")
    if "*" in names:
        return tuple(name for name in names if name == "*" or name.lower() == "authorization")
    return names or None


def sound(policy: Policy) -> Policy | None:
    """The policy without what `check` would refuse or call needless; None if it allows nobody then."""
    while bad := _bad_entries(policy):
        for key in _LISTS:
            values = getattr(policy, key) or ()
            left = tuple(value for index, value in enumerate(values) if (key, index) not in bad)
            if key == "allow_origins" and not left:
                return None
            changes: dict[str, Any] = {key: left or None}
            policy = replace(policy, **changes)
    return policy


def capped(seconds: int) -> int:
    """Browsers keep no preflight for longer than a day."""
    return max(0, min(seconds, MAX_AGE))


def as_input(policy: Policy) -> WrittenPolicy:
    """The policy as the rules of the lint see it."""
    return WrittenPolicy(
        allow_origins=tuple(
            RegexEntry(entry.text) if entry.is_regex else entry.text for entry in policy.allow_origins
        ),
        allow_methods=policy.allow_methods,
        allow_headers=policy.allow_headers,
        expose_headers=policy.expose_headers,
        allow_credentials=policy.allow_credentials,
        max_age=policy.max_age,
    )


def _bad_entries(policy: Policy) -> set[tuple[str, int]]:
    found = set()
    for finding in lint_policy(as_input(policy)):
        is_bad = finding.severity == "error" or finding.code.endswith(_NEEDLESS)
        key, index = (*finding.path, None)[:2]
        if is_bad and key in _LISTS and isinstance(index, int):
            found.add((str(key), index))
    return found
