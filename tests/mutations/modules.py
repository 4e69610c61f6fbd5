"""The modules of the fast path, and the tests that should notice a change in each."""

from typing import NamedTuple

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
    """A module to change."""

    path: str
    """From the root of the tree."""
    tests: tuple[str, ...]
    """Files whose tests run until one fails. What they start must run in their own process: the mutation is there alone."""


def _subject(name: str, *tests: str) -> Subject:
    return Subject(f"cors_gateway/{name}.py", (*[f"tests/{test}.py" for test in tests], *_GATEWAY))


SUBJECTS = (
    _subject("proxy/dispatch", *_ROUTES, _CAUSES),
    _subject("proxy/last_request", *_ROUTES, _CAUSES, "proxy/test_logins"),
    _subject("proxy/active", *_ROUTES),
    _subject("proxy/preflight_memory"),
    _subject("http1/fields", "http1/test_fields"),
    _subject("http1/memo", "http1/test_memo"),
    _subject("http1/request", "http1/test_request", "http1/test_fields"),
    _subject("policy/compiled", "policy/test_compiled", "proxy/test_diagnosis"),
    _subject("proxy/accounting", "observe/test_refusals", _CAUSES),
    _subject("observe/metrics", "observe/test_prometheus"),
    _subject("proxy/exchange", "proxy/test_exchange", "proxy/test_upstreams"),
    _subject("proxy/response_head", "proxy/test_rewrite", "proxy/test_upstream", *_ROUTES),
    _subject("http1/response", "http1/test_response", "http1/test_fields", "proxy/test_rewrite"),
    _subject("proxy/pool", "proxy/test_pool", "proxy/test_upstreams"),
    _subject("proxy/upstream", "proxy/test_upstream", "proxy/test_tunnel", "proxy/test_upstreams"),
    _subject("proxy/downstream", "proxy/test_head_pieces", _CAUSES),
)
"""The most remembering first."""
