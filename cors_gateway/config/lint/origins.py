"""Rules for `allow_origins` as a list: what an entry may not be in this policy, and among these neighbours.

Whether an entry is an origin at all is decided in `cors_gateway.policy.pattern`; expressions are in
`regex/reach.py`. The cost is linear in the number of entries, whatever they are.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from cors_gateway.config.lint.finding import Finding, Path
from cors_gateway.config.lint.public_suffix import is_open_to_registration
from cors_gateway.config.lint.regex.reach import lint_regex
from cors_gateway.config.written_policy import RegexEntry, WrittenPolicy
from cors_gateway.policy.origin import DEFAULT_PORTS, ends_in_number
from cors_gateway.policy.pattern import OriginPattern, PatternKind, is_insecure, parse_pattern, regex_pattern
from cors_gateway.policy.pattern_fault import PatternFault
from cors_gateway.policy.quoting import shown

_ANY_PORT = -1


@dataclass(frozen=True, slots=True)
class Origins:
    """The entries of `allow_origins`, read: each with its place in the list."""

    policy: WrittenPolicy
    patterns: tuple[tuple[int, OriginPattern], ...]
    faults: tuple[tuple[int, PatternFault], ...]
    stars: tuple[int, ...]
    nulls: tuple[int, ...]


def read_origins(policy: WrittenPolicy) -> Origins:
    """Read every entry once. `*` and `null` stand for something that no pattern does."""
    patterns: list[tuple[int, OriginPattern]] = []
    faults: list[tuple[int, PatternFault]] = []
    special: dict[str, list[int]] = {"*": [], "null": []}
    for index, entry in enumerate(policy.allow_origins or ()):
        if isinstance(entry, RegexEntry):
            read = regex_pattern(entry.regex)
        elif entry in special:
            special[entry].append(index)
            continue
        else:
            read = parse_pattern(entry)
        if isinstance(read, PatternFault):
            faults.append((index, read))
        else:
            patterns.append((index, read))
    return Origins(policy, tuple(patterns), tuple(faults), tuple(special["*"]), tuple(special["null"]))


def missing(origins: Origins) -> Iterator[Finding]:
    """A policy that allows nobody is a mistake; a closed route says so."""
    if not origins.policy.allow_origins:
        yield Finding(
            "error",
            "allow_origins.missing",
            "the policy allows no origin",
            "list the origins that may read, or write cors: disabled on the route",
            ("allow_origins",),
        )


def malformed(origins: Origins) -> Iterator[Finding]:
    """Entries that equal no value a browser sends."""
    for index, fault in origins.faults:
        yield Finding(
            "error", f"allow_origins.{fault.code}", fault.message, fault.hint, ("allow_origins", index)
        )


def null(origins: Origins) -> Iterator[Finding]:
    """Any site can make a frame whose origin is null."""
    policy = origins.policy
    if not policy.dangerously_allow_null_origin:
        for index in origins.nulls:
            yield Finding(
                "error",
                "allow_origins.null",
                '"null" is the origin of every sandboxed frame, so any site can be it',
                "remove it; dangerously_allow_null_origin: true is for policies without credentials only",
                ("allow_origins", index),
            )
    elif not origins.stars and not policy.allow_credentials:
        yield Finding(
            "warning",
            "allow_origins.null",
            "null is allowed: any site can be it, through a sandboxed frame",
            "",
            ("dangerously_allow_null_origin",),
        )


def null_credentials(origins: Origins) -> Iterator[Finding]:
    """With credentials, null would let every site act as the user."""
    policy = origins.policy
    if not policy.allow_credentials:
        return
    paths: list[Path] = [("allow_origins", index) for index in origins.nulls]
    if policy.dangerously_allow_null_origin:
        paths.insert(0, ("dangerously_allow_null_origin",))
    for path in paths:
        yield Finding(
            "error",
            "allow_origins.null_credentials",
            "null with credentials lets any site act as the user, through a sandboxed frame",
            "remove null, or remove allow_credentials",
            path,
        )


def wildcard_credentials(origins: Origins) -> Iterator[Finding]:
    """Browsers refuse the star with credentials, and repeating the origin instead would open the user's account."""
    if origins.policy.allow_credentials:
        for index in origins.stars:
            yield Finding(
                "error",
                "allow_origins.wildcard_credentials",
                '"*" with credentials would let every site act as the user, and browsers refuse it',
                "list the origins, or remove allow_credentials (bearer tokens need Authorization in allow_headers only)",
                ("allow_origins", index),
            )


def insecure(origins: Origins) -> Iterator[Finding]:
    """A page that came over plain http can be replaced by anyone on the way."""
    policy = origins.policy
    for index, pattern in origins.patterns:
        if pattern.scheme != "http" or not is_insecure(pattern):
            continue
        if policy.allow_credentials and not policy.dangerously_allow_insecure_origins:
            yield Finding(
                "error",
                "allow_origins.insecure_credentials",
                f"{shown(pattern.text)} is plain http: whoever replaces its pages on the way acts as the user",
                f"write {shown(_secure_twin(pattern))}, or remove allow_credentials",
                ("allow_origins", index),
            )
        elif policy.allow_credentials or _has_secure_twin(pattern):
            yield Finding(
                "warning",
                "allow_origins.insecure",
                f"{shown(pattern.text)} is plain http: its pages can be replaced on the way",
                f"write {shown(_secure_twin(pattern))}",
                ("allow_origins", index),
            )


