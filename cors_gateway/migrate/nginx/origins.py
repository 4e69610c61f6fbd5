"""From what nginx compares the origin with to entries of `allow_origins`, and to what is wrong with the comparison.

An expression is cut into its alternatives, and each becomes the narrowest entry that is meant: an exact origin, a wildcard
where the automata say that every name below is matched, else an expression with its anchors, dots and label boundaries
mended. Every entry has witnesses: whether nginx admits them is asked of a run, never assumed.
"""

import re
from dataclasses import dataclass, field

from cors_gateway.config.lint.public_suffix import is_open_to_registration
from cors_gateway.config.lint.regex.containment import contains
from cors_gateway.config.lint.regex.language import automaton_of, common_value, described_by
from cors_gateway.config.lint.regex.origin_sets import ANY_ORIGIN
from cors_gateway.config.lint.regex.parser import parse_regex
from cors_gateway.migrate.nginx.expression import (
    Expansion,
    Node,
    always_ends_in,
    begins_with,
    expansions,
    is_unbounded_any,
    parse_expression,
)
from cors_gateway.migrate.nginx.pcre import search
from cors_gateway.migrate.nginx.rendering import render
from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.origin import MAX_HOST_LENGTH
from cors_gateway.policy.pattern import OriginPattern, PatternKind, is_insecure, is_loopback, parse_pattern
from cors_gateway.policy.pattern_fault import PatternFault
from cors_gateway.policy.spelling import repair

STRANGER = "https://wq7xzk.kqzvwj"
"""An origin that no configuration can have meant."""

