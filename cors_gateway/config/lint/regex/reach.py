"""Rules for `{regex: ...}` entries of `allow_origins`: whom an expression lets in. `style.py` has the others.

It is judged by the origins it matches, for all of which the automata of `language.py` speak. Before
an operator is told that an origin gets through, the engine that decides in production is asked about it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

from cors_gateway.config.lint.finding import Finding, Path
from cors_gateway.config.lint.public_suffix import is_open_to_registration, is_registry
from cors_gateway.config.lint.regex.language import (
    Automaton,
    automaton_of,
    common_value,
    described_by,
    open_ends,
)
from cors_gateway.config.lint.regex.origin_sets import (
    ANY_ORIGIN,
    INSECURE_ORIGIN,
    INSECURE_SITE,
    ending_in,
)
from cors_gateway.config.lint.regex.parser import parse_regex
from cors_gateway.config.lint.regex.style import (
    anchors,
    default_port,
    dotstar,
    redos,
    unescaped_dot,
    with_escaped_dots,
)
from cors_gateway.config.lint.regex.subject import RegexSubject
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.origin import MAX_HOST_LENGTH
from cors_gateway.policy.pattern import OriginPattern, regex_pattern
from cors_gateway.policy.quoting import shown, visible

_CANARIES = (
    "https://attacker.example",
    "http://attacker.example",
    "https://203.0.113.77",
    "http://203.0.113.77",
)

_UPPER_CASE_HOST = re.compile(r"\^?(?!https?:)[a-z][a-z0-9+.-]*://.*[A-Z]")

_NEVER = "allow_origins.regex_never"
_TOO_BROAD = "allow_origins.regex_too_broad"
_OWN_DOMAIN = "end it with your own domain"


def lint_regex(index: int, pattern: OriginPattern, policy: WrittenPolicy) -> Iterator[Finding]:
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
    reach = reach or list(never(subject)) or list(strangers(subject))
    yield from reach
    if not any(finding.code in (_NEVER, _TOO_BROAD) for finding in reach):
        yield from insecure(subject)
        yield from dotstar(subject)
    for rule in (redos, unescaped_dot, anchors, default_port):
        yield from rule(subject)


def canaries(
    text: str, path: Path, policy: WrittenPolicy, matches: Callable[[str], bool]
) -> Iterator[Finding]:
    """What matches a site that nobody can have meant matches every site."""
    canary = next(filter(matches, _CANARIES), None)
    if canary is not None:
        any_site = 'write allow_origins: ["*"] if every site may read, else '
        hint = _OWN_DOMAIN if policy.allow_credentials else any_site + _OWN_DOMAIN
        yield _too_broad(text, path, canary, hint)


def never(subject: RegexSubject) -> Iterator[Finding]:
    """The whole value has to match, scheme included."""
    if common_value(subject.automaton, described_by(ANY_ORIGIN)) is not None:
        return
    if _UPPER_CASE_HOST.match(subject.text):
        return  # of an extension, perhaps: the automata only know lower case
    yield Finding(
        "error",
        _NEVER,
        f"{shown(subject.text)} matches no origin: the whole value has to match, from scheme to port",
        _hint_for_never(subject),
        subject.path,
    )


def strangers(subject: RegexSubject) -> Iterator[Finding]:
    """Whoever can choose the registrable part of a name can be an allowed origin; anyone can be null."""
    if common_value(subject.automaton, described_by("null"), literal_from=0) is not None:
        hint = "remove null: only dangerously_allow_null_origin decides about it"
        yield _too_broad(subject.text, subject.path, "null", hint)
        return
    found: Finding | None = None
    for end in sorted(open_ends(subject.automaton)):
        name, _, base = end.partition(".")
        if len(end) > MAX_HOST_LENGTH or (base and not is_open_to_registration(base)):
            continue
        witness = _witness(subject, end)
        if witness is None:
            continue
        if not base or (name and is_registry(base)):
            hint = _hint_for_strangers(subject, end) if base else _OWN_DOMAIN
            yield _too_broad(subject.text, subject.path, witness, hint)
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
    hint = "use https:// instead of https?://" if subject.matches(twin) else "serve these sites over https"
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


def _too_broad(text: str, path: Path, witness: str, hint: str) -> Finding:
    """Without credentials as well: a list that a stranger can be on is no list."""
    return Finding(
        "error",
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
        "list the names that are yours"
        if not is_error
        else "list the names that are yours, or set dangerously_allow_public_suffix: true if nobody else can have such names",
        subject.path,
    )


def _hint_for_strangers(subject: RegexSubject, end: str) -> str:
    """Escaping the stray dots often is enough."""
    escaped = with_escaped_dots(subject)
    if escaped != subject.text:
        pattern = regex_pattern(escaped)
        automaton = automaton_of(parse_regex(escaped))
        if isinstance(pattern, OriginPattern) and automaton and not _lets_strangers_in(automaton):
            return f"write {visible(escaped)}"
    return f'put an escaped dot before "{end}", or list the names'


def _lets_strangers_in(automaton: Automaton) -> bool:
    ends = (end.partition(".") for end in open_ends(automaton))
    return any(not base or (name and is_registry(base)) for name, _, base in ends)


def _witness(subject: RegexSubject, end: str) -> str | None:
    """Return an origin that ends so and gets through; preferably one that reads like what it is."""
    readable = next(filter(subject.matches, (f"https://attacker{end}", f"http://attacker{end}")), None)
    if readable is not None:
        return readable
    for shown_end in (end,) if end else (".attacker.example", "attacker", ""):
        shape = automaton_of(parse_regex(ending_in(shown_end)))
        shortest = common_value(subject.automaton, shape) if shape else None
        if shortest is not None and subject.matches(shortest):
            return shortest
    return None


def _hint_for_never(subject: RegexSubject) -> str:
    text = subject.text
    if text.strip("^$()") == "null":
        return "an expression cannot allow null; see dangerously_allow_null_origin"
    for repaired in (
        f"https://{text}",
        text.lower(),
        text.removesuffix("$").rstrip("/"),
        text.partition("/.*")[0],
        f"https://{text.partition('/')[0]}",
    ):
        automaton = automaton_of(parse_regex(repaired))
        is_origin = automaton and common_value(automaton, described_by(ANY_ORIGIN)) is not None
        if automaton and is_origin and not _lets_strangers_in(automaton):
            return f"write {visible(repaired)}"
    return r"write scheme, host and port: https://pr-\d+\.example\.com"
