"""The review of the original, for people and for programs.

People get each defect with its line, what a browser or an attacker makes of it and what became of it, the worst first; then
what was left out, and why.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from textwrap import wrap

from cors_gateway.migrate.outcome import Finding, Outcome, Untranslated

_WIDTH = 110
_TITLES = {
    "security": "Strangers get more than was meant",
    "broken": "Browsers refuse what was meant",
    "risk": "Works until something else happens",
    "noise": "Without effect",
}
"""By severity, the worst first."""


def render_text(outcome: Outcome, source: str) -> str:
    """The report for standard error."""
    return "\n".join(_lines(outcome, source)) + "\n"


def render_json(outcome: Outcome, configuration: str | None) -> str:
    """One object; keys are only ever added."""
    document = {
        "configuration": configuration,
        "findings": [
            {
                "code": one.code,
                "severity": one.severity,
                "message": one.message,
                "hint": one.hint,
                "file": one.file,
                "line": one.line,
            }
            for one in outcome.findings
        ],
        "untranslated": [_item(one) for one in outcome.untranslated],
        "notes": [_item(one) for one in outcome.notes],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _item(one: Untranslated) -> dict[str, str | int]:
    return {"directive": one.directive, "file": one.file, "line": one.line, "why": one.why}


def _lines(outcome: Outcome, source: str) -> Iterator[str]:
    yield from _summary(outcome, source)
    order = list(_TITLES)
    ranked = sorted(outcome.findings, key=lambda one: order.index(one.severity))
    for severity, group in groupby(ranked, key=lambda one: one.severity):
        yield ""
        yield _TITLES[severity]
        for finding in group:
            yield from _finding(finding)
    if outcome.untranslated:
        yield ""
        yield "Left out"
        for item in outcome.untranslated:
            yield from _place(item)
    if outcome.notes:
        yield ""
        yield "Translated with a difference"
        for item in outcome.notes:
            yield from _place(item)


def _summary(outcome: Outcome, source: str) -> Iterator[str]:
    counts = {
        severity: sum(1 for one in outcome.findings if one.severity == severity) for severity in _TITLES
    }
    said = [
        f"{counts['security']} dangerous",
        f"{counts['broken']} broken",
        f"{counts['risk']} risky",
        f"{counts['noise']} idle",
    ]
    found = ", ".join(text for text in said if not text.startswith("0 ")) or "nothing wrong"
    routes = len(outcome.routes)
    made = "nothing can be routed" if outcome.is_empty else f"{routes} route{'' if routes == 1 else 's'}"
    yield f"{source}: {made}; found: {found}; left out: {len(outcome.untranslated) or 'nothing'}"


def _finding(finding: Finding) -> Iterator[str]:
    yield f"  {finding.file}:{finding.line}  {finding.code}"
    yield from _wrapped(finding.message, "    ")
    yield from _wrapped(f"→ {finding.hint}", "    ")


def _place(item: Untranslated) -> Iterator[str]:
    yield from _wrapped(f"{item.file}:{item.line}  {item.directive}: {item.why}", "  ", "      ")


def _wrapped(text: str, indent: str, later: str = "") -> list[str]:
    clean = "".join(char if char.isprintable() else " " for char in text)
    return wrap(
        clean,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=later or indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