_LABELS = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
_PRIVATE_NAMES = frozenset(
    {"localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "test"}
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_ANY_PORT = ":*"


@dataclass(frozen=True, slots=True)
class OriginEntry:
    """An entry of `allow_origins` that a comparison means."""

    text: str
    is_regex: bool = False
    witnesses: tuple[str, ...] = ()
    """Values of Origin that it stands for, as nginx would have to admit them."""
    is_insecure: bool = False
    """Plain http from another machine."""
    is_public: bool = False
    """Below a name under which anybody can register."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a comparison means."""

    entries: tuple[OriginEntry, ...] = ()
    faults: frozenset[str] = frozenset()
    """Codes of defects that the comparison has whatever is granted by it."""
    is_understood: bool = True
    is_everybody: bool = False
    """Whether a stranger passes as well."""


@dataclass(slots=True)
class _Shape:
    """One alternative, taken apart."""

    scheme: str
    host: str
    """The name, or the name below which hosts are meant, or an expression."""
    kind: str
    """`exact`, `below` or `regex`."""
    ports: set[str] = field(default_factory=set)
    """`""`, `:8080` or `:*`."""
    raw: str = ""
    """What was written, if it was written out."""


def read_value(text: str) -> Reading:
    """A value that nginx compares the origin with, or answers with."""
    if text == "null":
        return Reading(faults=frozenset({"null_origin_allowed"}))
    pattern = parse_pattern(text)
    faults = frozenset[str]()
    if isinstance(pattern, PatternFault) or "*" in text:
        faults = frozenset({"invalid_allow_origin"})
        has_name = "." in text or "localhost" in text or "://" in text
        pattern = parse_pattern(repair(text)) if has_name else pattern
    if isinstance(pattern, PatternFault):
        return Reading(faults=faults)
    return Reading((_entry_of(pattern, (text,)),), faults)


def read_expression(text: str, *, ignore_case: bool) -> Reading:
    """An expression that nginx searches the origin for."""
    if search(text, STRANGER, ignore_case=ignore_case):
        return Reading(is_everybody=True)
    expression = parse_expression(text, ignore_case=ignore_case)
    if expression is None:
        return Reading(is_understood=False, faults=_null_fault(text, ignore_case))
    faults = set(_null_fault(text, ignore_case))
    if not (expression.has_start and expression.has_end):
        faults.add("unanchored_regex")
    if expression.has_lone_dot:
        faults.add("unescaped_dot")
    alternatives = expansions(expression.root)
    if alternatives is None:
        alternatives = [(expression.root,)]
    shapes: dict[tuple[str, str, str], _Shape] = {}
    has_scheme = any("://" in part for row in alternatives for part in row if isinstance(part, str))
    for alternative in alternatives:
        if alternative == ("null",):
            continue
        for shape in _shapes(alternative, expression.has_start, expression.has_end, faults):
            kept = shapes.setdefault((shape.scheme, shape.kind, shape.host), shape)
            kept.ports |= shape.ports
            kept.raw = kept.raw or shape.raw
    if has_scheme:
        faults.discard("invalid_allow_origin")
    entries = [entry for shape in shapes.values() for entry in _entries(shape)]
    if any(entry.is_public for entry in entries):
        faults.add("public_suffix_origin")
    return Reading(tuple(dict.fromkeys(entries)), frozenset(faults))


def is_meant(entry: OriginEntry, origin: str) -> bool:
    """Whether an entry stands for an origin."""
    if entry.is_regex:
        return search(f"^(?:{entry.text})$", origin, ignore_case=False) is not None
    pattern = parse_pattern(entry.text)
    return isinstance(pattern, OriginPattern) and OriginMatcher([pattern]).match(origin.encode()) is not None


def admits_plain_http(text: str, *, ignore_case: bool, names: tuple[str, ...]) -> bool:
    """Whether an expression lets the http twin of one of those https origins in."""
    twins = [f"http{name.removeprefix('https')}" for name in names if name.startswith("https://")]
    return any(
        is_insecure(pattern) and search(text, twin, ignore_case=ignore_case) is not None
        for twin in twins
        if isinstance(pattern := parse_pattern(twin), OriginPattern)
    )


def is_open_name(base: str) -> bool:
    """Whether strangers can have names directly below it. A single word is a top-level name, unless it is a private one."""
    return is_open_to_registration(base) or ("." not in base and base not in _PRIVATE_NAMES)


def _null_fault(text: str, ignore_case: bool) -> frozenset[str]:
    is_matched = search(text, "null", ignore_case=ignore_case) is not None
    return frozenset({"null_origin_allowed"}) if is_matched else frozenset()


def _shapes(alternative: Expansion, has_start: bool, has_end: bool, faults: set[str]) -> list[_Shape]:
    scheme, rest, is_schemeless = _scheme_of(alternative)
    if scheme is None:
        return []
    host, port, is_open_end = _host_and_port(rest)
    if is_open_end:
        faults.add("unanchored_regex")
    if not host:
        return []
    if is_schemeless and not has_start and isinstance(host[0], str):
        found = _below_text(scheme, host[0], host[1:])
    else:
        if is_schemeless and isinstance(host[0], str):
            faults.add("invalid_allow_origin")
        found = _host_shapes(scheme, host, faults)
    if is_schemeless:
        for shape in found:
            # Development servers have no certificates.
            shape.scheme = "http" if shape.kind == "exact" and is_loopback(shape.host) else shape.scheme
    is_literal = all(isinstance(part, str) for part in alternative)
    for shape in found:
        is_local = shape.kind == "exact" and is_loopback(shape.host)
        shape.ports = {"", _ANY_PORT} if is_local and not port and (is_open_end or not has_end) else {port}
        if is_literal and shape.kind == "exact" and (has_start or not is_schemeless):
            shape.raw = "".join(map(str, alternative))
    return found


def _scheme_of(alternative: Expansion) -> tuple[str | None, list[str | Node], bool]:
    """The scheme, what follows it, and whether none was written."""
    for at, part in enumerate(alternative):
        if not isinstance(part, str) or "://" not in part:
            continue
        before, _, after = part.partition("://")
        rest = [*([after] if after else []), *alternative[at + 1 :]]
        if at > 0 or not before:
            return "https", rest, False
        return (before if _SCHEME.fullmatch(before) else None), rest, False
    parts = list(alternative)
    while (
        parts
        and is_unbounded_any(parts[0])
        and len(parts) > 1
        and isinstance(parts[1], str)
        and parts[1][0] == "/"
    ):
        parts[:2] = [parts[1].lstrip("/")] if parts[1].lstrip("/") else []
    if parts and isinstance(parts[0], str):
        parts[0] = parts[0].lstrip("/")
        parts = parts if parts[0] else parts[1:]
    return "https", parts, True


def _host_and_port(rest: list[str | Node]) -> tuple[list[str | Node], str, bool]:
    """The parts of the host, the port (`""`, `:8080`, `:*`), and whether the end was left open."""
    host: list[str | Node] = []
    for at, part in enumerate(rest):
        if isinstance(part, str):
            before, colon, after = part.partition(":")
            before, slash, _ = before.partition("/")
            if before:
                host.append(before)
            if slash:
                return host, "", False
            if colon:
                digits = after.partition("/")[0]
                return host, _port(digits, rest[at + 1 :]), False
        elif begins_with(part, ":"):
            return host, _ANY_PORT, False
        elif host and at == len(rest) - 1 and is_unbounded_any(part):
            return host, "", True
        else:
            host.append(part)
    return host, "", False


def _port(digits: str, rest: list[str | Node]) -> str:
    """`:8080`, `:*`, or an expression for ports that are left open in part."""
    if not rest or (isinstance(rest[0], str) and rest[0].startswith("/")):
        return f":{digits}" if digits else ""
    return _ANY_PORT if not digits else f":{digits}{render(tuple(rest[:1]))}"


def _below_text(scheme: str, text: str, rest: list[str | Node]) -> list[_Shape]:
    """A name without scheme and without a beginning: what is below it, and itself unless it begins with a dot."""
    if rest:
        return []
    base = text.removeprefix(".")
    if not text.startswith(".") and "." in base:
        return [_Shape(scheme, base, "exact"), _Shape(scheme, base, "below")]
    return [_Shape(scheme, base, "below" if text.startswith(".") else "exact")]


def _host_shapes(scheme: str, host: list[str | Node], faults: set[str]) -> list[_Shape]:
    if all(isinstance(part, str) for part in host):
        return [_Shape(scheme, "".join(map(str, host)), "exact")]
    last = max(at for at, part in enumerate(host) if not isinstance(part, str))
    end = "".join(str(part) for part in host[last + 1 :])
    has_boundary = end.startswith(".") or (bool(end) and always_ends_in(host[last], "."))
    base = end.removeprefix(".")
    written = render(tuple(host))
    if not base:
        return [_Shape(scheme, written, "regex")]
    found: list[_Shape] = []
    name = re.escape(base).replace(r"\-", "-")
    is_name = base[0] not in "-_" and len(base) <= MAX_HOST_LENGTH
    if is_name and _matches_all(written, name):
        found.append(_Shape(scheme, base, "exact"))
    if is_name and _matches_all(written, _LABELS + name):
        found.append(_Shape(scheme, base, "below"))
    if not has_boundary:
        label, _, above = base.partition(".")
        if above and is_open_name(above) and label not in _PRIVATE_NAMES:
            is_shared = base[0] == "-" and "." in above
            faults.add("public_suffix_origin" if is_shared else "no_label_boundary")
            return found
    if any(shape.kind == "below" for shape in found):
        return found
    return [*found, _Shape(scheme, written, "regex")]


def _matches_all(written: str, described: str) -> bool:
    """Whether an expression for hosts matches all that another one describes."""
    wide, narrow = (
        OriginPattern(text, PatternKind.REGEX, regex=text)
        for text in (f"https://{written}", f"https://{described}")
    )
    return contains(wide, narrow)


def _entries(shape: _Shape) -> list[OriginEntry]:
    ports = shape.ports
    if shape.kind == "regex":
        port = "(?::[0-9]+)?" if {"", _ANY_PORT} <= ports else ":[0-9]+" if _ANY_PORT in ports else ""
        text = f"{shape.scheme}://{shape.host}{port or ''.join(ports - {_ANY_PORT})}"
        return [_regex_entry(text)]
    star = "*." if shape.kind == "below" else ""
    texts = []
    if {"", _ANY_PORT} <= ports:
        texts = [f"{shape.scheme}://{star}{shape.host}{_ANY_PORT}"]
    elif _ANY_PORT in ports:
        below = _LABELS.replace("[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", "[a-z0-9-]+") if star else ""
        escaped = re.escape(shape.host).replace(r"\-", "-")
        return [_regex_entry(f"{shape.scheme}://{below}{escaped}:[0-9]+")]
    texts += [
        f"{shape.scheme}://{star}{shape.host}{port}"
        for port in sorted(ports - {"", _ANY_PORT})
        if port[1:].isdecimal()
    ]
    if "" in ports and _ANY_PORT not in ports:
        texts.insert(0, f"{shape.scheme}://{star}{shape.host}")
    escaped = re.escape(shape.host).replace(r"\-", "-")
    in_part = sorted(port for port in ports - {"", _ANY_PORT} if not port[1:].isdecimal())
    entries = [_regex_entry(f"{shape.scheme}://{escaped}{port}") for port in in_part if not star]
    for text in texts:
        pattern = parse_pattern(text)
        if isinstance(pattern, PatternFault):
            pattern = parse_pattern(repair(text))
        if not isinstance(pattern, PatternFault):
            entries.append(
                _entry_of(pattern, (shape.raw,) if shape.raw and not pattern.any_port else _samples(pattern))
            )
    return entries


def _entry_of(pattern: OriginPattern, witnesses: tuple[str, ...]) -> OriginEntry:
    is_public = pattern.subdomains and is_open_name(pattern.host)
    return OriginEntry(pattern.text, False, witnesses, is_insecure(pattern), is_public)


def _samples(pattern: OriginPattern) -> tuple[str, ...]:
    hosts = [f"w.{pattern.host}", f"a.w-1.{pattern.host}"] if pattern.subdomains else [pattern.host]
    port = f":{pattern.port}" if pattern.port else ""
    plain = tuple(f"{pattern.scheme}://{host}{port}" for host in hosts)
    return (*plain, *(f"{text}:8443" for text in plain)) if pattern.any_port else plain


def _regex_entry(text: str) -> OriginEntry:
    automaton = automaton_of(parse_regex(text))
    witness = common_value(automaton, described_by(ANY_ORIGIN)) if automaton else None
    end = re.search(r"(?<=[)\]}+*?])\\\.([a-z0-9.\\-]+)(?::|\(|$)", text)
    base = end[1].replace("\\", "") if end else ""
    host = witness.partition("://")[2].partition(":")[0] if witness else ""
    is_plain = text.startswith("http://") and not is_loopback(host)
    is_public = bool(base) and is_open_name(base)
    return OriginEntry(text, True, (witness,) if witness else (), is_plain, is_public)
