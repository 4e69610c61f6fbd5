"""The short cuts of the fast path, and the tests that should notice a change in each.

A short cut is what spares work because of what came before: what is remembered, what is bound to a request, how a
request gets past what others need, and what is counted on the way. Its mistakes come only with the second request, so
that a test which asks once finds none: that is why these modules are mutated. What moves bytes is not here (`pool.py`,
`upstream.py`, `exchange.py`, the rest of `downstream.py`): it takes the same way each time, and its tests are scenarios
that wait, of which a mutation takes minutes. Nor are the heads of responses (`response_head.py`, `http1/response.py`):
what is kept of one is compared, pair by pair, with what it would be alone (`tests/proxy/test_rewrite.py`).
"""

from typing import NamedTuple

from tests.mutations.edits import Mutation, mutations

_GATEWAY = (
    *("tests/proxy/test_memory.py", "tests/proxy/test_asked_upstream.py", "tests/proxy/test_service.py"),
    *("tests/proxy/test_turns.py", "tests/proxy/test_patience.py", "tests/observe/test_counting.py"),
)
"""A gateway in the process of the test. Every module of the fast path runs in some of these.

The generated conversations are not among them: what only a lucky draw notices gets a test of its own.
"""

_ROUTES = ("proxy/test_locations", "proxy/test_location_responses")
_CAUSES = "observe/test_causes"


class Subject(NamedTuple):
    """A module to change, or some of its functions."""

    path: str
    """From the root of the tree."""
    tests: tuple[str, ...]
    """Files whose tests run until one fails. What they start must run in their own process: the mutation is there alone."""
    scopes: tuple[str, ...] = ()
    """Functions to change, with dots; all of the module if there is none."""

    def mutations(self, source: bytes) -> list[Mutation]:
        """Those of the module, in the order of its text, as far as they are wanted."""
        return [each for each in mutations(source) if not self.scopes or each.name.scope in self.scopes]


def _subject(name: str, *tests: str, scopes: tuple[str, ...] = ()) -> Subject:
    return Subject(f"cors_gateway/{name}.py", (*[f"tests/{test}.py" for test in tests], *_GATEWAY), scopes)


SUBJECTS = (
    _subject("proxy/dispatch", *_ROUTES, _CAUSES),
    _subject("proxy/last_request", *_ROUTES, _CAUSES, "proxy/test_logins"),
    _subject("proxy/active", *_ROUTES, _CAUSES),
    _subject("proxy/preflight_memory"),
    _subject("http1/fields", "http1/test_fields"),
    _subject("http1/memo", "http1/test_memo"),
    _subject("http1/request", "http1/test_request", "http1/test_fields"),
    _subject("policy/compiled", "policy/test_compiled", "proxy/test_diagnosis"),
    _subject(
        *("proxy/accounting", "observe/test_refusals", "observe/test_access_log", _CAUSES),
        scopes=(
            *("Accounting.finished", "Accounting.answered", "Accounting.repeated", "Accounting.refused"),
            *("Accounting._note_refusal", "LoggedAccounting.repeated"),
        ),
    ),
    _subject("observe/metrics", "observe/test_prometheus"),
    _subject(
        *("proxy/downstream", "proxy/test_preflight_again", "proxy/test_head_pieces", "proxy/test_locations"),
        _CAUSES,
        scopes=tuple(
            f"ClientConnection.{name}" for name in ("data_received", "_take_request", "_answer_as_before")
        ),
    ),
)
"""The most remembering first."""
