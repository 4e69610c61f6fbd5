"""Rules for how an expression is written: slips that change what it matches, and characters that do nothing."""

import re
from collections.abc import Iterator

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.regex.language import common_value, described_by
from cors_gateway.config.lint.regex.origin_sets import with_port
from cors_gateway.config.lint.regex.subject import RegexSubject
from cors_gateway.config.lint.regex.tree import mask_of
from cors_gateway.policy.pattern import parse_pattern
from cors_gateway.policy.pattern_fault import PatternFault
from cors_gateway.policy.quoting import shown, visible

_NAME_CHARS = mask_of("abcdefghijklmnopqrstuvwxyz0123456789")
_DOTSTAR_WILDCARD = re.compile(r"\^?([a-z]+)://\.[*+]\??\\\.((?:[a-z0-9-]|\\[.-])+(?::[0-9]+)?)\$?")


def redos(subject: RegexSubject) -> Iterator[Finding]:
    """RE2 is not slowed by them, but nested repeats are always a slip, and any other engine would be."""
    if subject.automaton.is_ambiguous:
        yield Finding(
            "error",
            "allow_origins.regex_redos",
            f"{shown(subject.text)} repeats a repeat: the same value can be split in exponentially many ways",
            "repeat once: [a-z0-9-]+ instead of ([a-z0-9-]+)+",
            subject.path,
        )


def dotstar(subject: RegexSubject) -> Iterator[Finding]:
    """The grammar check keeps slashes away from it, but dots and hyphens pass."""
    follow = subject.automaton.follow
    if any(
        atom.kind == "any" and state in follow[state] for state, atom in enumerate(subject.automaton.atoms)
    ):
        yield Finding(
            "warning",
            "allow_origins.regex_dotstar",
            f"the repeated dot in {shown(subject.text)} matches more than one label",
            _hint_for_dotstar(subject.text),
            subject.path,
        )


def unescaped_dot(subject: RegexSubject) -> Iterator[Finding]:
    """A dot before a name, not repeated, was meant as a dot."""
    escaped = with_escaped_dots(subject)
    if escaped != subject.text:
        yield Finding(
            "warning",
            "allow_origins.regex_unescaped_dot",
            f"a dot without a backslash in {shown(subject.text)} matches any character",
            f"write {visible(escaped)}",
            subject.path,
        )


def with_escaped_dots(subject: RegexSubject) -> str:
    """Write the expression with a backslash before each dot that was meant as one."""
    automaton = subject.automaton
    starts = {
        automaton.atoms[state].start
        for state in automaton.lone_dots
        for after in automaton.follow[state]
        if automaton.atoms[after].kind != "any" and automaton.atoms[after].mask & _NAME_CHARS
    }
    return "".join("\\" + char if at in starts else char for at, char in enumerate(subject.text))


def anchors(subject: RegexSubject) -> Iterator[Finding]:
    """The whole value has to match with or without them."""
    if subject.anchors:
        plain = subject.text
        for start, end in reversed(subject.anchors):
            plain = plain[:start] + plain[end:]
        yield Finding(
            "warning",
            "allow_origins.regex_anchors",
            f"the anchors in {shown(subject.text)} are not needed: the whole value has to match anyway",
            f"write {visible(plain)}",
            subject.path,
        )


def default_port(subject: RegexSubject) -> Iterator[Finding]:
    """Browsers leave the default port out."""
    for scheme, port in (("https", 443), ("http", 80)):
        description, port_at = with_port(scheme, port)
        if common_value(subject.automaton, described_by(description), literal_from=port_at) is not None:
            yield Finding(
                "warning",
                "allow_origins.regex_default_port",
                f"{shown(subject.text)} spells out the default port of {scheme}, which browsers never send",
                f"remove :{port}",
                subject.path,
            )


def _hint_for_dotstar(text: str) -> str:
    found = _DOTSTAR_WILDCARD.fullmatch(text)
    entry = found and f"{found[1]}://*.{found[2].replace(chr(92), '')}"
    if entry and not isinstance(parse_pattern(entry), PatternFault):
        return f'write the entry "{entry}", without regex'
    return "use [a-z0-9-]+ for one label"
