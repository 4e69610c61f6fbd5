"""Rules for `public_origins`: the gateway's own origins, which `reject` must not refuse."""

from collections.abc import Iterator

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.policy.pattern import PatternKind, parse_pattern
from cors_gateway.policy.pattern_fault import PatternFault
from cors_gateway.policy.quoting import shown


def invalid(policy: WrittenPolicy) -> Iterator[Finding]:
    """The gateway knows its own origins exactly, so patterns have no place here."""
    for index, entry in enumerate(policy.public_origins or ()):
        read = parse_pattern(entry)
        if isinstance(read, PatternFault):
            message, hint = read.message, read.hint
            if "*" in hint or entry == "null":
                hint = 'write origins under which browsers reach the gateway: "https://api.example.com"'
        elif read.kind is not PatternKind.EXACT:
            message = f"{shown(entry)} is a pattern; an own origin is known exactly"
            hint = 'write one entry for each: "https://api.example.com"'
        else:
            continue
        yield Finding("error", "public_origins.invalid", message, hint, ("public_origins", index))


def missing(policy: WrittenPolicy) -> Iterator[Finding]:
    """Browsers send Origin with a page's own POSTs, and only newer ones add that they are same-origin."""
    if policy.on_disallowed_request == "reject" and not policy.public_origins:
        yield Finding(
            "warning",
            "public_origins.missing",
            "with reject, requests of the gateway's own pages are refused unless their origin is known",
            "add public_origins with the origins under which browsers reach the gateway",
            ("on_disallowed_request",),
        )


RULES = (invalid, missing)
