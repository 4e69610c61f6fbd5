"""What is secret in a file is not repeated in what is said about it."""

from pathlib import Path

import pytest

from cors_gateway.config.problems import render_github, render_json, render_text
from cors_gateway.config.syntax.secrets import redacted_line, redacted_reference
from cors_gateway.explain.described_request import DescriptionFault, parse_target
from tests.config.written import MINIMAL, load_text

SECRET = "hunter2-hunter2"

WRONG = [
    MINIMAL.replace("http://127.0.0.1:9", f"http://user:{SECRET}@backend:9"),
    MINIMAL.replace("http://127.0.0.1:9", f"https://{SECRET}@backend/path"),
    MINIMAL.replace("http://127.0.0.1:9", f"ftp://user:{SECRET}@backend"),
    MINIMAL.replace("http://127.0.0.1:9", f"user:{SECRET}@backend:9"),
    f"upstreams: {{b: {{servers: http://user:{SECRET}@backend}}}}\n{MINIMAL}",
    f"upstreams: {{b: {{servers: [http://user:{SECRET}@back_end-.:9]}}}}\n{MINIMAL}",
    f"upstreams: {{b: {{servers: ['${{BACKEND}}']}}}}\n{MINIMAL}",
    f"policies: {{p: {{allow_origins: ['https://user:{SECRET}@app.example.com']}}}}\n{MINIMAL}",
    f"policies: {{p: {{allow_origins: https://user:{SECRET}@app.example.com}}}}\n{MINIMAL}",
    f"server: {{listen: ['http://user:{SECRET}@0.0.0.0:80']}}\n{MINIMAL}",
    f"admin: {{listen: nowhere, token: {SECRET}}}\n{MINIMAL}",
    f"admin: {{token: '{SECRET} with blanks'}}\n{MINIMAL}",
    f"admin: {{token: {SECRET}, tokn: x}}\n{MINIMAL}",
    f'admin: {{listen: nowhere, token: "${{TOKEN:-{SECRET}}}"}}\n{MINIMAL}',
    f'admin: {{token: "${{TOKEN-{SECRET}}}"}}\n{MINIMAL}',
    MINIMAL.replace(
        "cors: disabled", f"cors: disabled, request_headers: {{set: {{X-Api-Key: {SECRET}, 'X B': y}}}}"
    ),
    f"origin_lists: {{f: ['https://user:{SECRET}@app.example.com']}}\n{MINIMAL}",
]


@pytest.mark.parametrize("text", WRONG)
def test_no_report_repeats_a_secret(text: str, tmp_path: Path) -> None:
    problems = load_text(tmp_path, text, {"BACKEND": f"http://user:{SECRET}@backend"}).problems

    assert any(problem.is_error for problem in problems)
    for render in (render_text, render_json, render_github):
        assert SECRET not in render(problems)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  token: abc # why", "  token: *** # why"),
        ("{token: abc, hosts: []}", "{token: ***, hosts: []}"),
        ("""{"token": "a, b"}""", """{"token": "****"}"""),
        ("token: 'abc", "token: '***"),
        ("token: ${TOKEN}", "token: ${TOKEN}"),
        ("token: ${TOKEN:-abc}", "token: ${TOKEN:-***}"),
        ("token: ${file:/run/secrets/token}", "token: ${file:/run/secrets/token}"),
        ("token:", "token:"),
        ("set: {X-Api-Key: abc, Accept: text/html}", "set: {X-Api-Key: ***, Accept: text/html}"),
        ("    Authorization: 'Bearer abc'", "    Authorization: '**********'"),
        (
            "tls: {certificate: /tls/a.pem, key: /tls/a.key}",
            "tls: {certificate: /tls/a.pem, key: /tls/a.key}",
        ),
        ("- http://u:p@b:80 # a@b", "- http://***@b:80 # a@b"),
        ("- https://app.example.com", "- https://app.example.com"),
        ("{upstream: user:abc@backend:80}", "{upstream: ********@backend:80}"),
        ("# ask ops@example.com", "# ask ops@example.com"),
        ("- {path: '/@user', name: a}", "- {path: '/@user', name: a}"),
        ("allow_headers: [X-Token]", "allow_headers: [X-Token]"),
        ("description: a token: b", "description: a token: *"),
    ],
)
def test_a_line_keeps_its_places(line: str, shown: str) -> None:
    assert redacted_line(line) == shown
    assert len(shown) == len(line)


def test_only_the_default_of_a_reference_is_secret() -> None:
    written = "${file:/run/token}-${TOKEN:?is needed}-${OTHER:-abc}-$$"

    assert redacted_reference(written) == "${file:/run/token}-${TOKEN:?is needed}-${OTHER:-********}-$$"


def test_a_url_to_explain_is_shown_without_its_password() -> None:
    with pytest.raises(DescriptionFault) as caught:
        parse_target(f"https://user:{SECRET}@api.example.com/")

    assert SECRET not in str(caught.value)
