"""Rules for `{regex: ...}` entries."""

import pytest

from tests.config.lint.said import findings, hint, regex, said

BOTH = ("warning", "error")
"""Without and with credentials."""
WARNED = ("warning", "warning")
REFUSED = ("error", "error")
UNMENTIONED = (None, "error")

CASES: list[tuple[str, dict[str, tuple[str | None, str | None]]]] = [
    # Ordinary expressions.
    (r"https://pr-\d+\.preview\.example\.com", {}),
    (r"https://a\.example\.com|https://b\.example\.com", {}),
    (r"https://(dev|stage)-\d+\.example\.com", {}),
    (r"https://(?:www\.)?example\.(?:com|org)", {}),
    (r"https://[a-z0-9-]+\.example\.com(:\d+)?", {}),
    (r"https://([a-z0-9-]+\.)*example\.co\.uk", {}),
    (r"https://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+example\.com", {}),
    (r"https://(me|you)\.github\.io", {}),
    (r"https://example[12]\.com", {}),
    (r"https?://localhost(:\d+)?", {}),
    (r"https?://(?:[a-z]+\.)?localhost:3000|http://127\.0\.0\.1(:\d+)?", {}),
    (r"capacitor://localhost|ionic://localhost", {}),
    (r"(?i)https://App\.Example\.com", {}),
    (r"https://\Qapp.example.com\E", {}),
    # Not expressions at all.
    (r"https://(a", {"regex_invalid": REFUSED}),
    (r"https://(?!evil)[a-z]+\.example\.com", {"regex_invalid": REFUSED}),
    # Everybody.
    (r".*", {"regex_too_broad": REFUSED}),
    (r".+", {"regex_too_broad": REFUSED}),
    (r"https://.*", {"regex_too_broad": REFUSED}),
    (r"https?://[^/]+", {"regex_too_broad": REFUSED}),
    (r"\w+://[\w.-]+", {"regex_too_broad": REFUSED}),
    (r"https://\d+\.\d+\.\d+\.\d+", {"regex_too_broad": REFUSED}),
    (r"http://[0-9.]+(:\d+)?", {"regex_too_broad": REFUSED}),
    # A name that continues to the right.
    (r"https://app\.example\.com.*", {"regex_too_broad": REFUSED}),
    (r"https://app\.example\.com[^/]*", {"regex_too_broad": REFUSED}),
    (r"https://app\.example\.com(\..+)?", {"regex_too_broad": REFUSED}),
    (r"https://app\.example\.[a-z]+", {"regex_too_broad": REFUSED}),
    (r"https://(app\.example\.com|.*)", {"regex_too_broad": REFUSED}),
    (r"https://[a-z]+" + "a" * 900 + r"\.com", {}),  # longer than any host
    (r"https://[a-z]+" + "a" * 240 + r"\.com", {}),  # longer than any label
    # A name that continues to the left.
    (r"https://.*example\.com", {"regex_too_broad": REFUSED}),
    (r"https://[a-z.-]*example\.com", {"regex_too_broad": REFUSED}),
    (r"https://\w*-shop\.co\.uk", {"regex_too_broad": REFUSED}),
    (r"https://pr-\d+example\.com", {"regex_too_broad": REFUSED}),
    (r"https://[a-d][a-d]example\.com", {"regex_too_broad": REFUSED}),
    (r"https://[a-d]\.[a-d]example\.com", {}),
    (r"https://(a+)example\.com", {"regex_too_broad": REFUSED}),
    # A stray dot after what anyone may choose is part of a name that anyone can register.
    (r"https://.*.example.com", {"regex_too_broad": REFUSED, "regex_unescaped_dot": WARNED}),
    (r"https://[a-z]+.example.com", {"regex_too_broad": REFUSED, "regex_unescaped_dot": WARNED}),
    (r"https://[a-z]+.example\.com", {"regex_too_broad": REFUSED, "regex_unescaped_dot": WARNED}),
    (r"https://pr-\d+.preview.example.com", {"regex_too_broad": REFUSED, "regex_unescaped_dot": WARNED}),
    (r"https://(www|m).?example.com", {"regex_too_broad": REFUSED, "regex_unescaped_dot": WARNED}),
    (r"https://.?example\.com", {"regex_too_broad": REFUSED}),
    (r"https://[a-z]+\.app.example\.com", {"regex_unescaped_dot": WARNED}),
    (r"https://[a-z]+.app\.example\.com", {"regex_unescaped_dot": WARNED}),
    (r"https://(dev|stage).example.com", {"regex_unescaped_dot": WARNED}),
    # Names that anyone can register.
    (r"https://[a-z]+\.com", {"public_suffix": BOTH}),
    (r"https://[^.]+\.github\.io", {"public_suffix": BOTH}),
    (r"https://my-app-[a-z0-9-]+\.vercel\.app", {"public_suffix": BOTH}),
    (r"https://pr-[0-9]+--site\.netlify\.app", {"public_suffix": BOTH}),
    (r"https://.*-team\.vercel\.app", {"public_suffix": BOTH, "regex_dotstar": WARNED}),
    (r"https://pr-[0-9]+\.site\.netlify\.app", {}),
    (r"https://(app\.example\.com|my-[a-z]+\.vercel\.app)(:\d+)?", {"public_suffix": BOTH}),
    # Plain http.
    (r"http://app\.example\.com", {"insecure": ("warning", None), "insecure_credentials": UNMENTIONED}),
    (r"https?://app\.example\.com", {"insecure": ("warning", None), "regex_too_broad": UNMENTIONED}),
    (r"[a-z]+://app\.example\.com", {"insecure": ("warning", None), "regex_too_broad": UNMENTIONED}),
    (r"http://app\.example\.com:8080", {"insecure_credentials": UNMENTIONED}),
    (r"http://192\.168\.1\.\d+(:\d+)?", {"insecure_credentials": UNMENTIONED}),
    (r"http://(localhost|intranet):3000", {"insecure_credentials": UNMENTIONED}),
    # Null.
    (r"null|https://app\.example\.com", {"regex_too_broad": REFUSED}),
    (r"null", {"regex_never": REFUSED}),
    # Nobody.
    (r"app\.example\.com", {"regex_never": REFUSED}),
    (r"https://App\.example\.com", {"regex_never": REFUSED}),
    (r"https://app\.example\.com/", {"regex_never": REFUSED}),
    (r"https://app\.example\.com/.*", {"regex_never": REFUSED}),
    ("https://app\\.example\\.com\\n", {"regex_never": REFUSED}),
    (r"https://bücher\.example", {"regex_never": REFUSED}),
    (r"https://app example\.com", {"regex_never": REFUSED}),
    (r"https:///[a-z]+", {"regex_never": REFUSED}),
    (r"", {"regex_never": REFUSED}),
    # Style and slips.
    (r"https://app.example\.com", {"regex_unescaped_dot": WARNED}),
    (r"https://app\.example.[a-z]{2}\.example", {"regex_unescaped_dot": WARNED}),
    (r"https://(www.|)example\.com", {"regex_unescaped_dot": WARNED}),
    (r"https://.*\.example\.com", {"regex_dotstar": WARNED}),
    (r"https://.+?\.example\.com", {"regex_dotstar": WARNED}),
    (r"https://(.*\.)?example\.com", {"regex_dotstar": WARNED}),
    (r"^https://app\.example\.com$", {"regex_anchors": WARNED}),
    (r"\Ahttps://app\.example\.com\z", {"regex_anchors": WARNED}),
    (r"https://app\.example\.com:443", {"regex_default_port": WARNED}),
    (r"https://app\.example\.com(:443)?", {"regex_default_port": WARNED}),
    (r"http://localhost:80|http://localhost", {"regex_default_port": WARNED}),
    (r"https://app\.example\.com:80", {}),
    (r"https://app\.example\.com:4\d\d", {}),
    # Nested repeats.
    (r"https://([a-z]+)+\.example\.com", {"regex_redos": REFUSED}),
    (r"https://([a-z0-9]+-?)+\.example\.com", {"regex_redos": REFUSED}),
    (r"https://(?:(?:a*)*b)*\.example\.com", {"regex_redos": REFUSED}),
    (r"https://([a-z]+-)+[a-z]+\.example\.com", {}),
]


