"""What caches, the browser's among them, make of answers that depend on the page that asks."""

from collections.abc import Iterator

from cors_gateway.probe.finding import Defect, Finding
from cors_gateway.probe.judging import is_storable, named_origin, varies_by_origin
from cors_gateway.probe.pages import Role
from cors_gateway.probe.question import Kind, Place
from cors_gateway.probe.visit import Judged, Visit


def vary(visit: Visit) -> Iterator[Finding]:
    """Fetch, "CORS protocol and HTTP caches": answers that depend on Origin say so, with a grant or without."""
    asked = list(visit.of(Kind.PLAIN, Kind.ACTUAL, places=[Place.GIVEN, Place.FRESH]))
    if len({named_origin(each.answer) for each in asked if not each.answer.is_redirect}) < 2:
        return
    lacking = [each for each in asked if is_storable(each.answer) and not varies_by_origin(each.answer)]
    for each in lacking:
        named = named_origin(each.answer)
        grant = "no grant" if named is None else f"the grant for {named}"
        message = f"the answer to {each.question} has no Vary: Origin: a cache hands it, with {grant}, to every other page"
        hint = "add Origin to Vary on every answer of this address, also where nothing is granted or no Origin was sent"
        yield each.finding(Defect.VARY_ORIGIN_MISSING, message, hint)


def order(visit: Visit) -> Iterator[Finding]:
    """The same page, the same question, at addresses where others came first and where they did not."""
    seen: dict[tuple[str, str], list[Judged]] = {}
    for each in visit.of(Kind.ACTUAL, places=[Place.GIVEN, Place.FRESH]):
        others = seen.setdefault((each.origin, each.question.method), [])
        other = next((other for other in others if _is_mixed_up(each, other)), None)
        if other is not None:
            yield _mixed_up(*sorted((each, other), key=_is_spoilt, reverse=True))
        others.append(each)


def _is_mixed_up(one: Judged, other: Judged) -> bool:
    is_same_otherwise = one.answer.status == other.answer.status
    says_so = varies_by_origin(one.answer) or varies_by_origin(other.answer)
    return is_same_otherwise and says_so and named_origin(one.answer) != named_origin(other.answer)


def _is_spoilt(each: Judged) -> bool:
    """Whether this is not what the server would have said: a listed page is refused, or another one is named."""
    if each.question.page.role is Role.LISTED:
        return not each.standing.allowed
    return named_origin(each.answer) is not None


def _mixed_up(spoilt: Judged, other: Judged) -> Finding:
    message = (
        f"{spoilt.origin} was answered with {_shown(spoilt)} at {spoilt.question.path} and with {_shown(other)} at"
        f" {other.question.path}: it depends on who asked before"
    )
    hint = "have the cache in front keep to Vary: Origin, or put Origin into its key; or leave the path out of it"
    return spoilt.finding(Defect.CACHE_IGNORES_VARY, message, hint)


def _shown(each: Judged) -> str:
    named = named_origin(each.answer)
    return "no grant" if named is None else f"the grant for {named}"
