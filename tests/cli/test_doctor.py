"""`doctor` and `compare`: options, forms and exit codes. What they find is tested in `tests/probe`."""

import asyncio
import json
import ssl
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from cors_gateway.cli import main
from tests.cli.admin_listener import unused_address
from tests.probe import servers
from tests.probe.servers import APP, PATH, running
from tests.wire.raw_backend import bound_socket
from tests.wire.stream_backend import serving_streams

QUICK = ("--pause", "0")
LISTED = ("--origin", APP)
POLICY = """\
version: 1
routes:
  - {name: api, path: /api/, upstream: http://127.0.0.1:9, cors: {allow_origins: [https://app.example.com, https://admin.example.com], allow_methods: [GET, PUT], allow_headers: [Content-Type, X-CSRF-Token], allow_credentials: true}}
"""


async def run(*arguments: str) -> Result:
    """In a thread: the verbs have event loops of their own."""
    return await asyncio.to_thread(CliRunner().invoke, main, [arguments[0], *QUICK, *arguments[1:]])


async def test_a_right_endpoint_ends_with_0() -> None:
    async with running(servers.right) as served:
        result = await run("doctor", *LISTED, served.url + PATH)

    assert result.exit_code == 0
    assert result.stdout == f"{served.url}{PATH}: no defects, {len(served.requests)} requests\n"


async def test_a_defect_is_told_with_its_word_and_the_line_that_shows_it_and_ends_with_5() -> None:
    async with running(servers.bare_errors) as served:
        result = await run("doctor", *LISTED, served.url + PATH)

    assert result.exit_code == 5
    assert result.stdout.startswith("error errors_without_grant (origin_not_allowed)\n")
    assert f"  curl -i {served.url}{PATH}/cors-probe-" in result.stdout
    assert "1 defect," in result.stdout


async def test_findings_as_json() -> None:
    async with running(servers.preflights(401)) as served:
        result = await run("doctor", *LISTED, "--method", "PUT", "--format", "json", served.url + PATH)

    document = json.loads(result.stdout)
    (finding,) = document["findings"]
    assert (document["ok"], document["requests"]) == (False, len(served.requests))
    assert (finding["code"], finding["severity"]) == ("preflight_needs_login", "error")
    assert finding["question"]["method"] == "PUT"
    assert finding["answer"]["status"] == 401
    assert finding["curl"].startswith("curl -i -X OPTIONS ")