@pytest.mark.parametrize("with_credentials", [False, True], ids=["anonymous", "credentials"])
@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_expression(
    expression: str, expected: dict[str, tuple[str | None, str | None]], *, with_credentials: bool
) -> None:
    severities = {code: pair[with_credentials] for code, pair in expected.items()}
    assert said(allow_origins=[regex(expression)], allow_credentials=with_credentials) == {
        f"{severity} allow_origins.{code} at allow_origins[0]"
        for code, severity in severities.items()
        if severity
    }


@pytest.mark.parametrize(
    ("code", "expression", "advice"),
    [
        ("regex_never", r"app\.example\.com", r"https://app\.example\.com"),
        ("regex_never", r"https://App\.example\.com", r"https://app\.example\.com"),
        ("regex_never", r"https://app\.example\.com/.*", r"https://app\.example\.com"),
        ("regex_never", "null", "dangerously_allow_null_origin"),
        ("regex_unescaped_dot", r"https://app.example.com", r"https://app\.example\.com"),
        ("regex_dotstar", r"https://.*\.example\.com", '"https://*.example.com"'),
        ("regex_dotstar", r"https://.*\.example\.com:8443", '"https://*.example.com:8443"'),
        ("regex_anchors", r"^https://app\.example\.com$", r"write https://app\.example\.com"),
        ("regex_default_port", r"https://app\.example\.com:443", "remove :443"),
        ("regex_too_broad", r"https://.*example\.com", 'dot before "example.com"'),
        ("regex_too_broad", r".*", '["*"]'),
        ("regex_too_broad", r"https://.*.example.com", r"write https://.*\.example\.com"),
        ("regex_too_broad", r"https://(www|m).?example.com", 'dot before "example.com"'),
    ],
)
def test_hints_say_what_to_write(code: str, expression: str, advice: str) -> None:
    assert advice in hint(f"allow_origins.{code}", allow_origins=[regex(expression)])


