"""Rules for `{regex: ...}` entries of `allow_origins`.

An expression is judged by the origins it matches, for all of which the automata of `regex_language.py` speak. Before
an operator is told that an origin gets through, the engine that decides in production is asked about it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from cors_gateway.config.lint.finding import Finding, Path, PolicyInput
from cors_gateway.config.lint.names import shown
from cors_gateway.config.lint.origin_sets import (
    ANY_ORIGIN,
    INSECURE_ORIGIN,
    INSECURE_SITE,
    ending_in,
    with_port,
)
from cors_gateway.config.lint.public_suffix import is_open_to_registration
from cors_gateway.config.lint.regex_language import (
    Automaton,
    automaton_of,
    common_value,
    described_by,
    open_ends,
)
from cors_gateway.config.lint.regex_tree import mask_of, parse_regex
from cors_gateway.policy.fault import PatternFault
from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.pattern import OriginPattern, parse_pattern

_CANARIES = (
    "https://attacker.example",
    "http://attacker.example",
    "https://203.0.113.77",
    "http://203.0.113.77",
)
_NEVER = "allow_origins.regex_never"
_TOO_BROAD = "allow_origins.regex_too_broad"
_NAME_CHARS = mask_of("abcdefghijklmnopqrstuvwxyz0123456789")
_DOTSTAR_WILDCARD = re.compile(r"\^?([a-z]+)://\.[*+]\??\\\.((?:[a-z0-9-]|\\[.-])+(?::[0-9]+)?)\$?")


@dataclass(frozen=True, slots=True)
class RegexSubject:
    """One expression that compiles, and the policy it belongs to."""

    text: str
    path: Path
    policy: PolicyInput
    matches: Callable[[str], bool]
    """Asks RE2."""
    automaton: Automaton
    anchors: tuple[tuple[int, int], ...]


def lint_regex(index: int, pattern: OriginPattern, policy: PolicyInput) -> Iterator[Finding]:
    """Apply every rule to an expression that compiles."""
    path = ("allow_origins", index)
    matcher = OriginMatcher((pattern,))

    def matches(origin: str) -> bool:
        return matcher.match(origin.encode()) is not None

    reach = list(canaries(pattern.text, path, policy, matches))
    expression = parse_regex(pattern.text)
    automaton = automaton_of(expression)
    if expression is None or automaton is None:
        yield from reach
        return
    subject = RegexSubject(pattern.text, path, policy, matches, automaton, expression.anchors)
    reach = reach or [*never(subject), *strangers(subject)]
    yield from reach
    if not any(finding.code in (_NEVER, _TOO_BROAD) for finding in reach):
        yield from insecure(subject)
        yield from dotstar(subject)
    for rule in (redos, unescaped_dot, anchors, default_port):
        yield from rule(subject)


def canaries(text: str, path: Path, policy: PolicyInput, matches: Callable[[str], bool]) -> Iterator[Finding]:
    """What matches a site that nobody can have meant matches every site."""
    canary = next(filter(matches, _CANARIES), None)
    if canary is not None:
        hint = "end it with your own domain"
        if not policy.allow_credentials:
            hint = 'write allow_origins: ["*"] if every site may read, else end it with your own domain'
        yield _too_broad(text, path, policy, canary, hint)


def never(subject: RegexSubject) -> Iterator[Finding]:
    """The whole value has to match, scheme included."""
    if common_value(subject.automaton, described_by(ANY_ORIGIN)) is not None:
        return
    yield Finding(
        "error",
        _NEVER,
        f"{shown(subject.text)} matches no origin: the whole value has to match, from scheme to port",
        _hint_for_never(subject),
        subject.path,
    )


def strangers(subject: RegexSubject) -> Iterator[Finding]:
    """Whoever can choose the registrable part of a name can be an allowed origin."""
    found: Finding | None = None
    for end in sorted(open_ends(subject.automaton)):
        name, _, base = end.partition(".")
        if base and not is_open_to_registration(base):
            continue
        witness = _witness(subject, end)
        if witness is None:
            continue
        if name or not base:
            hint = (
                f'put an escaped dot before "{end}", or list the names'
                if base
                else "end it with your own domain"
            )
            yield _too_broad(subject.text, subject.path, subject.policy, witness, hint)
            return
        found = _public_suffix(subject, base, witness)
    if found is not None:
        yield found


def insecure(subject: RegexSubject) -> Iterator[Finding]:
    """A page that came over plain http can be replaced by anyone on the way."""
    policy = subject.policy
    asked = INSECURE_ORIGIN if policy.allow_credentials else INSECURE_SITE
    witness = common_value(subject.automaton, described_by(asked))
    if witness is None or not subject.matches(witness):
        return
    twin = f"https{witness.removeprefix('http')}"
    hint = "write https:// instead of https?://" if subject.matches(twin) else "serve these sites over https"
    if not policy.allow_credentials or policy.dangerously_allow_insecure_origins:
        severity: Literal["error", "warning"] = "warning"
        code = "allow_origins.insecure"
    else:
        severity = "error"
        code = _TOO_BROAD if subject.matches(twin) else "allow_origins.insecure_credentials"
    yield Finding(
        severity,
        code,
        f'{shown(subject.text)} matches plain http origins such as "{witness}", whose pages can be replaced on the way',
        hint,
        subject.path,
    )


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
    automaton = subject.automaton
    starts = {
        automaton.atoms[state].start
        for state in automaton.lone_dots
        for after in automaton.follow[state]
        if automaton.atoms[after].kind != "any" and automaton.atoms[after].mask & _NAME_CHARS
    }
    if starts:
        escaped = "".join("\\" + char if at in starts else char for at, char in enumerate(subject.text))
        yield Finding(
            "warning",
            "allow_origins.regex_unescaped_dot",
            f"a dot without a backslash in {shown(subject.text)} matches any character",
            f"write {escaped}",
            subject.path,
        )


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
            f"write {plain}",
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


def _too_broad(text: str, path: Path, policy: PolicyInput, witness: str, hint: str) -> Finding:
    return Finding(
        "error" if policy.allow_credentials else "warning",
        _TOO_BROAD,
        f'{shown(text)} also matches "{witness}", which anyone can set up',
        hint,
        path,
    )


def _public_suffix(subject: RegexSubject, base: str, witness: str) -> Finding:
    policy = subject.policy
    is_error = policy.allow_credentials and not policy.dangerously_allow_public_suffix
    return Finding(
        "error" if is_error else "warning",
        "allow_origins.public_suffix",
        f'{shown(subject.text)} also matches "{witness}": anyone can register under {base}',
        "list the names that are yours",
        subject.path,
    )


def _witness(subject: RegexSubject, end: str) -> str | None:
    """Return an origin that ends so and gets through; preferably one that reads like what it is."""
    readable = [f"https://attacker{end}", f"http://attacker{end}"]
    for shape in (
        (ending_in(end),) if end else (ending_in(".attacker.example"), ending_in("attacker"), ending_in(""))
    ):
        shortest = common_value(subject.automaton, described_by(shape))
        if shortest is not None:
            readable.append(shortest)
    return next(filter(subject.matches, readable), None)


def _hint_for_never(subject: RegexSubject) -> str:
    text = subject.text
    if "null" in text:
        return "an expression cannot allow null; see dangerously_allow_null_origin"
    for repaired in (
        f"https://{text}",
        text.lower(),
        text.removesuffix("$").rstrip("/"),
        text.partition("/.*")[0],
    ):
        automaton = automaton_of(parse_regex(repaired))
        if automaton and common_value(automaton, described_by(ANY_ORIGIN)) is not None:
            return f"write {repaired}"
    return r"write scheme, host and port: https://pr-\d+\.example\.com"


def _hint_for_dotstar(text: str) -> str:
    found = _DOTSTAR_WILDCARD.fullmatch(text)
    entry = found and f"{found[1]}://*.{found[2].replace(chr(92), '')}"
    if entry and not isinstance(parse_pattern(entry), PatternFault):
        return f'write the entry "{entry}", without regex'
    return "write [a-z0-9-]+ for one label"