async def test_a_policy_asks_the_questions(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(POLICY)
    async with running(servers.right) as served:
        right = await run("doctor", "-c", str(config), served.url + PATH)
    async with running(servers.public) as served:
        wrong = await run("doctor", "-c", str(config), served.url)

    assert right.exit_code == 0, right.stdout
    assert wrong.exit_code == 5
    assert "granted_unexpectedly (allowed)" in wrong.stdout
    assert "the policy refuses" in wrong.stdout.replace("The", "the")


async def test_an_invalid_policy_ends_with_1(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("version: 1\nroutes: {}\n")

    result = await run("doctor", "-c", str(config), "http://127.0.0.1:9/")

    assert result.exit_code == 1
    assert "gateway.yaml:2" in result.stderr


async def test_a_policy_for_other_hosts_leaves_nothing_to_ask_unless_the_host_is_named(
    tmp_path: Path,
) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(POLICY.replace("name: api,", "name: api, host: api.example.com,"))
    async with running(servers.right) as served:
        unnamed = await run("doctor", "-c", str(config), served.url)
        named = await run("doctor", "-c", str(config), "--host", "api.example.com", served.url)

    assert unnamed.exit_code == 1
    assert "nothing to ask: no route serves 127.0.0.1:" in unnamed.stderr
    assert named.exit_code == 0, named.stdout


async def test_a_difference_ends_with_5_and_none_with_0() -> None:
    async with (
        running(servers.right) as one,
        running(servers.right) as twin,
        running(servers.bare_errors) as other,
    ):
        same = await run("compare", *LISTED, one.url + PATH, twin.url + PATH)
        text = await run("compare", *LISTED, one.url + PATH, other.url + PATH)
        document = await run("compare", *LISTED, "--format", "json", one.url + PATH, other.url + PATH)

    assert (same.exit_code, text.exit_code, document.exit_code) == (0, 5, 5)
    assert "no difference to a browser" in same.stdout
    assert text.stdout.startswith(f"verdict: GET {PATH}/cors-probe-")
    assert "  B (origin_not_allowed) refused: it has no Access-Control-Allow-Origin\n" in text.stdout
    (difference,) = json.loads(document.stdout)["differences"]
    assert (difference["aspect"], difference["a"]["reason"]) == ("verdict", "allowed")


async def test_what_changes_something_is_sent_only_if_asked_for() -> None:
    async with running(servers.right) as served:
        careful = await run("doctor", *LISTED, "--method", "PUT", served.url + PATH)
        methods = {request.split()[0] for request in served.requests}
        await run("doctor", *LISTED, "--method", "PUT", "--unsafe", served.url + PATH)

    assert "see --unsafe" in careful.stdout
    assert methods == {"GET", "OPTIONS"}
    assert {request.split()[0] for request in served.requests} == {"GET", "OPTIONS", "PUT"}


async def test_values_of_headers_are_never_sent() -> None:
    async with running(servers.right) as served:
        await run("doctor", *LISTED, "--header", "Authorization: Bearer s3cret", served.url + PATH)

    assert all(len(request.split()) == 2 for request in served.requests)


async def test_no_answer_steers_the_terminal() -> None:
    location = ("Location", "https://login.example.com/\x9b31m")
    async with running(servers.preflights(302, location)) as served:
        text = await run("doctor", *LISTED, served.url + PATH)
        document = await run("doctor", *LISTED, "--format", "json", served.url + PATH)

    assert "login.example.com/" in text.stdout
    assert "\x9b" not in text.stdout + document.stdout


@pytest.mark.parametrize("verb", ["doctor", "compare"])
async def test_no_answer_at_all_ends_with_1(verb: str) -> None:
    url = f"http://{unused_address()}/"

    result = await run(verb, *([url] * (1 if verb == "doctor" else 2)))

    assert result.exit_code == 1
    assert result.stderr == f"no answer from {url}: no connection (Connection refused)\n"


async def test_certificates_are_checked_unless_told_otherwise(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "api.example.com").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    async with running(servers.right, tls=context) as served:
        url = served.url + PATH
        unknown = await run("doctor", *LISTED, url)
        careless = await run("doctor", *LISTED, "--insecure", url)
        known = await run("doctor", *LISTED, "--cacert", str(trusted), url)
        named = await run("doctor", *LISTED, "--cacert", str(trusted), "--host", "api.example.com", url)
        elsewhere = await run("doctor", *LISTED, "--cacert", str(trusted), "--host", "other.example", url)

    assert (unknown.exit_code, elsewhere.exit_code) == (1, 1)
    assert "certificate is not trusted" in unknown.stderr
    assert "see --cacert and --insecure" in unknown.stderr
    assert [each.exit_code for each in (careless, known, named)] == [0, 0, 0]


async def test_a_file_without_certificates_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing\n")

    result = await run("doctor", "--cacert", str(file), "https://127.0.0.1:9/")

    assert result.exit_code == 1
    assert f"{file} holds no certificates to trust" in result.stderr


async def test_a_server_that_says_nothing_is_not_waited_for_without_end() -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    with bound_socket() as sock:
        async with serving_streams(sock, say_nothing):
            result = await run("doctor", "--timeout", "0.2", "http://{}:{}/".format(*sock.getsockname()))

    assert result.exit_code == 1
    assert "nothing came within 0.2 s; see --timeout" in result.stderr


async def test_what_is_not_http_is_told() -> None:
    async def mumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    with bound_socket() as sock:
        async with serving_streams(sock, mumble):
            result = await run("doctor", "http://{}:{}/".format(*sock.getsockname()))

    assert result.exit_code == 1
    assert "what came is not HTTP" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["doctor", "/x"], "is no endpoint: write http:// or https:// and its host"),
        (["doctor", "wss://api.example.com/"], "is no endpoint"),
        (["doctor", "api.example.com"], "is no URL"),
        (["doctor", "http://me:secret@api.example.com/"], "has a user name"),
        (["doctor", "--host", "a b", "http://127.0.0.1/"], "has no host"),
        (["doctor", "--origin", "", "http://127.0.0.1/"], "cannot be sent as an origin"),
        (["doctor", "--method", "GET /", "http://127.0.0.1/"], "is not a method"),
        (["doctor", "--header", "X A", "http://127.0.0.1/"], "is no header"),
        (["doctor", "--limit", "5000", "http://127.0.0.1/"], "--limit"),
        (["doctor", "--cacert", "/nowhere", "https://127.0.0.1/"], "--cacert"),
        (["compare", "http://127.0.0.1/"], "Missing argument 'URL_B'"),
    ],
)
async def test_wrong_usage_ends_with_2(arguments: list[str], complaint: str) -> None:
    result = await run(*arguments)

    assert result.exit_code == 2
    assert complaint in result.stderr
