"""The modules of the fast path, and the tests that should notice a change in each."""

from typing import NamedTuple

_MEMORY = "tests/proxy/test_memory.py"
_CONVERSATIONS = "tests/proxy/test_conversations.py"
_REPEATS = "tests/proxy/test_repeats.py"
_EXCHANGE = "tests/proxy/test_exchange.py"
_UPSTREAM = "tests/proxy/test_upstream.py"
_REWRITE = "tests/proxy/test_rewrite.py"
_COUNTING = "tests/observe/test_counting.py"
_FIELDS = "tests/http1/test_fields.py"
_ASKED = "tests/proxy/test_asked_upstream.py"
_SERVICE = "tests/proxy/test_service.py"
_PIECES = "tests/proxy/test_head_pieces.py"


class Subject(NamedTuple):
    """A module to change."""

    path: str
    """From the root of the tree."""
    tests: tuple[str, ...]
    """Files whose tests run until one fails. What they start must run in their own process: the mutation is there alone."""


def _subject(name: str, *tests: str) -> Subject:
    return Subject(f"cors_gateway/{name}.py", tests)


SUBJECTS = (
    _subject("proxy/dispatch", _MEMORY, _ASKED, _COUNTING, _REPEATS, _CONVERSATIONS),
    _subject("proxy/last_request", _MEMORY, _ASKED, _SERVICE, _REPEATS, _CONVERSATIONS),
    _subject("proxy/active", _MEMORY, _ASKED, _SERVICE, _REPEATS, _COUNTING, _CONVERSATIONS),
    _subject("proxy/preflight_memory", _MEMORY, _REPEATS, _CONVERSATIONS),
    _subject("http1/fields", _FIELDS, _MEMORY, "tests/http1/test_request.py", _CONVERSATIONS),
    _subject("http1/memo", "tests/http1/test_memo.py", _MEMORY),
    _subject("http1/request", "tests/http1/test_request.py", _FIELDS, _MEMORY, _REPEATS, _CONVERSATIONS),
    _subject("policy/compiled", "tests/policy/test_compiled.py", _MEMORY, _CONVERSATIONS),
    _subject("proxy/accounting", _MEMORY, _COUNTING, "tests/observe/test_refusals.py", _CONVERSATIONS),
    _subject("observe/metrics", _MEMORY, _COUNTING, "tests/observe/test_prometheus.py", _CONVERSATIONS),
    _subject("proxy/response_head", _REWRITE, _MEMORY, _UPSTREAM, _CONVERSATIONS),
    _subject("http1/response", "tests/http1/test_response.py", _FIELDS, _REWRITE, _UPSTREAM),
    _subject("proxy/exchange", _EXCHANGE, _MEMORY, _COUNTING, "tests/proxy/test_upstreams.py"),
    _subject("proxy/pool", _MEMORY, "tests/proxy/test_pool.py", "tests/proxy/test_upstreams.py"),
    _subject(
        "proxy/upstream", _UPSTREAM, _MEMORY, "tests/proxy/test_tunnel.py", "tests/proxy/test_upstreams.py"
    ),
    _subject("proxy/downstream", _MEMORY, _PIECES, _COUNTING, _SERVICE, _CONVERSATIONS),
)
"""The most remembering first."""
