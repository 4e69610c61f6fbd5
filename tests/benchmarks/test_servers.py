"""How programs are found, what their versions mean, and how long a run will take."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks import servers
from tests.benchmarks.__main__ import estimate
from tests.benchmarks.report import Run
from tests.benchmarks.rows import ALL
from tests.benchmarks.servers import MissingError, Program, gateway_on
from tests.benchmarks.servers.server import Release, find_program, release
from tests.benchmarks.site import Certificate, Shape, Site

_NAMED = {server.name: server for server in servers.ALL}
_CERTIFICATE = Certificate(Path("/chain.pem"), Path("/key.pem"), Path("/both.pem"))
_HTTP2 = Site(8080, 9001, 9002, Shape(tls=True, http2=True), _CERTIFICATE)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.22.1", (1, 22, 1)),
        ("2.6.12-1+deb12u4", (2, 6, 12)),
        ("Node 20.20.2, http-proxy 1.18.1", (20, 20, 2)),
        ("unknown version", ()),
    ],
)
def test_a_release_is_the_numbers_of_the_first_version(version: str, expected: Release) -> None:
    assert release(version) == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("nginx", "1.22.1", "old: 1.30 is out"),
        ("nginx", "1.31.3", ""),
        ("haproxy", "2.6.12-1+deb12u4", "old: 3.2 is out"),
        ("haproxy", "3.2.26-1", ""),
        ("haproxy", "3.4.0", ""),
        ("gateway", "cors-gateway 0.1.0", ""),
    ],
)
def test_an_old_version_is_called_old(name: str, version: str, expected: str) -> None:
    assert _NAMED[name].age(Program(Path(), version)) == expected


def test_a_program_is_taken_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGINX", sys.executable)
    assert find_program("nginx", "--version", get="").path == Path(sys.executable)


@pytest.mark.parametrize("given", ["/nowhere/nginx", __file__])
def test_a_variable_that_names_no_program_is_not_passed_over(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGINX", given)
    with pytest.raises(MissingError, match=f"NGINX={given} is no program"):
        find_program("nginx", "-v", get="apt-get install nginx")


def test_what_is_missing_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO-SUCH-PROXY", raising=False)
    with pytest.raises(
        MissingError, match=r"no-such-proxy is not installed .*pip install it, or set NO-SUCH-PROXY"
    ):
        find_program("no-such-proxy", "-v", get="pip install it")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.22.1", ["listen 127.0.0.1:8080 ssl http2 backlog=4096;"]),
        ("1.25.1", ["listen 127.0.0.1:8080 ssl backlog=4096;", "http2 on;"]),
    ],
)
def test_nginx_is_told_of_http2_in_the_words_of_its_release(
    version: str, expected: list[str], tmp_path: Path
) -> None:
    text = _NAMED["nginx"].configure(Program(Path("nginx"), version), _HTTP2, tmp_path).files[0].read_text()
    told = [line.strip() for line in text.splitlines() if line.strip().startswith(("listen", "http2"))]
    assert told == expected


@pytest.mark.parametrize("name", [server.name for server in servers.ALL])
def test_a_changed_site_has_one_route_more(name: str, tmp_path: Path) -> None:
    server = _NAMED[name]
    texts = []
    for changed in (False, True):
        folder = tmp_path / str(changed)
        folder.mkdir()
        site = Site(8080, 9001, 9002, Shape(many_routes=True, reloads=True, changed=changed))
        launch = server.configure(Program(Path("program"), "1.0"), site, folder)
        texts.append("".join(path.read_text() for path in launch.files))
    assert "/changed/" not in texts[0]
    assert texts[1].count("/changed/") == 1
    assert "/service-0998/" in texts[0]


def test_only_who_can_reload_is_asked_to() -> None:
    shape = Shape(reloads=True)
    assert {name for name, server in _NAMED.items() if server.lacks(shape)} == {"node", "aiohttp"}


def test_the_gateway_on_another_python_is_named_after_its_release() -> None:
    assert gateway_on(Path(sys.executable)).name == "gateway-{}.{}".format(*sys.version_info)


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/true"])
def test_what_is_no_python_is_refused(program: str) -> None:
    with pytest.raises(MissingError, match=program):
        gateway_on(Path(program))


def test_the_estimate_counts_turns_and_leaves_out_who_cannot_have_a_row() -> None:
    by_name = {row.name: row for row in ALL}
    everybody = list(servers.ALL)

    def seconds(row: str, measured: list[servers.Server] = everybody, rounds: int = 5) -> float:
        return estimate([by_name[row]], measured, Run(rounds, 1))

    assert seconds("get") > seconds("h2-get") > seconds("h2-get", [_NAMED["nginx"]])
    assert seconds("get", rounds=10) > seconds("get")
    assert seconds("idle", rounds=10) == seconds("idle")
    assert seconds("get-paced") > seconds("get")
    assert seconds("log-get") > seconds("log-preflight")
