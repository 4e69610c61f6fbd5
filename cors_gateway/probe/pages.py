"""Pages that ask: those that are listed, nobody's, and those that are easily taken for listed ones.

Strangers live under `.invalid`, which nobody can register (RFC 6761 section 6.4). Whether they ought to get anything is
not said here: that is the policy's word, or common sense where no policy is known.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cors_gateway.config.lint.public_suffix import is_open_to_registration
from cors_gateway.config.lint.regex.language import automaton_of, common_value, described_by
from cors_gateway.config.lint.regex.origin_sets import ANY_ORIGIN
from cors_gateway.config.lint.regex.parser import parse_regex
from cors_gateway.policy.origin import MAX_HOST_LENGTH, Origin, ends_in_number, parse_origin
from cors_gateway.policy.pattern import OriginPattern, PatternKind, is_loopback
from cors_gateway.policy.policy import Policy

STRANGER = "https://stranger.invalid"
ANYBODY = "https://anybody.invalid"
"""A page that a policy for everybody admits."""
LOCAL_PAGE = "http://localhost:3000"
"""Where a front end runs during development, more often than anywhere else."""
MAX_LISTED = 3
"""Listed pages of one policy that are asked for: one of each kind of entry, then the first of the rest."""

_ANY_PORT = 8443


class Role(StrEnum):
    """What a page is to the endpoint."""

    NOBODY = "nobody"
    """No page: a navigation, another program."""
    LISTED = "listed"
    STRANGER = "stranger"
    BEGINS_LIKE = "begins_like"
    """`https://app.example.com.stranger.invalid`: a comparison that forgets the end."""
    ENDS_LIKE = "ends_like"
    """`https://strangerexample.com`: a comparison that forgets the dot in front."""
    DOT_AS_LETTER = "dot_as_letter"
    """`https://appxexample.com`: an expression whose dot means any letter."""
    PLAIN_HTTP = "plain_http"
    """The listed host without TLS."""
    LOCAL = "local"
    NULL = "null"


IMITATIONS = frozenset({Role.BEGINS_LIKE, Role.ENDS_LIKE, Role.DOT_AS_LETTER})


@dataclass(frozen=True, slots=True)
class Page:
    """Where a request comes from."""

    role: Role
    origin: str | None = None
    """None only for nobody."""
    like: str = ""
    """The listed origin that it imitates."""


NOBODY = Page(Role.NOBODY)


def listed_pages(policy: Policy) -> list[Page]:
    """Pages that the policy admits, at most `MAX_LISTED`, of as many kinds as it has entries of."""
    if policy.any_origin:
        return [Page(Role.LISTED, ANYBODY)]
    by_kind: dict[PatternKind, list[str]] = {}
    for pattern in policy.allow_origins:
        sample = _sample(pattern)
        if sample is not None and len(by_kind.setdefault(pattern.kind, [])) < MAX_LISTED:
            by_kind[pattern.kind].append(sample)
    first = [samples[0] for samples in by_kind.values() if samples]
    rest = [sample for samples in by_kind.values() for sample in samples[1:]]
    return [Page(Role.LISTED, origin) for origin in dict.fromkeys((*first, *rest))][:MAX_LISTED]


def other_pages(listed: Sequence[str]) -> list[Page]:
    """Pages that are not listed, each different from all that are."""
    pages = [Page(Role.STRANGER, STRANGER), Page(Role.NULL, "null"), *_imitations(listed)]
    if not any(_is_local(origin) for origin in listed):
        pages.append(Page(Role.LOCAL, LOCAL_PAGE))
    return [page for page in pages if page.origin not in listed]


def _sample(pattern: OriginPattern) -> str | None:
    """An origin that the entry matches."""
    if pattern.regex is not None:
        automaton = automaton_of(parse_regex(pattern.regex))
        return None if automaton is None else common_value(automaton, described_by(ANY_ORIGIN))
    host = "sample" if pattern.any_host else pattern.host
    host = f"sample.{host}" if pattern.subdomains else host
    return str(Origin(pattern.scheme, host, _ANY_PORT if pattern.any_port else pattern.port))


def _imitations(listed: Iterable[str]) -> Iterator[Page]:
    """Of the first listed page that can be imitated: a site, not an app's own scheme."""
    for text in listed:
        origin = parse_origin(text.encode("ascii", "replace"))
        if origin is None or origin.scheme not in ("http", "https") or origin.host[0] == "[":
            continue
        hosts = {Role.BEGINS_LIKE: f"{origin.host}.stranger.invalid"}
        if "." in origin.host and not ends_in_number(origin.host):
            hosts[Role.ENDS_LIKE] = f"stranger{_registrable(origin.host)}"
            hosts[Role.DOT_AS_LETTER] = origin.host.replace(".", "x", 1)
        for role, host in hosts.items():
            if len(host) <= MAX_HOST_LENGTH:
                yield Page(role, str(origin._replace(host=host)), text)
        if origin.scheme == "https" and not is_loopback(origin.host):
            yield Page(Role.PLAIN_HTTP, str(origin._replace(scheme="http")), text)
        return


def _registrable(host: str) -> str:
    """The part of the name that somebody registered; of a private network's name its last two labels."""
    labels = host.split(".")
    for start in range(1, len(labels)):
        if is_open_to_registration(".".join(labels[start:])):
            return ".".join(labels[start - 1 :])
    return ".".join(labels[-2:])


def _is_local(origin: str) -> bool:
    parsed = parse_origin(origin.encode("ascii", "replace"))
    return parsed is not None and is_loopback(parsed.host)
