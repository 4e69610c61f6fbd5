"""The doctor: every rule over every address, each defect told once for an address.

A defect that explains why a listed page gets nothing stands for the refusals that follow from it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from cors_gateway.probe.cache_rules import order, vary
from cors_gateway.probe.finding import Defect, Finding
from cors_gateway.probe.header_rules import headers
from cors_gateway.probe.listed_rules import listed, redirected, unanswered
from cors_gateway.probe.question import Exchange, Kind, Place
from cors_gateway.probe.stranger_rules import strangers
from cors_gateway.probe.visit import Judged, Visit, visits

_EVERY_PLACE = tuple(Place)
_HARMLESS = frozenset({Defect.MAX_AGE_UNUSABLE})
"""Defects of an answer that cost no script anything."""


def examine(exchanges: Sequence[Exchange]) -> list[Finding]:
    """Everything that is wrong, errors before warnings, in the order of `Defect`."""
    ranks = list(Defect)
    found = [finding for visit in visits(exchanges) for finding in _once(_findings(visit))]
    return sorted(found, key=lambda finding: (finding.severity == "warning", ranks.index(finding.defect)))


def _findings(visit: Visit) -> Iterator[Finding]:
    explained: set[Judged] = set()
    # What a page gets shows a defect better than what nobody gets.
    for each in sorted(visit.of(*Kind, places=_EVERY_PLACE), key=lambda each: not each.origin):
        found = list(headers(each))
        yield from found
        if any(finding.defect not in _HARMLESS for finding in found):
            explained.add(each)
    mixed_up = list(order(visit))
    yield from mixed_up
    if mixed_up:
        explained |= set(visit.of(Kind.ACTUAL, places=_EVERY_PLACE))
    yield from vary(visit)
    yield from strangers(visit)
    yield from listed(visit, explained)
    yield from redirected(visit)
    yield from unanswered(visit)


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first of each defect, with the number of the others."""
    by_defect: dict[Defect, list[Finding]] = {}
    for finding in findings:
        by_defect.setdefault(finding.defect, []).append(finding)
    for same in by_defect.values():
        exchanges = dict.fromkeys(id(finding.shown_by) for finding in same)
        yield replace(same[0], more=len(exchanges) - 1)
