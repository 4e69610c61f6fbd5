"""The paths of one host, from all its Ingresses, as the locations that ingress-nginx makes of them.

Where one of them uses expressions, all become expressions without an end and without regard to case, the longest text first.
What an owner wrote as a plain path is kept plain here, and what a longer expression takes away is left out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from cors_gateway.config.lint.written_path import path_problem
from cors_gateway.migrate.ingress.directives import directive
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.findings import finding
from cors_gateway.migrate.ingress.locations import Ingress, location_body
from cors_gateway.migrate.ingress.services import Unknown
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.paths import below
from cors_gateway.migrate.nginx.pcre import search
from cors_gateway.migrate.outcome import Finding, Untranslated

_PLAIN = re.compile(r"/[A-Za-z0-9/._~%@!,;:=&-]*")
_REFERENCE = re.compile(r"\$(?:[0-9]|\{)")
_TO_THE_LETTER = "without use-regex these signs count to the letter, and no request has them"
_BOUNDARY = "nginx takes every path that begins so; routes end where segments end"


@dataclass(frozen=True, slots=True, eq=False)
class IngressPath:
    """One path, with where it leads."""

    ingress: Ingress
    node: Node
    """The entry of `paths`, or the default backend."""
    path: str
    kind: str
    """`Exact`, `Prefix` or `ImplementationSpecific`."""
    backend: Node
    address: str | Unknown

    @property
    def is_plain(self) -> bool:
        return _PLAIN.fullmatch(self.path) is not None

    @property
    def is_rewritten(self) -> bool:
        target = self.ingress.rewrite_target
        return target is not None and target.value.strip() not in ("", self.path)

    @property
    def at(self) -> Node:
        return self.node.at("path") or self.node

    @property
    def written(self) -> str:
        return f"path: {self.path}"


@dataclass(slots=True)
class Locations:
    """What the paths of a host become."""

    directives: list[Directive]
    findings: list[Finding]
    left: list[Untranslated]
    notes: list[Untranslated]
    closed: list[IngressPath] = field(default_factory=list)
    """Exact paths below which nginx let nobody through to a broader one."""


def locations_of(paths: Iterable[IngressPath]) -> Locations:
    """The locations of one host. Of the same path the first counts."""
    made = Locations([], [], [], [])
    kept = list(_first_of_each(paths, made))
    are_expressions = any(one.is_rewritten or one.ingress.uses_expressions for one in kept)
    made.left += _guarded_further(kept, are_expressions=are_expressions)
    if are_expressions:
        kept = list(_reachable(kept, made))
        _warn(kept, made)
        for one in kept:
            if not one.is_plain or _can_be_asked(one, made):
                made.directives += _expression(one, made)
    else:
        made.directives += [_plain(one, made) for one in kept if _can_be_asked(one, made)]
    return made


def _first_of_each(paths: Iterable[IngressPath], made: Locations) -> Iterator[IngressPath]:
    taken: dict[tuple[str, str], IngressPath] = {}
    for one in paths:
        first = taken.setdefault((one.path, one.kind), one)
        if first is one:
            yield one
        else:
            winner = f"{one.path} of {first.ingress.node.name or 'another Ingress'} ({first.at.file}:{first.at.line})"
            made.findings.append(finding("never_reached", one.at, winner=winner))
            made.left.append(Untranslated("path", one.at.file, one.at.line, f"{winner} comes first"))


def _guarded_further(paths: list[IngressPath], *, are_expressions: bool) -> Iterator[Untranslated]:
    """Guards that held for more than whole segments: the rest goes to a broader path here, if there is one."""
    for one in paths:
        is_prefix = one.kind == "ImplementationSpecific" and not one.path.endswith("/")
        is_open_ended = are_expressions or is_prefix
        broader = [other for other in paths if other is not one and other.kind != "Exact" and other.is_plain]
        if one.ingress.is_guarded and is_open_ended and any(below(one.path, other.path) for other in broader):
            case = ", whatever its case" if are_expressions else ""
            why = f"nginx guarded all that begins so{case}; whole segments are closed here, so see what the broader path serves"
            yield Untranslated("path", one.at.file, one.at.line, why)


def _reachable(paths: list[IngressPath], made: Locations) -> Iterator[IngressPath]:
    """The longest text is asked first; what begins like an earlier one never gets a request."""
    ordered = sorted(sorted(paths, key=lambda one: one.path, reverse=True), key=lambda one: -len(one.path))
    for at, one in enumerate(ordered):
        winner = next(
            (
                other
                for other in ordered[:at]
                if one.is_plain
                and one.path != other.path
                and search(f"^{other.path}", one.path, ignore_case=True)
            ),
            None,
        )
        if winner is None:
            yield one
            continue
        said = f"{winner.path} ({winner.at.file}:{winner.at.line})"
        made.findings.append(finding("never_reached", one.at, winner=said))
        made.left.append(Untranslated("path", one.at.file, one.at.line, f"{said} takes its requests"))


def _warn(paths: list[IngressPath], made: Locations) -> None:
    """Of the paths that somebody else's annotation changes, the first is named; an exact one changes most."""
    plain = [
        one
        for one in paths
        if one.is_plain and one.path != "/" and not one.is_rewritten and not one.ingress.uses_expressions
    ]
    for one in sorted(plain, key=lambda one: one.kind != "Exact")[:1]:
        made.findings.append(finding("paths_become_expressions", one.at, path=one.path))
    for one in paths:
        prefixes = [other.path for other in paths if other.kind != "Exact" and other.is_plain]
        is_alone = one.path.rstrip("/") not in {path.rstrip("/") for path in prefixes}
        if (
            one.is_plain
            and one.kind == "Exact"
            and is_alone
            and any(below(one.path, path) for path in prefixes)
        ):
            made.closed.append(one)


