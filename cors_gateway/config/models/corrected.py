"""What an operator probably meant by a value of the wrong type, so that a hint proposes what will not be refused again."""

import re

from cors_gateway.config.syntax.endpoints import EndpointFault, parse_listener
from cors_gateway.config.syntax.tree import Path
from cors_gateway.policy.pattern import is_pattern
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.spelling import braced, repair

_SEVERAL = re.compile(r"[\s,;]+")
_ORIGINS = frozenset({"allow_origins", "public_origins"})


def as_list(path: Path, written: str) -> str:
    """The list that a text or number stands for, in the form of YAML: cut at commas and blanks, each entry repaired."""
    key = path[-1] if path else ""
    if "${" in written:
        return f"[{quoted(written)}]"
    entries = [part for part in _SEVERAL.split(written) if part] or [written]
    return f"[{', '.join(quoted(_entry(key, entry)) for entry in entries)}]"


def address(path: Path, number: str) -> str | None:
    """The address that a lone port stands for, where an address is expected."""
    holder = path[-2] if path and isinstance(path[-1], int) and len(path) > 1 else path[-1] if path else ""
    if path[:1] == ("admin",):
        candidate = f"127.0.0.1:{number}"
    elif "listen" in (holder, *path[-2:-1]) or holder == "address":
        candidate = f"0.0.0.0:{number}"
    else:
        return None
    return None if isinstance(parse_listener(candidate), EndpointFault) else candidate


def _entry(key: str | int, text: str) -> str:
    if braced(text) != text:
        return braced(text)
    if key in _ORIGINS and text != "*" and not is_pattern(text):
        repaired = repair(text)
        return repaired if is_pattern(repaired) else text
    if key == "listen":
        fault = parse_listener(text)
        meant = re.fullmatch(r'write "(.*)"', fault.hint) if isinstance(fault, EndpointFault) else None
        return meant[1] if meant else text
    return text