def public_suffix(origins: Origins) -> Iterator[Finding]:
    """Under a public suffix anyone can register a name that the wildcard covers."""
    policy = origins.policy
    for index, pattern in origins.patterns:
        if pattern.subdomains and is_open_to_registration(pattern.host):
            is_error = policy.allow_credentials and not policy.dangerously_allow_public_suffix
            yield Finding(
                "error" if is_error else "warning",
                "allow_origins.public_suffix",
                f"{shown(pattern.text)} allows strangers: anyone can register a name under {pattern.host}",
                "list the names that are yours",
                ("allow_origins", index),
            )


def trailing_dot(origins: Origins) -> Iterator[Finding]:
    """The fully qualified spelling is another origin."""
    for index, pattern in origins.patterns:
        if pattern.host != "." and pattern.host.endswith("."):
            yield Finding(
                "warning",
                "allow_origins.trailing_dot",
                f"{shown(pattern.text)} only matches pages opened with the dot at the end of the host",
                "remove the dot",
                ("allow_origins", index),
            )


def duplicate(origins: Origins) -> Iterator[Finding]:
    """The same entry twice."""
    seen: set[tuple[str, bool]] = set()
    for index, pattern in origins.patterns:
        key = (pattern.text, pattern.regex is not None)
        if key in seen:
            yield _repeated(pattern.text, index)
        seen.add(key)
    for index in (*origins.stars[1:], *origins.nulls[1:]):
        yield _repeated((origins.policy.allow_origins or ())[index], index)


def redundant(origins: Origins) -> Iterator[Finding]:
    """Entries that another one covers already. Expressions are not compared."""
    if origins.stars:
        if not origins.policy.allow_credentials:
            for index, pattern in origins.patterns:
                yield _covered(pattern.text, "*", index)
        return
    wildcards = _Wildcards(pattern for _, pattern in origins.patterns if pattern.kind is PatternKind.WILDCARD)
    if wildcards.is_empty:
        return
    for index, pattern in origins.patterns:
        cover = wildcards.cover_of(pattern)
        if cover is not None:
            yield _covered(pattern.text, cover, index)


def regular_expressions(origins: Origins) -> Iterator[Finding]:
    """Everything about expressions, unless the star makes them pointless."""
    if not origins.stars:
        for index, pattern in origins.patterns:
            if pattern.regex is not None:
                yield from lint_regex(index, pattern, origins.policy)


RULES = (
    missing,
    malformed,
    null,
    null_credentials,
    wildcard_credentials,
    insecure,
    public_suffix,
    trailing_dot,
    duplicate,
    redundant,
    regular_expressions,
)


class _Wildcards:
    """The wildcard entries of a list, by the name they hang on."""

    def __init__(self, patterns: Iterator[OriginPattern]) -> None:
        self._hosts: dict[tuple[str, str], str] = {}
        self._bases: dict[tuple[str, str], dict[int | None, str]] = defaultdict(dict)
        self._schemes: dict[str, str] = {}
        for pattern in patterns:
            key = (pattern.scheme, pattern.host)
            if pattern.any_host:
                self._schemes[pattern.scheme] = pattern.text
            elif pattern.subdomains:
                self._bases[key][_ANY_PORT if pattern.any_port else pattern.port] = pattern.text
            else:
                self._hosts[key] = pattern.text

    @property
    def is_empty(self) -> bool:
        return not (self._hosts or self._bases or self._schemes)

    def cover_of(self, pattern: OriginPattern) -> str | None:
        """Return another entry that covers this one."""
        if pattern.regex is not None or pattern.any_host:
            return None
        key = (pattern.scheme, pattern.host)
        if not pattern.any_port:
            same = self._bases.get(key, {}).get(_ANY_PORT) if pattern.subdomains else self._hosts.get(key)
            if same is not None:
                return same
        port = _ANY_PORT if pattern.any_port else pattern.port
        base = pattern.host
        while dot := base.find(".") + 1:
            base = base[dot:]
            ports = self._bases.get((pattern.scheme, base), {})
            cover = ports.get(_ANY_PORT) or ports.get(port)
            if cover is not None:
                return cover
        has_port = pattern.any_port or pattern.port is not None
        return None if has_port else self._schemes.get(pattern.scheme)


def _secure_twin(pattern: OriginPattern) -> str:
    return f"https{pattern.text.removeprefix('http')}".removesuffix(f":{DEFAULT_PORTS['https']}")


def _has_secure_twin(pattern: OriginPattern) -> bool:
    """Tell whether the same site could plainly be https: a name with a domain, on the default port.

    Addresses, names of a local network and other ports rarely have a certificate, and nothing is better to write.
    """
    if pattern.port is not None or pattern.any_port or "_" in pattern.host:
        return False
    return (
        "." in pattern.host.removesuffix(".") and not ends_in_number(pattern.host) and pattern.host[0] != "["
    )


def _repeated(entry: str | RegexEntry, index: int) -> Finding:
    text = entry.regex if isinstance(entry, RegexEntry) else entry
    return Finding(
        "warning",
        "allow_origins.duplicate",
        f"{shown(text)} is listed twice",
        "remove it",
        ("allow_origins", index),
    )


def _covered(text: str, cover: str, index: int) -> Finding:
    return Finding(
        "warning",
        "allow_origins.redundant",
        f"{shown(cover)} already covers {shown(text)}",
        "remove it",
        ("allow_origins", index),
    )
