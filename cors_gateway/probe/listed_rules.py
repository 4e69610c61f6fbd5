"""Who is kept out that should be let in, and why."""

from collections.abc import Iterator

from cors_gateway.policy.quoting import quoted
from cors_gateway.probe.finding import Defect, Finding, Severity
from cors_gateway.probe.judging import named_origin, varies_by_origin
from cors_gateway.probe.pages import Role
from cors_gateway.probe.question import Kind, Place
from cors_gateway.probe.visit import Judged, Visit

FIRST_ERROR = 400


def listed(visit: Visit, explained: set[Judged]) -> Iterator[Finding]:
    """What listed pages lack. `explained` are answers of which it is known already why no script gets them."""
    refused = [
        each
        for each in visit.of(Kind.ACTUAL, Kind.PREFLIGHT)
        if each.is_promised and not each.standing.allowed and each not in explained
    ]
    is_stripped = any(each.question.kind is Kind.ACTUAL for each in refused) and _is_stripped(visit)
    for each in refused:
        if each.question.kind is Kind.ACTUAL and each.answer.is_redirect:
            continue
        if is_stripped:
            yield _stripped(each)
        elif _is_bare_error(each):
            yield _bare_error(each)
        else:
            yield _not_granted(each)
    if not refused:
        for each in visit.of(Kind.ACTUAL, places=[Place.MISSING]):
            if each.is_promised and _is_bare_error(each) and each not in explained:
                yield _bare_error(each)


def redirected(visit: Visit) -> Iterator[Finding]:
    """A redirect of the request itself, which a script follows or not, but never sees."""
    for each in visit.of(Kind.ACTUAL):
        if each.answer.is_redirect and each.question.page.role is Role.LISTED:
            target = ", ".join(each.answer.values("location"))
            message = f"the {each.question} is redirected ({each.answer.status}) to {quoted(target)}"
            if each.standing.allowed:
                message += (
                    ", which has to grant the page access as well, to the origin null if it is a third one"
                )
            else:
                message += f"; browsers stop there, because of the redirect itself {each.standing.fault}"
            hint = "let scripts call the address that answers; answer 401 to scripts instead of redirecting to a login"
            severity: Severity = "warning" if each.standing.allowed or not each.is_promised else "error"
            yield each.finding(Defect.REQUEST_REDIRECTED, message, hint, severity)


def unanswered(visit: Visit) -> Iterator[Finding]:
    """A question that got no answer. Whoever drops the connections of strangers may have a reason."""
    for exchange in visit.exchanges:
        question = exchange.question
        if exchange.answer is None and question.page.role in (Role.LISTED, Role.NOBODY):
            message = f"the {question} got no answer: {exchange.failure}"
            hint = "look for a firewall or a server that does not expect such a request"
            yield Finding(Defect.NO_ANSWER, "error", message, hint, exchange, None)


def _is_bare_error(each: Judged) -> bool:
    is_error = each.answer.status >= FIRST_ERROR and named_origin(each.answer) is None
    return is_error and each.question.kind is Kind.ACTUAL


def _is_stripped(visit: Visit) -> bool:
    """Whether the endpoint looks at Origin and sees none: nobody gets any CORS header, and the answers still vary."""
    answers = [each.answer for each in visit.of(Kind.ACTUAL, Kind.PREFLIGHT)]
    has_grant = any(
        name.lower().startswith("access-control-") for answer in answers for name, _ in answer.headers
    )
    return not has_grant and any(varies_by_origin(each.answer) for each in visit.of(Kind.ACTUAL))


def _stripped(each: Judged) -> Finding:
    message = f"the {each.question} is answered as if it had no Origin, although answers vary by it"
    hint = "look for a hop in front that removes Origin; if there is none, the origin is not listed here"
    return each.finding(Defect.ORIGIN_STRIPPED, message, hint)


def _bare_error(each: Judged) -> Finding:
    message = f"the {each.question} is answered {each.answer.status} without a grant: the script sees a network error"
    hint = "add the CORS headers to errors as well (nginx: always), and to those that a proxy makes itself"
    return each.finding(Defect.ERRORS_WITHOUT_GRANT, message, hint)


def _not_granted(each: Judged) -> Finding:
    source = "the policy allows" if each.question.expected.reason is not None else "you expect to pass"
    message = f"the {each.question}, which {source}, is refused: {each.standing.fault}"
    if each.question.kind is not Kind.PREFLIGHT:
        hint = f"answer with Access-Control-Allow-Origin: {each.origin}"
    elif each.answer.status >= FIRST_ERROR:
        hint = "answer OPTIONS with Access-Control-Request-Method yourself, with a 2xx and what is allowed"
    else:
        hint = "list what scripts ask for in the answer to the preflight"
    return each.finding(Defect.NOT_GRANTED, message, hint)