@pytest.mark.parametrize(
    ("expression", "stranger"),
    [
        (r"https://.*example\.com", "https://attackerexample.com"),
        (r"https://app\.example\.com.*", "https://app.example.com.attacker.example"),
        (r"https://[^.]+\.github\.io", "https://attacker.github.io"),
        (r"https?://app\.example\.com", "http://app.example.com"),
        (r"https://pr-\d{4}example\.com", "https://pr-0000example.com"),
    ],
)
def test_messages_name_an_origin_that_gets_through(expression: str, stranger: str) -> None:
    assert f'"{stranger}"' in findings(allow_origins=[regex(expression)], allow_credentials=True)[0].message


@pytest.mark.parametrize(
    "expression", [r"https://[^.]+\.github\.io", r"https://pr-[0-9]+--site\.netlify\.app"]
)
def test_the_flag_for_public_suffixes_counts_for_expressions(expression: str) -> None:
    assert said(
        allow_origins=[regex(expression)],
        allow_credentials=True,
        dangerously_allow_public_suffix=True,
    ) == {"warning allow_origins.public_suffix at allow_origins[0]"}


def test_each_expression_is_judged_in_its_place() -> None:
    assert said(allow_origins=["https://app.example.com", regex(".*"), regex("x")]) == {
        "error allow_origins.regex_too_broad at allow_origins[1]",
        "error allow_origins.regex_never at allow_origins[2]",
    }


def test_beside_the_star_expressions_are_only_redundant() -> None:
    assert said(allow_origins=["*", regex(".*")]) == {"warning allow_origins.redundant at allow_origins[1]"}


def test_an_expression_too_large_to_analyse_is_still_probed() -> None:
    large = "|".join(f"https://[a-z]{{50}}{number}" for number in range(30))
    assert said(allow_origins=[regex(f"{large}|https://.*")]) == {
        "error allow_origins.regex_too_broad at allow_origins[0]"
    }


def test_where_a_service_shares_its_domain_the_hint_names_the_flag() -> None:
    entry = regex(r"https://pr-[0-9]+--site\.netlify\.app")

    advice = hint("allow_origins.public_suffix", allow_origins=[entry], allow_credentials=True)

    assert "dangerously_allow_public_suffix" in advice


def test_no_flag_lifts_what_lets_in_a_domain_of_its_own() -> None:
    said_of_it = said(
        allow_origins=[regex(r"https://[a-z]+example\.com")],
        allow_credentials=True,
        dangerously_allow_public_suffix=True,
    )

    assert said_of_it == {"error allow_origins.regex_too_broad at allow_origins[0]"}


def test_an_extension_may_have_a_host_in_upper_case() -> None:
    assert said(allow_origins=[regex("safari-web-extension://[0-9A-F-]{36}")]) == set()
