"""From a policy in the tree to a `Policy`: the type checks of the models, then the rules of `lint/`, with places."""

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from cors_gateway.config.compile.origin_lists import Entry, Expanded, OriginLists, expand
from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.policy_rules import lint_policy
from cors_gateway.config.models.policy import PolicyKeys, PolicySection
from cors_gateway.config.models.validate import check, plain
from cors_gateway.config.policy_conversion import origin_entry, policy_of
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.config.syntax.tree import Document, Path
from cors_gateway.config.written_policy import RegexEntry, WrittenPolicy
from cors_gateway.policy.policy import Policy
from cors_gateway.snapshot import Location

_POLICY = TypeAdapter[PolicySection](PolicyKeys)
_ABSENCE_CODES = frozenset({"allow_origins.missing", "schema.conflict"})
"""Findings that may only say that a value could not be read."""


@dataclass(frozen=True, slots=True)
class PlacedPolicy:
    policy: Policy
    location: Location
    origin_locations: tuple[Location, ...]


def read_policy(
    document: Document, path: Path, lists: OriginLists, problems: list[Problem]
) -> PlacedPolicy | None:
    """Check and build the policy at a path. Adds to `problems`; None if any of them is an error."""
    checked = check(document, path, _POLICY)
    problems += checked.problems
    section = checked.value
    if section is None or any(problem.is_error for problem in checked.problems):
        problems += _salvaged_problems(document, path, checked.faulty, lists)
        return None
    expanded = expand(document, (*path, "allow_origins"), section.allow_origins or (), lists, problems)
    written = _written(section, expanded)
    findings = lint_policy(written)
    if not expanded.is_complete:
        findings = [finding for finding in findings if _is_sure(finding)]
    problems += [
        finding_problem(document, (*path, *_at_entry(finding.path, expanded.entries)), finding)
        for finding in findings
    ]
    if not expanded.is_complete or any(finding.severity == "error" for finding in findings):
        return None
    policy = policy_of(written)
    return PlacedPolicy(policy, document.location(path), _origin_locations(policy, expanded.entries))


def finding_problem(document: Document, path: Path, finding: Finding) -> Problem:
    return document.problem(
        finding.code, finding.message, finding.hint, path=path, severity=Severity(finding.severity)
    )


def _written(section: PolicySection, expanded: Expanded) -> WrittenPolicy:
    """The policy with every origin in its own place."""
    if section.allow_origins is None:
        return section
    return replace(section, allow_origins=tuple(entry.value for entry in expanded.entries))


def _salvaged_problems(
    document: Document, path: Path, faulty: list[Path], lists: OriginLists
) -> list[Problem]:
    """Apply the rules to what is left of a policy without its faulty values, so that every mistake is in one report."""
    node = document.node(path)
    value = plain(node) if node is not None else None
    if not isinstance(value, dict):
        return []
    rest, kept = _without(value, faulty)
    section = _POLICY.validate_python(rest)
    problems: list[Problem] = []
    origins = (*path, "allow_origins")
    indexes = kept.pop("allow_origins", None)
    expanded = expand(document, origins, section.allow_origins or (), lists, problems, indexes)
    return problems + [
        finding_problem(
            document, (*path, *_original(_at_entry(finding.path, expanded.entries), kept)), finding
        )
        for finding in lint_policy(_written(section, expanded))
        if _is_sure(finding)
    ]


def _is_sure(finding: Finding) -> bool:
    """Whether a finding holds although a value of the policy is not known."""
    return finding.severity == "error" and finding.code not in _ABSENCE_CODES


def _without(value: dict[str, object], faulty: list[Path]) -> tuple[dict[str, object], dict[str, list[int]]]:
    """The values that are not at fault, and for each shortened list the old indexes of its items."""
    rest, kept = dict(value), dict[str, list[int]]()
    for key in {str(place[0]) for place in faulty if place}:
        items = value.get(key)
        bad = {place[1] if len(place) > 1 else None for place in faulty if place and place[0] == key}
        if isinstance(items, list) and None not in bad:
            kept[key] = [index for index in range(len(items)) if index not in bad]
            rest[key] = [items[index] for index in kept[key]]
        else:
            rest.pop(key, None)
    return rest, kept


def _original(path: Path, kept: Dict[str, list[int]]) -> Path:
    if len(path) > 1 and path[0] in kept and isinstance(path[1], int):
        return (path[0], kept[str(path[0])][path[1]], *path[2:])
    return path


def _at_entry(path: Path, entries: Sequence[Entry]) -> Path:
    """The place in the file of a place in the expanded `allow_origins`."""
    if len(path) == 2 and path[0] == "allow_origins" and isinstance(path[1], int):
        return (path[0], entries[path[1]].at)
    return path


def _origin_locations(policy: Policy, entries: Sequence[Entry]) -> tuple[Location, ...]:
    """The places of the entries that the policy kept, in its order."""
    by_entry: dict[str | RegexEntry, Location] = {}
    for entry in entries:
        by_entry.setdefault(entry.value, entry.location)
    if policy.any_origin:
        return (by_entry["*"],)
    return tuple(by_entry[origin_entry(pattern)] for pattern in policy.allow_origins)
