"""How browsers spell a host and a port, to check punycode and to suggest what an operator probably meant.

Suggestions only ever end up in messages: nothing that is decided at request time passes through here.
"""

import re
import socket
import unicodedata
from encodings import idna

from cors_gateway.policy.origin import DEFAULT_PORTS, canonical_ipv6, ends_in_number, is_ipv4

_DEVIATIONS = frozenset("ßς\u200c\u200d")
"""Letters that browsers keep and the older mapping behind the `idna` codec loses (UTS 46 section 2.3)."""
_UNPRINTABLE = frozenset(("Cc", "Cs", "Co", "Zs", "Zl", "Zp"))
_LEADING_STARS = re.compile(r"[.*]*\*[.*]*(?=[^.*])")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\(([A-Za-z_][A-Za-z0-9_]*)\))")
_LOCAL = ("localhost", "127.", "[::1]")


def repair(text: str) -> str:
    """The spelling a browser would use for what was probably meant; not necessarily a pattern."""
    cleaned = text.strip().strip("\"'").strip()
    scheme, separator, rest = cleaned.partition("://")
    if not separator:
        rest = cleaned.lstrip("/:")
        scheme = "http" if rest.startswith(_LOCAL) else "https"
    scheme = scheme.lower()
    if "://" in rest:
        rest = rest.rpartition("://")[2]
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    host, port = split_port(authority)
    stars = _LEADING_STARS.match(host)
    star, base = ("*.", host[stars.end() :]) if stars else ("", host)
    return f"{scheme}://{star}{_repair_host(base.lower())}{_repair_port(scheme, port)}"


def braced(text: str) -> str:
    """The text with references of a shell (`$NAME`, `$(NAME)`) as a configuration has them: `${NAME}`."""
    return _VARIABLE.sub(lambda found: f"${{{found[1] or found[2]}}}", text)


def split_port(rest: str) -> tuple[str, str]:
    """What follows the scheme as host and port; the port keeps its colon and is empty if there is none."""
    if "[" in rest:
        address, bracket, port = rest.partition("]")
        return (address + bracket, port) if port[:1] in ("", ":") else (rest, "")
    host, colon, port = rest.partition(":")
    return host, colon + port


def is_punycode_sound(host: str) -> bool:
    """Whether every `xn--` label decodes to a name that a browser would encode the same way."""
    return all(_is_sound_label(label) for label in host.split(".") if label.startswith("xn--"))


def _repair_host(host: str) -> str:
    if host.startswith("["):
        address = host.strip("[]").partition("%")[0]
        return f"[{canonical_ipv6(address) or address}]"
    if not host.isascii():
        host = ".".join(_to_punycode(label) for label in re.split("[.。．｡]", host))
    if ends_in_number(host) and not is_ipv4(host):
        try:
            return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
        except (OSError, ValueError):  # ValueError: a zero byte
            return host
    return host


def _repair_port(scheme: str, port: str) -> str:
    digits = port[1:]
    if not (digits.isascii() and digits.isdigit()):
        return port if digits else ""
    number = int(digits[:9])
    return "" if number == DEFAULT_PORTS.get(scheme) else f":{number}"


def _to_punycode(label: str) -> str:
    if label.isascii():
        return label
    if not _DEVIATIONS.isdisjoint(label):
        return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")
    try:
        return idna.ToASCII(label).decode("ascii")
    except UnicodeError:
        return label


def _is_sound_label(label: str) -> bool:
    encoded = label.removeprefix("xn--").encode("ascii", "replace")
    try:
        decoded = encoded.decode("punycode")
        is_canonical = decoded.encode("punycode") == encoded
    except (UnicodeError, ValueError, OverflowError):
        return False
    if decoded.isascii() or not is_canonical:
        return False
    if decoded != unicodedata.normalize("NFC", decoded.lower()):
        return False
    return not any(unicodedata.category(letter) in _UNPRINTABLE for letter in decoded)
