"""Why a text is not an origin pattern, and what to write instead.

Only ever called for a text that `pattern.py` did not accept; the checks run from the plainest mistake to the rarest,
and only the first that applies counts. The hint shows a corrected spelling whenever there is one.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address

from cors_gateway.policy.origin import DEFAULT_PORTS, MAX_HOST_LENGTH, canonical_ipv6, ends_in_number, is_ipv4
from cors_gateway.policy.quoting import quoted, without_userinfo
from cors_gateway.policy.spelling import braced, is_punycode_sound, repair, split_port

_EXAMPLE = 'write scheme, host and, if it is not the default, port: "https://app.example.com"'

_Complaint = tuple[str, str, str | None]
"""Code, what is wrong, and advice; without advice the repaired spelling is the advice."""

_BRACKETS = 'write an IPv6 address in brackets: "http://[::1]:8080"'
_LIST_HOSTS = (
    "write one entry for each host; a star stands for all subdomains of a name, as in https://*.example.com"
)

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")
_LABEL = re.compile(r"[a-z0-9_-]+")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class PatternFault:
    """`code` is a stable word: `invalid`, `default_port`, `prohibited`, `null`, `regex_invalid`, `regex_unavailable`."""

    code: str
    message: str
    hint: str


def find_fault(text: str, is_pattern: Callable[[str], bool]) -> PatternFault:
    """The first thing wrong with a text that is not a pattern; `is_pattern` judges the spellings to suggest."""
    code, complaint, advice = next(_complaints(text, is_pattern), ("invalid", "is not an origin", None))
    if advice is None:
        repaired = repair(text)
        advice = f'write "{repaired}"' if is_pattern(repaired) else _EXAMPLE
    return PatternFault(code, f"{quoted(without_userinfo(text))} {complaint}", advice)


def _complaints(text: str, is_pattern: Callable[[str], bool]) -> Iterator[_Complaint]:
    yield from _of_whole(text)
    yield from _of_several(text, is_pattern)
    scheme, separator, rest = text.partition("://")
    if not separator:
        yield "invalid", "has no scheme", None
    yield from _of_scheme(scheme, rest, is_pattern)
    yield from _of_delimiters(rest)
    host, port = split_port(rest)
    yield from _of_spelling(host)
    yield from _of_port(port, f"{scheme}://{host}:*", is_pattern)
    yield from _of_stars(host)
    base = host.removeprefix("*.")
    yield from _of_address(base, is_wildcard=base != host)
    yield from _of_labels(host, base)
    if port[1:] == str(DEFAULT_PORTS.get(scheme)):
        yield "default_port", f"names the default port of {scheme}, which browsers leave out", None


def _of_whole(text: str) -> Iterator[_Complaint]:
    if text == "null":
        advice = "remove it, or set dangerously_allow_null_origin: true on a policy without credentials"
        yield "null", "is the origin of every sandboxed frame and local file: anyone can produce it", advice
    if not text:
        yield "invalid", "is empty", None
    if text == "*":
        advice = 'write allow_origins: ["*"] with nothing else in it, or list the origins'
        yield "invalid", "stands for every origin and cannot be one entry among others", advice
    if text.strip("\"'") != text:
        yield "invalid", "has quotes as part of the value", None
    if _BLANK.sub("", text[:1] + text[-1:]) != text[:1] + text[-1:]:
        yield "invalid", "begins or ends with a blank", None
    if braced(text) != text:
        yield "invalid", "names a variable without braces", f'write it with braces: "{braced(text)}"'


def _of_several(text: str, is_pattern: Callable[[str], bool]) -> Iterator[_Complaint]:
    parts = [part for part in re.split(r"[\s,;|]+", text) if part]
    several = [repair(part) for part in parts]
    if (
        len(parts) > 1
        and all("." in part or "://" in part for part in parts)
        and all(map(is_pattern, several))
    ):
        entries = ", ".join(f'"{part}"' for part in several)
        yield "invalid", "holds several origins", f"split it into {len(several)} entries: {entries}"
    if _BLANK.search(text) or "," in text:
        yield "invalid", "contains a blank, a comma or a control character", None


def _of_scheme(scheme: str, rest: str, is_pattern: Callable[[str], bool]) -> Iterator[_Complaint]:
    if "*" in scheme:
        twins = [repair(f"{each}://{rest}") for each in ("https", "http")]
        advice = 'write one entry for each scheme: "{}", "{}"'.format(*twins)
        advice = advice if all(map(is_pattern, twins)) else _EXAMPLE
        yield "invalid", "has a star in the scheme", advice
    if scheme.lower() == "file":
        advice = "serve local pages and allow http://localhost:*; Chromium with access to files sends file:// alone"
        yield "prohibited", "is never sent: browsers send null for local files", advice
    if not _SCHEME.fullmatch(scheme):
        is_upper = _SCHEME.fullmatch(scheme.lower()) is not None
        yield "invalid", "has upper-case letters" if is_upper else "has a malformed scheme", None


def _of_delimiters(rest: str) -> Iterator[_Complaint]:
    if not rest:
        yield "invalid", "has no host", None
    if "://" in rest:
        yield "invalid", "has a second scheme", None
    first = re.search(r"[/?#@\\]", rest)
    if first is None:
        return
    if first[0] == "@":
        yield "invalid", "has a user name; an origin has none", None
    if first[0] == "#":
        yield "invalid", "has a fragment; a comment needs a blank before its hash", None
    if first[0] == "?":
        yield "invalid", "has a query; an origin ends after host and port", None
    if first[0] == "\\":
        yield "invalid", "has a backslash", None
    if rest[first.start() :] == "/":
        yield "invalid", "has a trailing slash; browsers send none", None
    yield "invalid", "has a path; an origin ends after host and port", None


def _of_spelling(host: str) -> Iterator[_Complaint]:
    if not host.isascii():
        yield "invalid", "is not in the form browsers send, which is punycode", None
    if host != host.lower():
        yield "invalid", "has upper-case letters; browsers send lower case", None
    if "%" in host and not host.startswith("["):
        yield "invalid", "has a percent sign in the host", None


def _of_port(port: str, any_port: str, is_pattern: Callable[[str], bool]) -> Iterator[_Complaint]:
    digits = port[1:]
    for_any = f'write "{any_port}" for any port' if is_pattern(any_port) else "write :* for any port"
    if port in ("", ":*"):
        return
    if not digits:
        yield "invalid", "has a colon without a port", None
    elif "*" in digits:
        yield "invalid", "has a star as part of a port", f"{for_any}, or the whole number"
    elif ":" in digits:
        yield "invalid", "has an IPv6 address without brackets, or two ports", _BRACKETS
    elif not (digits.isascii() and digits.isdigit()):
        yield "invalid", "has a port that is not a number", None
    elif not 0 < int(digits[:6]) <= 65535:
        yield "invalid", "has a port outside 1 to 65535", f"{for_any}, or one from 1 to 65535"
    elif digits.startswith("0"):
        yield "invalid", "has a port with a leading zero", None


def _of_stars(host: str) -> Iterator[_Complaint]:
    if "*" not in host:
        return
    base = host.lstrip("*.")
    if not base:
        yield "invalid", "stands for every host", 'list the hosts, or write allow_origins: ["*"]'
    if host.endswith("*"):
        yield "invalid", "has a star for the top-level domain, which anyone can register under", _LIST_HOSTS
    if "*" in base:
        yield "invalid", "has a star in the middle of the host", _LIST_HOSTS
    if host.count("*") > 1:
        yield "invalid", "has more than one star; one already stands for any number of labels", None
    if not host.startswith("*."):
        yield "invalid", "has a star that is not the whole leftmost label", None


def _of_address(base: str, *, is_wildcard: bool) -> Iterator[_Complaint]:
    is_address = base.startswith("[") or ends_in_number(base)
    if is_wildcard and is_address:
        advice = "write the address without the star"
        yield "invalid", "has a wildcard under an address; addresses have no subdomains", advice
    if base.startswith("["):
        yield from _of_ipv6(base)
    elif is_address and not is_ipv4(base):
        yield "invalid", "is not an IPv4 address as browsers write it", None


def _of_ipv6(host: str) -> Iterator[_Complaint]:
    address = host[1:-1]
    if not host.endswith("]"):
        yield "invalid", "has text after the bracket, or no closing bracket", None
    if "%" in address:
        yield "invalid", "has a zone; browsers send none", None
    parsed = _ipv6(address)
    if parsed is None:
        yield "invalid", "has brackets around something that is not an IPv6 address", None
    elif parsed.ipv4_mapped is not None:
        yield "prohibited", "maps an IPv4 address", f'write the IPv4 address: "{parsed.ipv4_mapped}"'
    elif canonical_ipv6(address) != address:
        yield "prohibited", "is not the compressed spelling that browsers send", None


def _ipv6(address: str) -> IPv6Address | None:
    try:
        return IPv6Address(address)
    except AddressValueError:
        return None


def _of_labels(host: str, base: str) -> Iterator[_Complaint]:
    room = MAX_HOST_LENGTH if base == host else MAX_HOST_LENGTH - len("a.")
    if len(base) > room:
        yield "invalid", f"has a host of over {MAX_HOST_LENGTH} bytes", "no DNS name is that long"
    if base.startswith("["):
        return
    for label in base.removesuffix(".").split("."):
        if not label:
            yield "invalid", "has an empty label", None
        elif not _LABEL.fullmatch(label):
            yield "invalid", f"has a host label with a character no browser sends: {quoted(label)}", None
        elif len(label) > 63:
            yield "invalid", "has a host label of over 63 bytes", "no DNS name has one that long"
    if not is_punycode_sound(base):
        advice = "write the punycode that a browser shows for the host"
        yield "invalid", "has an xn-- label that does not decode", advice
