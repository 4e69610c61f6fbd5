"""Names for what `compare` finds between nginx and its translation: those of `codes.yaml`, by what is seen.

A name that fits explains nothing yet. The case has to record it, or the report of the import has to tell the defect or
the gap that it follows from, or it is a difference that docs/from-nginx.md tells of every gateway and every nginx.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from cors_gateway.probe.comparison import Aspect, Difference
from cors_gateway.probe.judging import named_origin
from cors_gateway.probe.pages import Role
from cors_gateway.probe.question import Answer, Kind
from tests.migrate.case import Case

ALWAYS = frozenset(
    {"preflight_not_forwarded", "options_forwarded", "error_readable", "cors_fields_not_exposed"}
)
"""Preflights are answered here, other OPTIONS are not, errors carry the grant, and no script reads the grant itself."""

_CORS = "access-control-"

_REGEXES = ("unanchored_regex", "unescaped_dot", "no_label_boundary", "public_suffix_origin")
_UNUSABLE = ("comma_list", "invalid_allow_origin", "duplicate_allow_origin", "header_name_typo")
_LOST = ("inherited_lost", "if_overrides_if", "method_branch_missing")
_GUARDS = ("return", "deny", "auth_basic", "auth_request", "internal")
_FILES = ("root", "alias", "try_files", "location", "fastcgi_pass")

FOLLOWS_FROM: dict[str, tuple[str, ...]] = {
    "backend_cors_removed": ("hide_incomplete", "backend_duplicate"),
    "closed": (*_GUARDS, "rewrite", "proxy_pass"),
    "credentials_withheld": ("reflects_any_with_credentials", "wildcard_with_credentials"),
    "duplicate_resolved": ("duplicate_allow_origin", "backend_duplicate"),
    "error_page_passed": ("error_page",),
    "grant_completed": (*_UNUSABLE, *_LOST),
    "guarded_closed": _GUARDS,
    "insecure_origin_dropped": ("insecure_origin_with_credentials",),
    "max_age_capped": ("max_age_too_long",),
    "not_served": (*_FILES, "return", "proxy_pass", "server_name"),
    "null_refused": ("null_origin_allowed",),
    "preflight_not_granted": ("inherited_lost",),
    "preflight_works": ("preflight_not_answered", "preflight_blocked", *_UNUSABLE, *_LOST),
    "redirect_not_made": ("return", "rewrite"),
    "stranger_refused": (*_REGEXES, "reflects_any_with_credentials"),
    "vary_added": ("vary_missing",),
}
"""The defects, and the directives that are left out, which a report tells instead of the difference itself."""


def names_of(difference: Difference) -> Sequence[str]:
    """Every name that fits what is seen, the nearest first."""
    old, new = difference.one.exchange.answer, difference.other.exchange.answer
    return () if old is None or new is None else tuple(_names(difference, old, new))


def explanation(difference: Difference, case: Case, report: dict[str, Any]) -> str | None:
    """The name that explains it; None if nothing does."""
    told = {finding["code"] for finding in report["findings"]}
    told |= {gap["directive"] for gap in report["untranslated"]}
    recorded = {name for probe in case.probes for name in probe.differs} | ALWAYS
    for name in names_of(difference):
        if name in recorded or not told.isdisjoint(FOLLOWS_FROM.get(name, ())):
            return name
    return None


def _names(difference: Difference, old: Answer, new: Answer) -> Iterator[str]:
    is_bare_options = difference.question.kind is Kind.OPTIONS
    match difference.aspect:
        case Aspect.CACHES:
            yield "vary_added" if difference.one.text.startswith("no Vary") else "vary_dropped"
        case Aspect.REMEMBERED:
            yield "max_age_capped"
        case Aspect.VERDICT if difference.one.text == "allowed":
            yield from _closer(difference)
        case Aspect.VERDICT:
            yield from _wider(difference, old)
        case Aspect.READABLE_HEADERS if all(name.startswith(_CORS) for name in _readable_once(difference)):
            yield "cors_fields_not_exposed"
        case Aspect.READABLE_HEADERS if is_bare_options and old.status != new.status:
            yield "options_forwarded"
        case Aspect.READABLE_HEADERS:
            yield "backend_cors_removed"
        case Aspect.STATUS | Aspect.REDIRECT if old.is_redirect:
            yield "redirect_not_made"
        case Aspect.STATUS if new.status == 404:
            yield from ("guarded_closed",) if old.status in (401, 403) else ("closed", "not_served")
        case Aspect.STATUS if is_bare_options and 200 <= old.status < 300:
            yield "options_forwarded"
        case Aspect.STATUS:
            yield from ("error_page_passed", "reaches_backend")


def _readable_once(difference: Difference) -> set[str]:
    """Names that only one of the two lets scripts read."""
    old, new = (set(side.text.split(", ")) for side in (difference.one, difference.other))
    return old ^ new


def _closer(difference: Difference) -> Iterator[str]:
    """nginx lets somebody in whom the gateway does not."""
    question = difference.question
    if question.request.credentials:
        yield "credentials_withheld"
    match question.page.role:
        case Role.NULL:
            yield "null_refused"
        case Role.PLAIN_HTTP:
            yield from ("insecure_origin_dropped", "stranger_refused")
        case Role.LISTED:
            yield "preflight_not_granted" if question.kind is Kind.PREFLIGHT else "closed"
        case _:
            yield "stranger_refused"


def _wider(difference: Difference, old: Answer) -> Iterator[str]:
    """The gateway grants what nginx did not: to pages that are listed, or nothing explains it."""
    question = difference.question
    kind = question.kind
    if question.page.role is not Role.LISTED:
        return
    if old.is_redirect:
        yield "redirect_not_made"
    elif len(old.values("access-control-allow-origin")) > 1:
        yield "duplicate_resolved"
    if kind is Kind.PREFLIGHT:
        yield "preflight_works" if old.status < 300 else "preflight_not_forwarded"
    elif kind is Kind.OPTIONS and old.status < 300:
        yield "options_forwarded"
    elif old.status >= 400 and named_origin(old) is None:
        yield "error_readable"
    else:
        yield "grant_completed"
