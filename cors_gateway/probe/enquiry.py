"""From what somebody wants to know to the questions that tell: with a configuration, or with what they say themselves."""

from dataclasses import dataclass, replace

from cors_gateway.explain.described_request import Target
from cors_gateway.explain.explainer import Explainer
from cors_gateway.probe.pages import Page, Role
from cors_gateway.probe.plan import Header, Plan, Subject, plan
from cors_gateway.probe.policy_plan import expectation_of, subjects_of, tests_of, word_of
from cors_gateway.probe.question import Question
from cors_gateway.snapshot import Snapshot

MOST_QUESTIONS = 60


@dataclass(frozen=True, slots=True)
class Enquiry:
    """What somebody says about an endpoint."""

    origins: tuple[str, ...] = ()
    """Pages that are listed, serialised."""
    methods: tuple[str, ...] = ()
    """Normalised."""
    headers: tuple[Header, ...] = ()
    credentials: bool = False
    is_unsafe: bool = False
    """Also send requests that change something."""
    most: int = MOST_QUESTIONS
    """Requests in all."""


def plan_for(target: Target, enquiry: Enquiry, snapshot: Snapshot | None, token: str) -> Plan:
    """The questions to an endpoint. `target` is its address: without a path, every route of the snapshot is asked about."""
    if snapshot is None:
        pages = tuple(Page(Role.LISTED, origin) for origin in enquiry.origins if origin != target.origin)
        methods = enquiry.methods or ("GET",)
        subjects = [Subject(target, pages, methods, "GET", enquiry.headers, enquiry.credentials)]
        expect, tests = word_of(enquiry.origins), list[Question]()
        lack = "" if pages else "no page is said to be listed, so only strangers asked; see --origin and -c"
    else:
        explainer = Explainer(snapshot)
        expect, is_whole = expectation_of(explainer), target.path == "/"
        found = subjects_of(snapshot, explainer, target, enquiry.origins, is_whole=is_whole)
        subjects = [_widened(subject, enquiry) for subject in found]
        tests = list(tests_of(snapshot, expect, target, is_whole=is_whole, is_unsafe=enquiry.is_unsafe))
        lack = "" if subjects else f"no route serves {target.host}; name the public host by --host"
    made = plan(subjects, tests, expect, most=enquiry.most, is_unsafe=enquiry.is_unsafe, token=token)
    return replace(made, notes=(*made.notes, lack)) if lack else made


def _widened(subject: Subject, enquiry: Enquiry) -> Subject:
    """With what was named beside the policy."""
    return replace(
        subject,
        methods=tuple(dict.fromkeys((*enquiry.methods, *subject.methods))),
        headers=enquiry.headers or subject.headers,
        credentials=enquiry.credentials or subject.credentials,
    )
