"""What the translation of nginx says, in the words of the Kubernetes object: annotations instead of directives.

Noise that the controller makes for everybody, and nobody can change, is left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cors_gateway.migrate.ingress.annotations import Annotation
from cors_gateway.migrate.ingress.locations import Ingress
from cors_gateway.migrate.nginx.sentences import NOISE
from cors_gateway.migrate.outcome import Finding, Outcome, Route, Untranslated

_COMPUTED = "the server is computed from the request"
_FIELDS = {
    "location": "path",
    "proxy_pass": "backend",
    "server_name": "host",
    "server": "host",
    "upstream": "canary-weight",
}
_OWN = frozenset({"preflight_headers_on_actual", "preflight_body_headers"})
"""What every answer of the controller shows."""


class Wording:
    """Knows which annotation stands where, and why an address is not known."""

    def __init__(
        self,
        ingresses: Iterable[Ingress],
        settings: Iterable[Annotation],
        reasons: dict[tuple[str, int], str],
    ) -> None:
        ingresses = list(ingresses)
        written = [one for ingress in ingresses for one in ingress.annotations.all.values()]
        self._names = {(one.node.file, one.node.line): one.name for one in (*written, *settings)}
        self._defaults = {place for ingress in ingresses for place in ingress.cors.defaults}
        self._reasons = reasons

    def of(self, outcome: Outcome) -> Outcome:
        """The outcome, reworded."""
        return replace(
            outcome,
            routes=tuple(self._route(one) for one in outcome.routes),
            findings=tuple(self._kept(outcome.findings)),
            untranslated=tuple(self._item(one) for one in outcome.untranslated),
            notes=tuple(self._item(one) for one in outcome.notes),
        )

    def _kept(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for one in findings:
            place = (one.file, one.line)
            is_own = place in self._names and one.code in _OWN
            if not is_own and not (place in self._defaults and one.severity == NOISE):
                yield one

    def _item(self, one: Untranslated) -> Untranslated:
        place = (one.file, one.line)
        why = self._reasons.get(place, one.why) if one.why == _COMPUTED else one.why
        return replace(
            one, directive=self._names.get(place) or _FIELDS.get(one.directive, one.directive), why=why
        )

    def _route(self, route: Route) -> Route:
        return replace(route, comments=tuple(self._comment(text) for text in route.comments))

    def _comment(self, text: str) -> str:
        for (file, line), why in self._reasons.items():
            text = text.replace(f"({file}:{line}): {_COMPUTED}", f"({file}:{line}): {why}")
        return text
