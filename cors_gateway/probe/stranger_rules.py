"""Who is let in that should not be. Where no policy is known, a star is taken for meant, and the echo of a stranger is not."""

from collections.abc import Iterator

from cors_gateway.policy.quoting import quoted
from cors_gateway.probe.finding import Defect, Finding
from cors_gateway.probe.judging import is_credentialed, named_origin
from cors_gateway.probe.pages import IMITATIONS, Role
from cors_gateway.probe.question import Kind
from cors_gateway.probe.visit import Judged, Visit

_LIST_ORIGINS = (
    "compare the whole value of Origin with a list, and name in the answer only what the list holds"
)


def strangers(visit: Visit) -> Iterator[Finding]:
    """One finding for each sort of page that gets more than it should."""
    let_in = [
        each
        for each in visit.of(Kind.ACTUAL, Kind.PREFLIGHT)
        if each.standing.allowed and each.question.expected.allowed is not True
    ]
    reflected = [each for each in let_in if _is_echo(each, Role.STRANGER)]
    if reflected:
        # Whatever else gets through, gets through for this reason.
        yield _reflection(_worst(reflected))
        return
    for role in Role:
        echoed = [each for each in let_in if _is_echo(each, role)]
        if echoed and role not in (Role.LISTED, Role.NOBODY):
            yield _echo(_worst(echoed))
    for each in let_in:
        if each.question.expected.allowed is False and not _is_echo(each, each.question.page.role):
            yield _unexpected(each)


def _is_echo(each: Judged, role: Role) -> bool:
    """Whether a page of this sort is named in the answer. Pages of `tests:` and listed ones are no strangers."""
    page = each.question.page
    is_stranger = role not in (Role.LISTED, Role.NOBODY) and not each.question.is_test
    return is_stranger and page.role is role and named_origin(each.answer) == page.origin


def _worst(let_in: list[Judged]) -> Judged:
    return next((each for each in let_in if is_credentialed(each.exchange)), let_in[0])


def _with_what(each: Judged) -> str:
    """What the page gets."""
    what = "its preflights granted" if each.question.kind is Kind.PREFLIGHT else "the answer to read"
    cookies = ", to requests with the user's cookies as well" if is_credentialed(each.exchange) else ""
    return f"{what}{cookies}"


def _reflection(each: Judged) -> Finding:
    message = f"any site gets {_with_what(each)}: {each.origin} was named in Access-Control-Allow-Origin"
    hint = _LIST_ORIGINS
    if not is_credentialed(each.exchange):
        hint += '; if every site may read, answer "*"'
    return each.finding(Defect.REFLECTS_ANY_ORIGIN, message, hint)


def _echo(each: Judged) -> Finding:
    page, gets = each.question.page, _with_what(each)
    is_harmless = not is_credentialed(each.exchange)
    if page.role in IMITATIONS:
        mistake = {
            Role.BEGINS_LIKE: "which only begins like",
            Role.ENDS_LIKE: "which only ends like",
            Role.DOT_AS_LETTER: "which has a letter for a dot of",
        }[page.role]
        message = f"{page.origin}, {mistake} {page.like}, gets {gets}: anyone can register such a name"
        return each.finding(
            Defect.LOOK_ALIKE_ALLOWED, message, f"{_LIST_ORIGINS}; anchor and escape expressions"
        )
    if page.role is Role.NULL:
        message = f"a page without an origin gets {gets}: every site is one in a sandboxed frame"
        return each.finding(Defect.NULL_ALLOWED, message, "take null off the list")
    if page.role is Role.PLAIN_HTTP:
        message = f"{page.origin} gets {gets}: whoever replaces its pages on the way acts as the user"
        hint = f"list {quoted(page.like)} only, and compare the scheme"
        return each.finding(
            Defect.INSECURE_ORIGIN_ALLOWED, message, hint, "warning" if is_harmless else "error"
        )
    message = f"{page.origin} gets {gets}: whatever runs on a visitor's own machine"
    return each.finding(
        Defect.LOCAL_ORIGIN_ALLOWED, message, "list pages of development in development only", "warning"
    )


def _unexpected(each: Judged) -> Finding:
    expected = each.question.expected.reason
    why = f" ({expected})" if expected is not None else ""
    message = f"the policy refuses the {each.question}{why}, and the endpoint grants it"
    hint = (
        "find out who answers: a backend or a proxy that writes CORS headers of its own, or an older policy"
    )
    return each.finding(Defect.GRANTED_UNEXPECTEDLY, message, hint)
