"""Findings and differences, for people and for programs. Keys are only ever added; the verbs describe them."""

from collections.abc import Sequence
from textwrap import fill

from cors_gateway.probe.comparison import Difference, Side
from cors_gateway.probe.finding import Finding
from cors_gateway.probe.question import Exchange, Question

WIDTH = 100

Json = dict[str, object]


def render_findings(url: str, findings: Sequence[Finding], asked: int, notes: Sequence[str]) -> str:
    """What the doctor says."""
    lines = []
    for finding in findings:
        reason = f" ({finding.reason})" if finding.reason is not None else ""
        others = "answer shows" if finding.more == 1 else "answers show"
        more = f" ({finding.more} more {others} the same.)" if finding.more else ""
        lines += [
            f"{finding.severity} {finding.defect}{reason}",
            _wrapped(f"{_sentence(finding.message)}{more}"),
            _wrapped(_sentence(finding.hint)),
            f"  {finding.shown_by.curl}",
            "",
        ]
    lines += [_wrapped(_sentence(f"note: {note}"), "") for note in notes]
    count = f"{len(findings)} defect{'s' * (len(findings) != 1)}" if findings else "no defects"
    return "\n".join((*lines, f"{url}: {count}, {asked} requests")) + "\n"


def findings_document(url: str, findings: Sequence[Finding], asked: int, notes: Sequence[str]) -> Json:
    return {
        "ok": not findings,
        "url": url,
        "requests": asked,
        "findings": [
            {
                "severity": finding.severity,
                "code": finding.defect.value,
                "reason": None if finding.reason is None else finding.reason.value,
                "message": finding.message,
                "hint": finding.hint,
                "question": question_document(finding.shown_by.question),
                "more": finding.more,
                "answer": _answer(finding.shown_by),
                "curl": finding.shown_by.curl,
            }
            for finding in findings
        ],
        "notes": list(notes),
    }


def render_differences(
    urls: tuple[str, str], differences: Sequence[Difference], asked: int, notes: Sequence[str]
) -> str:
    """What a browser would notice."""
    lines = []
    for difference in differences:
        lines.append(f"{difference.aspect}: {difference.question}")
        lines += [f"  likewise: {question}" for question in difference.also]
        for name, side in (("A", difference.one), ("B", difference.other)):
            reason = f" ({side.reason})" if side.reason is not None else ""
            lines += [_wrapped(f"{name}{reason} {side.text}"), f"    {side.exchange.curl}"]
        lines.append("")
    lines += [_wrapped(_sentence(f"note: {note}"), "") for note in notes]
    count = (
        f"{len(differences)} difference{'s' * (len(differences) != 1)}" if differences else "no difference"
    )
    lines.append(f"A {urls[0]}, B {urls[1]}: {count} to a browser, {asked} requests each")
    return "\n".join(lines) + "\n"


def differences_document(
    urls: tuple[str, str], differences: Sequence[Difference], asked: int, notes: Sequence[str]
) -> Json:
    return {
        "ok": not differences,
        "a": urls[0],
        "b": urls[1],
        "requests": asked,
        "differences": [
            {
                "aspect": difference.aspect.value,
                "question": question_document(difference.question),
                "also": [question_document(question) for question in difference.also],
                "a": _side(difference.one),
                "b": _side(difference.other),
            }
            for difference in differences
        ],
        "notes": list(notes),
    }


def question_document(question: Question) -> Json:
    """A question; of a preflight, method and headers are those that it asks for."""
    request = question.request
    return {
        "kind": question.kind.value,
        "page": question.page.role.value,
        "origin": request.origin,
        "method": request.method,
        "path": question.path,
        "headers": list(request.call.unsafe_headers),
        "credentials": request.credentials,
        "text": str(question),
    }


def _side(side: Side) -> Json:
    return {
        "reason": None if side.reason is None else side.reason.value,
        "text": side.text,
        "answer": _answer(side.exchange),
        "curl": side.exchange.curl,
    }


def _answer(exchange: Exchange) -> Json | None:
    """Status and the fields that CORS is about; nothing that could be a secret."""
    if exchange.answer is None:
        return None
    shown = ("access-control-", "vary", "location", "cache-control", "age")
    headers = [[name, value] for name, value in exchange.answer.headers if name.lower().startswith(shown)]
    return {"status": exchange.answer.status, "headers": headers}


def _sentence(text: str) -> str:
    return (
        f"{text[:1].upper()}{text[1:]}." if text[:1].islower() and not text.startswith("http") else f"{text}."
    )


def _wrapped(text: str, indent: str = "  ") -> str:
    return fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent or "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
