"""Rules for the numbers and switches of an answer: `preflight_status`, `max_age`, `allow_private_network`."""

from collections.abc import Iterator

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.policy.fetch import MAX_AGE_CAPS, SAFELISTED_METHODS, normalise_method
from cors_gateway.policy.pattern import OriginPattern, PatternKind, parse_pattern

_MAX_AGE_LIMIT = max(MAX_AGE_CAPS.values())
"""Seconds; no browser remembers a preflight for longer."""
_MAX_AGE_CHROMIUM = MAX_AGE_CAPS["Chromium"]


def max_age_range(policy: WrittenPolicy) -> Iterator[Finding]:
    """From 0, which switches remembering off, to a day."""
    age = policy.max_age
    if age is not None and not 0 <= age <= _MAX_AGE_LIMIT:
        yield Finding(
            "error",
            "max_age.range",
            f"{age} seconds is {'negative' if age < 0 else 'more than a day'}",
            "write 0 to switch remembering off" if age < 0 else "write 1d or less; browsers cut longer times",
            ("max_age",),
        )


def max_age_capped(policy: WrittenPolicy) -> Iterator[Finding]:
    """A long time delays taking rights back in one browser and does nothing in the others."""
    age = policy.max_age
    if age is not None and _MAX_AGE_CHROMIUM < age <= _MAX_AGE_LIMIT:
        yield Finding(
            "warning",
            "max_age.capped",
            f"{age} seconds is longer than most browsers remember: Chromium 2h, Safari 10m",
            "write 2h or less",
            ("max_age",),
        )


def max_age_unused(policy: WrittenPolicy) -> Iterator[Finding]:
    """Without a method or header that needs a preflight there is hardly an answer to remember."""
    age = policy.max_age
    if age is None or not 0 <= age <= _MAX_AGE_LIMIT or policy.allow_headers:
        return
    if all(normalise_method(method) in SAFELISTED_METHODS for method in policy.allow_methods or ()):
        yield Finding(
            "warning",
            "max_age.unused",
            "nothing in this policy needs a preflight, so there is next to nothing to remember",
            "remove max_age, or list the methods and headers that scripts use",
            ("max_age",),
        )


def preflight_status_range(policy: WrittenPolicy) -> Iterator[Finding]:
    """A preflight passes with an ok status only (Fetch, "CORS-preflight fetch")."""
    status = policy.preflight_status
    if status is None or (200 <= status <= 299 and status != 206):
        return
    problem = (
        "206 answers a request for a range, which a preflight is not"
        if status == 206
        else f"a preflight answered with {status} fails in every browser"
    )
    yield Finding("error", "preflight_status.range", problem, "write 204 or 200", ("preflight_status",))


def private_network_wildcard(policy: WrittenPolicy) -> Iterator[Finding]:
    """Any site could reach devices of the local network."""
    if policy.allow_private_network and "*" in (policy.allow_origins or ()):
        yield Finding(
            "error",
            "allow_private_network.wildcard",
            'together with allow_origins "*" this opens a private network to every site',
            "list the origins, or remove allow_private_network",
            ("allow_private_network",),
        )


def private_network_superseded(policy: WrittenPolicy) -> Iterator[Finding]:
    """Chromium asks the user instead (Local Network Access); no answer of a server decides about it."""
    if policy.allow_private_network:
        yield Finding(
            "warning",
            "allow_private_network.superseded",
            "browsers now ask the user before a page may reach a private network; they no longer ask the server",
            "remove allow_private_network unless you serve browsers that still send the header",
            ("allow_private_network",),
        )


def constant_origin(policy: WrittenPolicy) -> Iterator[Finding]:
    """One origin can be named to everybody; which one an answer names must not depend on the request."""
    if not policy.constant_origin:
        return
    entries = set(policy.allow_origins or ())
    is_exact = len(entries) == 1 and all(
        isinstance(entry, str)
        and isinstance(pattern := parse_pattern(entry), OriginPattern)
        and pattern.kind is PatternKind.EXACT
        for entry in entries
    )
    if not is_exact or policy.dangerously_allow_null_origin:
        yield Finding(
            "error",
            "constant_origin.origins",
            "one origin is named in every answer, so allow_origins has to hold exactly one, and no pattern",
            "list one exact origin, or remove constant_origin",
            ("constant_origin",),
        )
    if policy.on_disallowed_request == "reject":
        yield Finding(
            "error",
            "schema.conflict",
            "on_disallowed_request: reject makes answers depend on Origin, and caches would not know",
            "remove one of the two",
            ("constant_origin",),
        )


RULES = (
    constant_origin,
    max_age_range,
    max_age_capped,
    max_age_unused,
    preflight_status_range,
    private_network_wildcard,
    private_network_superseded,
)
