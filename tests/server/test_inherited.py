"""Sockets passed by a service manager: which listener gets which, what is refused, and a gateway that is started so."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from cors_gateway.server.inherited import Inherited, Passed, inherit
from cors_gateway.server.listeners import Listeners
from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import TcpListener, UnixListener
from tests.server.live import DEADLINE, Live, configuration, preflight, reading

EXECUTE = """\
import os, sys
sockets = [int(number) for number in sys.argv[1].split(",")]
for index, number in enumerate(sockets):
    os.dup2(number, 40 + index)
for index in range(len(sockets)):
    os.dup2(40 + index, 3 + index)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "cors_gateway", *sys.argv[2:]])
"""
"""What a service manager does between fork and exec."""


@contextlib.contextmanager
def started_with(
    sockets: Sequence[socket.socket], directory: Path, text: str, environ: Mapping[str, str] = {}
) -> Iterator[Live]:
    """`cors-gateway run` with these sockets as descriptors 3 and following."""
    directory.mkdir()
    (directory / "gateway.yaml").write_text(text)
    numbers = [sock.fileno() for sock in sockets]
    process = subprocess.Popen(
        [sys.executable, "-c", EXECUTE, ",".join(map(str, numbers)), "run", "-c", str(directory)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "LISTEN_FDS": str(len(numbers)), **environ},
        pass_fds=numbers,
    )
    with reading(process, directory) as live:
        yield live


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def _port(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def test_a_listener_gets_the_socket_with_its_address(tcp: socket.socket) -> None:
    inherited = Inherited([Passed("http", tcp)])

    assert inherited.take(TcpListener("127.0.0.1", _port(tcp) - 1)) is None
    with inherited.take(TcpListener("127.0.0.1", _port(tcp))) or pytest.fail("not found") as taken:
        assert taken.getsockname() == tcp.getsockname()
        assert not taken.get_inheritable()
    inherited.require_all_taken()


def test_an_ipv6_address_is_the_same_however_it_is_written() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as sock:
        taken = Inherited([Passed("", sock)]).take(TcpListener("0:0:0:0:0:0:0:1", _port(sock)))

        assert taken is not None
        taken.close()


@pytest.mark.parametrize(("is_dual", "is_found"), [(True, True), (False, False)])
def test_a_socket_for_both_families_serves_the_ipv4_wildcard(is_dual: bool, is_found: bool) -> None:
    """`ListenStream=8080` makes one IPv6 socket that accepts IPv4 as well."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=is_dual) as sock:
        taken = Inherited([Passed("", sock)]).take(TcpListener("0.0.0.0", _port(sock)))

        assert (taken is not None) is is_found
        if taken is not None:
            taken.close()


def test_the_file_of_an_inherited_unix_socket_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        path.chmod(0o600)
        listeners = Listeners(Inherited([Passed("", sock)]))
        listeners.open([UnixListener(str(path), mode=0o666)])
        listeners.open([UnixListener(str(path), mode=0o660)])
        listeners.close()

        assert path.stat().st_mode & 0o777 == 0o600


def test_a_listener_that_comes_back_gets_its_socket_again(tcp: socket.socket) -> None:
    """Nobody could bind the address: the service manager still holds it."""
    listeners = Listeners(Inherited([Passed("", tcp)]))
    listener = TcpListener("127.0.0.1", _port(tcp))
    for _ in range(2):
        (bound,) = listeners.open([listener])
        assert bound.address == f"127.0.0.1:{_port(tcp)}"
        listeners.close()


def test_a_socket_that_nobody_listens_on_is_refused(tcp: socket.socket) -> None:
    with pytest.raises(StartupError, match=f'"http" on 127.0.0.1:{_port(tcp)} .* server.listen'):
        Inherited([Passed("http", tcp)]).require_all_taken()


def test_sockets_for_another_process_are_left_alone() -> None:
    inherit({"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid() + 1)}).require_all_taken()
    inherit({}).require_all_taken()


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"LISTEN_FDS": "two"}, 'LISTEN_FDS="two" is not a number'),
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}, 'descriptor 3 ("web") that the service manager'),
    ],
)
def test_a_broken_inheritance_is_refused(environ: dict[str, str], message: str) -> None:
    """In a process of its own, whose descriptor 3 is a file."""
    script = (
        "import os, sys; from pathlib import Path; from cors_gateway.server.inherited import inherit\n"
        "os.dup2(os.open('/dev/null', os.O_RDONLY), 3)\n"
        "inherit({**os.environ, 'LISTEN_PID': str(os.getpid())})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert f"StartupError: {message}" in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_gateway_serves_on_what_it_was_given(tmp_path: Path, workers: int, tcp: socket.socket) -> None:
    """Connections made before the start and during a restart wait in the socket; none is refused."""
    listen = [f"127.0.0.1:{_port(tcp)}"]
    address = ("127.0.0.1", _port(tcp))
    text = configuration(server={"listen": listen, "workers": workers})
    for attempt in range(2):
        with (
            socket.create_connection(address, DEADLINE) as early,
            started_with([tcp], tmp_path / str(attempt), text) as live,
        ):
            live.wait_for("ready")
            early.sendall(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

            assert early.recv(12) == b"HTTP/1.1 204"
            assert preflight(address) == 204
            assert live.stop() == 0


def test_a_gateway_says_which_socket_it_has_no_use_for(tmp_path: Path, tcp: socket.socket) -> None:
    with started_with([tcp], tmp_path / "c", configuration(), {"LISTEN_FDNAMES": "spare"}) as live:
        message = live.wait_for("start_failed")["message"]

        assert f'the socket "spare" on 127.0.0.1:{_port(tcp)}' in message
        assert live.exit_code() == 1
