"""From documents to checked parts: every upstream, policy, route and test on its own, with the place it stands.

What is wrong inside one part is found here; what does not fit together is found in `resolve.py`.
"""

from collections.abc import Iterator
from collections.abc import Mapping as Mapping_
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter

from cors_gateway.config.models.file import VERSION, IncludedFile, MainFile
from cors_gateway.config.models.kinds import name_fault
from cors_gateway.config.models.policy import PolicySection
from cors_gateway.config.models.route import ExpectationSection, RouteSection
from cors_gateway.config.models.server import AdminSection, AdminValue, ServerSection
from cors_gateway.config.models.upstream import UpstreamSection
from cors_gateway.config.models.validate import check, missing_key, plain, unknown_key
from cors_gateway.config.problems import Problem
from cors_gateway.config.syntax.includes import Sources
from cors_gateway.config.syntax.tree import Document, Mapping, Path, Sequence
from cors_gateway.policy.quoting import quoted
from cors_gateway.snapshot import Location

STRICT = ConfigDict(strict=True)

T = TypeVar("T")

_SERVER: TypeAdapter[ServerSection] = TypeAdapter(ServerSection)
_ADMIN: TypeAdapter[str | AdminSection] = TypeAdapter(AdminValue)
_UPSTREAM = TypeAdapter(UpstreamSection)
_ROUTE = TypeAdapter(RouteSection)
_TEST = TypeAdapter(ExpectationSection)
_ANY_MAPPING: TypeAdapter[dict[str, object]] = TypeAdapter(dict, config=STRICT)
_ANY_LIST: TypeAdapter[list[object]] = TypeAdapter(list, config=STRICT)
_VERSION = TypeAdapter(int, config=STRICT)
_INCLUDE: TypeAdapter[list[str]] = TypeAdapter(list[str], config=STRICT)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part stands."""

    document: Document
    path: Path

    @property
    def location(self) -> Location:
        return self.document.location(self.path)


@dataclass(frozen=True, slots=True)
class Placed(Place, Generic[T]):
    """A part, and where it stands."""

    value: T
    faulty: frozenset[str] = frozenset()
    """Keys that have problems of their own; their values are stand-ins that say nothing."""


@dataclass(slots=True)
class Parts:
    """Everything that the files hold."""

    main: Document
    has_all_files: bool
    """False if some file could not be read: names that nobody defines may be defined there."""
    has_all_routes: bool
    """False if a route is missing from `routes`, or has stand-ins in it: warnings about the whole may be wrong."""
    server: ServerSection | None = None
    admin: str | AdminSection | None = None
    origin_lists: dict[str, Place] = field(default_factory=dict)
    """Not checked yet: see `origin_lists.py`."""
    upstream_names: dict[str, Place] = field(default_factory=dict)
    upstreams: dict[str, Placed[UpstreamSection]] = field(default_factory=dict)
    policies: dict[str, Place] = field(default_factory=dict)
    """Not checked yet: see `policies.py`."""
    inline_policies: list[Place] = field(default_factory=list)
    """Policies written in a route; not checked yet either."""
    routes: list[Placed[RouteSection]] = field(default_factory=list)
    tests: list[Placed[ExpectationSection]] = field(default_factory=list)


def read_parts(sources: Sources, problems: list[Problem]) -> Parts:
    """Check every part of every document. Adds to `problems`."""
    parts = Parts(sources.documents[0], sources.is_complete, has_all_routes=sources.is_complete)
    for document in sources.documents:
        _check_keys(document, document is parts.main, problems)
        _check_version(document, problems)
        _read_upstreams(document, parts, problems)
        for key, found in (("origin_lists", parts.origin_lists), ("policies", parts.policies)):
            for path in _named(document, key, found, problems):
                found[str(path[-1])] = Place(document, path)
        _read_routes(document, parts, problems)
        for path in _listed(document, "tests", problems):
            test = _checked(document, path, _TEST, problems)
            if test is not None:
                parts.tests.append(Placed(document, path, test))
    _check_route_names(parts.routes, problems)
    parts.server = _checked(parts.main, ("server",), _SERVER, problems, absent=ServerSection())
    parts.admin = _checked(parts.main, ("admin",), _ADMIN, problems, absent=AdminSection())
    _checked(parts.main, ("include",), _INCLUDE, problems)
    return parts


def _checked(
    document: Document,
    path: Path,
    adapter: TypeAdapter[T],
    problems: list[Problem],
    absent: T | None = None,
) -> T | None:
    if document.node(path) is None:
        return absent
    checked = check(document, path, adapter)
    problems += checked.problems
    return checked.value


def _read_upstreams(document: Document, parts: Parts, problems: list[Problem]) -> None:
    for path in _named(document, "upstreams", parts.upstream_names, problems):
        name = str(path[-1])
        parts.upstream_names[name] = Place(document, path)
        upstream = _checked(document, path, _UPSTREAM, problems)
        if upstream is not None:
            parts.upstreams[name] = Placed(document, path, upstream)


def _read_routes(document: Document, parts: Parts, problems: list[Problem]) -> None:
    """A policy written in a route is left to `policies.py`, so that one mistake does not hide the other."""
    for path in _listed(document, "routes", problems):
        policy = (*path, "cors")
        is_inline = isinstance(document.node(policy), Mapping)
        if is_inline:
            parts.inline_policies.append(Place(document, policy))
        checked = check(document, path, _ROUTE, {"cors": PolicySection()} if is_inline else None)
        problems += checked.problems
        route = (
            Placed(document, path, checked.value)
            if checked.value
            else _salvaged(document, path, checked.faulty)
        )
        if route is None or route.faulty:
            parts.has_all_routes = False
        if route is not None:
            parts.routes.append(route)


def _salvaged(document: Document, path: Path, faulty: list[Path]) -> Placed[RouteSection] | None:
    """What is left of a route without its faulty values, so that the names in it are still looked up."""
    node = document.node(path)
    if not isinstance(node, Mapping):
        return None
    keys = frozenset(str(place[0]) for place in faulty if place)
    rest = {key: plain(entry[1], key) for key, entry in node.entries.items() if key not in keys}
    stand_ins = {
        "name": "x",
        "path": f"/-/{path[-1]}",
        "cors": PolicySection(),
    }
    if isinstance(document.node((*path, "cors")), Mapping):
        rest.pop("cors")
    return Placed(document, path, RouteSection.model_validate({**stand_ins, **rest}), keys)


def _check_keys(document: Document, is_main: bool, problems: list[Problem]) -> None:
    known = MainFile.model_fields if is_main else IncludedFile.model_fields
    for key in document.root.entries:
        if key in known:
            continue
        if key in MainFile.model_fields:
            message = f"{quoted(key)} stands in the main file only"
            problems.append(
                document.problem("schema.unknown_key", message, path=(key,), mark=document.key_mark((key,)))
            )
        else:
            problems.append(unknown_key(document, (key,), known))
    if is_main:
        problems += [
            missing_key(document, (key,)) for key in ("version", "routes") if key not in document.root.entries
        ]


def _check_version(document: Document, problems: list[Problem]) -> None:
    version = _checked(document, ("version",), _VERSION, problems)
    if version is not None and version != VERSION:
        message = f"version {version} of the format is not known to this program"
        problems.append(
            document.problem("version.unsupported", message, f"write version: {VERSION}", path=("version",))
        )


def _named(
    document: Document, key: str, taken: Mapping_[str, Place], problems: list[Problem]
) -> Iterator[Path]:
    """The paths of the entries of `upstreams` or `policies` whose names can be used and are new."""
    holder = document.node((key,))
    if not isinstance(holder, Mapping):
        _checked(document, (key,), _ANY_MAPPING, problems)
        return
    for name in holder.entries:
        path = (key, name)
        fault = name_fault(name)
        if fault is not None:
            problems.append(document.problem("name.invalid", *fault, path=path, mark=document.key_mark(path)))
        elif name in taken:
            problems.append(_duplicate(document, path, name, taken[name], "schema.duplicate_name"))
        else:
            yield path


def _listed(document: Document, key: str, problems: list[Problem]) -> Iterator[Path]:
    holder = document.node((key,))
    if isinstance(holder, Sequence):
        yield from ((key, index) for index in range(len(holder.items)))
    else:
        _checked(document, (key,), _ANY_LIST, problems)


def _check_route_names(routes: list[Placed[RouteSection]], problems: list[Problem]) -> None:
    """Metrics and logs know routes by name only."""
    taken: dict[str, Place] = {}
    for route in routes:
        if "name" in route.faulty:
            continue
        name, path = route.value.name, (*route.path, "name")
        if name in taken:
            problems.append(_duplicate(route.document, path, name, taken[name], "routes.duplicate"))
        taken.setdefault(name, route)


def _duplicate(document: Document, path: Path, name: str, first: Place, code: str) -> Problem:
    message = f"{quoted(name)} is already defined at {first.location}"
    return document.problem(code, message, "give one of the two another name", path=path)