def _expression(one: IngressPath, made: Locations) -> Iterator[Directive]:
    body = location_body(one.ingress, one.path, one.backend, one.address)
    if not one.is_plain:
        yield directive("location", "~*", f"^{one.path}", at=one.at, block=body, written=one.written)
        return
    target = one.ingress.rewrite_target
    if one.is_rewritten and target is not None and not _REFERENCE.search(target.value):
        made.findings.append(
            finding("rewrite_loses_path", target.node, path=one.path, target=target.value.strip())
        )
        exact = replace(one, kind="Exact")
        yield directive("location", "=", exact.path, at=one.at, block=body, written=one.written)
        if one.kind == "Exact":
            return
        if one.path == "/":
            yield directive("location", "^~", "/", at=one.at, block=body, written=one.written)
            return
    if one.kind == "Exact":
        yield directive("location", "=", one.path, at=one.at, block=body, written=one.written)
    else:
        path = one.path if one.path.endswith("/") else f"{one.path}/"
        yield directive("location", "^~", path, at=one.at, block=body, written=one.written)


def _can_be_asked(one: IngressPath, made: Locations) -> bool:
    """Whether a path that counts to the letter is one that requests have."""
    problem = path_problem(one.path)
    if problem is None and one.is_plain:
        return True
    why = _TO_THE_LETTER if problem is None or not one.is_plain else f"the path {problem[0]}"
    made.left.append(Untranslated("path", one.at.file, one.at.line, why))
    return False


def _plain(one: IngressPath, made: Locations) -> Directive:
    body = location_body(one.ingress, one.path, one.backend, one.address)
    if one.kind == "Exact":
        return directive("location", "=", one.path, at=one.at, block=body, written=one.written)
    path = one.path
    if one.kind == "Prefix":
        path = one.path if one.path.endswith("/") else f"{one.path}/"
    elif not one.path.endswith("/"):
        made.notes.append(Untranslated("path", one.at.file, one.at.line, _BOUNDARY))
    return directive("location", path, at=one.at, block=body, written=one.written)
