"""`suggest`: where the refusals come from, forms and exit codes. What is suggested is tested in `tests/explain`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main
from tests.cli.admin_listener import AdminListener, unused_address

CONFIGURATION = """\
version: 1
routes:
  - {name: api, path: /, upstream: http://127.0.0.1:9, cors: {allow_origins: [https://app.example.com]}}
"""
ROW = {
    "route": "api",
    "origin": "https://new.example.com",
    "reason": "origin_not_allowed",
    "kind": "actual",
    "count": 3,
    "last": 1.0,
    "method": "GET",
    "host": "api.example.com",
    "path": "/x",
    "headers": "",
}
LINE = {
    "event": "request",
    "method": "GET",
    "path": "/x",
    "origin": "https://new.example.com",
    "cors": {"kind": "actual", "outcome": "refused", "reason": "origin_not_allowed"},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIGURATION)
    return file


def run(config: Path, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["suggest", "-c", str(config), *arguments], input=text)


def test_the_running_gateway_is_asked(config: Path) -> None:
    listener = AdminListener(200, json.dumps({"refusals": [ROW]}).encode())
    with listener.on_tcp() as address:
        result = run(config, "--url", address, "--token", "s3cret")

    assert result.exit_code == 0
    assert listener.requests == ["GET /refusals Bearer s3cret"]
    assert result.stdout == (
        f"# 3 requests were refused by the gateway at http://{address}: add what is yours, leave what is not\n"
        "routes:\n"
        "  - name: api\n"
        "    cors:\n"
        f"      allow_origins:  # add to what is there ({config}:3)\n"
        "        - https://new.example.com  # 3 x, last GET /x\n"
    )


def test_it_is_asked_where_the_configuration_has_it_unless_an_address_is_given(config: Path) -> None:
    listener = AdminListener(200, json.dumps({"refusals": [ROW]}).encode())
    with listener.on_tcp() as address:
        named = address.removeprefix("http://")
        config.write_text(f'{CONFIGURATION}admin: {{listen: "{named}", token: s3cret-and-long}}\n')
        found = run(config)
        elsewhere = run(config, "--url", unused_address())

    assert found.exit_code == 0, found.stderr
    assert listener.requests == ["GET /refusals Bearer s3cret-and-long"]
    assert elsewhere.exit_code == 1


@pytest.mark.parametrize("is_piped", [False, True])
def test_an_access_log_is_read(config: Path, tmp_path: Path, is_piped: bool) -> None:
    log = tmp_path / "access.log"
    log.write_text(f"{json.dumps(LINE)}\n" * 2)

    result = run(config, "--from", "-", text=log.read_text()) if is_piped else run(config, "--from", str(log))

    assert result.exit_code == 0
    assert result.stdout.startswith("# 2 of 2 requests in ")
    assert "- https://new.example.com  # 2 x, last GET /x\n" in result.stdout


def test_json_for_programs(config: Path) -> None:
    with AdminListener(
        200, json.dumps({"refusals": [ROW, {**ROW, "origin": "null"}]}).encode()
    ).on_tcp() as address:
        result = run(config, "--url", address, "--format", "json")

    document = json.loads(result.stdout)
    (suggestion,) = document["suggestions"]
    assert (suggestion["route"], suggestion["key"], suggestion["action"]) == ("api", "allow_origins", "add")
    assert suggestion["values"] == [{"value": "https://new.example.com", "count": 3, "warnings": []}]
    assert [each["origin"] for each in document["left_out"]] == ["null"]


def test_a_configuration_is_not_changed(config: Path, tmp_path: Path) -> None:
    with AdminListener(200, json.dumps({"refusals": [ROW]}).encode()).on_tcp() as address:
        run(config, "--url", address)

    assert config.read_text() == CONFIGURATION
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.yaml"]


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, b'{"status": 401}'), (404, b"not found"), (200, b'{"refusals": [{"a": 1}]}'), (200, b"[]")],
)
def test_an_answer_of_another_kind_ends_with_1(config: Path, status: int, body: bytes) -> None:
    with AdminListener(status, body).on_tcp() as address:
        result = run(config, "--url", address)

    assert result.exit_code == 1
    assert f"http://{address} answered {status}, and not as the admin listener does" in result.stderr


def test_no_answer_ends_with_1(config: Path) -> None:
    result = run(config, "--url", unused_address())

    assert result.exit_code == 1
    assert "no answer from http://127.0.0.1" in result.stderr


def test_a_log_of_another_form_ends_with_1(config: Path) -> None:
    result = run(config, "--from", "-", text='1.2.3.4 - - [x] "GET / HTTP/1.1" 200 1 "-" "curl"\n')

    assert result.exit_code == 1
    assert "is it an access log of the form json?" in result.stderr


def test_an_invalid_configuration_ends_with_1(config: Path) -> None:
    config.write_text("version: 1\nroutes: {}\n")

    assert run(config, "--from", "-", text="").exit_code == 1


@pytest.mark.parametrize(
    "arguments", [["--url", "nonsense"], ["--from", "/nowhere/access.log"], ["--format", "xml"]]
)
def test_wrong_usage_ends_with_2(config: Path, arguments: list[str]) -> None:
    assert run(config, *arguments).exit_code == 2
