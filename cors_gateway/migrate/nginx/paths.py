"""Which requests a location gets, as routes can say it: prefixes, exact paths, and ends of paths."""

import re
from dataclasses import dataclass

from cors_gateway.migrate.nginx.expression import (
    Expansion,
    Node,
    expansions,
    is_unbounded_any,
    parse_expression,
)
from cors_gateway.migrate.nginx.scope import LocationMatch

_EXTENSION = re.compile(r"\.((?:[A-Za-z0-9_~-]{1,32}\.){0,3}[A-Za-z0-9_~-]{1,32})")
_UNRESERVED = re.compile(r"[^A-Za-z0-9._~!$&'()*+,=:@/-]")


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A set of paths."""

    path: str
    is_exact: bool = False
    extensions: tuple[str, ...] = ()

    @property
    def sample(self) -> str:
        """A path out of it."""
        if self.extensions:
            return f"{self.path.rstrip('/')}/wq7x.{self.extensions[0]}"
        return self.path if self.is_exact else f"{self.path.rstrip('/')}/wq7x"

    def covers(self, other: "PathPattern") -> bool:
        """Whether requests for `other` would come here, if it were not there."""
        if self.extensions:
            return False
        if self.is_exact:
            return other.is_exact and self.path == other.path
        return below(other.path, self.path)


def below(path: str, prefix: str) -> bool:
    """Whether a path is the prefix or below it, on the boundary of a segment."""
    base = prefix.rstrip("/")
    return path.rstrip("/") == base or path.startswith(f"{base}/")


def patterns_of(match: LocationMatch) -> tuple[PathPattern, ...] | None:
    """What a location asks of paths; None where routes cannot say it. Named locations have none."""
    if match.kind == "@":
        return ()
    if match.kind in ("~", "~*"):
        return expression_patterns(match.text, ignore_case=match.kind == "~*")
    path = _quoted(match.text)
    return (PathPattern(path, match.kind == "="),) if path.startswith("/") else None


def expression_patterns(text: str, *, ignore_case: bool) -> tuple[PathPattern, ...] | None:
    """`^/x/`, `^/(a|b)/`, `\\.(woff2|ttf)$`; None for anything else."""
    expression = parse_expression(text, ignore_case=ignore_case)
    alternatives = expansions(expression.root) if expression else None
    if expression is None or alternatives is None:
        return None
    found: dict[str, PathPattern] = {}
    ends: dict[str, list[str]] = {}
    for alternative in alternatives:
        pattern = _pattern(alternative, expression.has_start, expression.has_end)
        if pattern is None:
            return None
        if pattern.extensions:
            ends.setdefault(pattern.path, []).extend(pattern.extensions)
            continue
        found.setdefault(pattern.path if pattern.is_exact else f"{pattern.path.rstrip('/')}/", pattern)
    wide = {one.path.rstrip("/") for one in found.values() if not one.is_exact}
    found = {key: one for key, one in found.items() if not (one.is_exact and one.path.rstrip("/") in wide)}
    suffixes = tuple(
        PathPattern(path, extensions=tuple(dict.fromkeys(names))) for path, names in ends.items()
    )
    return (*found.values(), *suffixes) or None


def literal_prefix(text: str, *, ignore_case: bool) -> str:
    """The directory in which everything lies that an expression matches; `/` if it is not known."""
    expression = parse_expression(text, ignore_case=ignore_case)
    alternatives = expansions(expression.root) if expression and expression.has_start else None
    starts = {
        row[0].rpartition("/")[0] if row and isinstance(row[0], str) else "" for row in alternatives or ()
    }
    return _quoted(f"{starts.pop()}/") if len(starts) == 1 else "/"


def named_segments(text: str, *, ignore_case: bool) -> tuple[PathPattern, ...]:
    """What an expression such as `/\\.git` spells out, taken at the top: the part of it that a route can close."""
    expression = parse_expression(text, ignore_case=ignore_case)
    rows = expansions(expression.root) if expression and not expression.has_start else None
    texts = [row[0] for row in rows or () if len(row) == 1 and isinstance(row[0], str)]
    return tuple(
        PathPattern(_quoted(path)) for path in texts if re.fullmatch(r"/[^/]*[A-Za-z0-9][^/]*/?", path)
    )


def _pattern(alternative: Expansion, has_start: bool, has_end: bool) -> PathPattern | None:
    parts = list(alternative)
    if not has_start:
        parts = parts[1:] if parts and _is_any(parts[0]) and len(parts) > 1 else parts
        return _suffix("/", parts) if has_end else None
    if len(parts) >= 2 and isinstance(parts[0], str) and parts[0].startswith("/") and _is_any(parts[1]):
        prefix = _quoted(parts[0])
        if len(parts) == 2:
            return PathPattern(prefix)
        return _suffix(prefix, parts[2:]) if has_end and prefix.endswith("/") else None
    if len(parts) == 1 and isinstance(parts[0], str) and parts[0].startswith("/"):
        return PathPattern(_quoted(parts[0]), is_exact=has_end)
    return PathPattern("/") if not parts and not has_end else None


def _suffix(path: str, parts: list[str | Node]) -> PathPattern | None:
    if len(parts) != 1 or not isinstance(parts[0], str):
        return None
    found = _EXTENSION.fullmatch(parts[0])
    return PathPattern(path, extensions=(found[1],)) if found else None


def _is_any(part: str | Node) -> bool:
    """`.*`, `.+` and classes that admit slashes: what stands there does not matter."""
    return is_unbounded_any(part)


def _quoted(path: str) -> str:
    """nginx compares decoded paths; routes are written as requests are."""
    return _UNRESERVED.sub(lambda char: "".join(f"%{byte:02X}" for byte in char[0].encode()), path)
