"""Listening sockets: what is bound, what is kept, what is cleaned up, and what is said when it cannot be."""

import contextlib
import select
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cors_gateway.server.listeners import RECEIVE_BUFFER, Listeners
from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import TcpListener, UnixListener


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    listeners = Listeners()
    yield listeners
    listeners.close()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def _connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@contextlib.contextmanager
def _accepted(listening: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a new connection: that of the client, and the accepted one."""
    with socket.create_connection(listening.getsockname()) as far:
        assert select.select([listening], [], [], 5.0)[0]
        near, _ = listening.accept()
        with near:
            yield far, near


def _scale(sock: socket.socket) -> int:
    """By how many bits its receive window is scaled (tcp_info(7))."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[6] >> 4


def test_an_address_says_the_port_that_the_system_chose(listeners: Listeners) -> None:
    (ipv4,) = listeners.open([TcpListener("127.0.0.1", 0)])

    assert ipv4.address == f"127.0.0.1:{ipv4.socket.getsockname()[1]}"
    assert not ipv4.socket.get_inheritable()
    assert not ipv4.socket.getblocking()


def test_ipv4_and_ipv6_wildcards_of_one_port_go_together(listeners: Listeners) -> None:
    (ipv6,) = listeners.open([TcpListener("::", 0)])
    port = ipv6.socket.getsockname()[1]
    listeners.open([TcpListener("0.0.0.0", port)])

    assert ipv6.address == f"[::]:{port}"


def test_what_stays_is_not_bound_again_and_what_goes_is_closed(listeners: Listeners, tmp_path: Path) -> None:
    tcp, unix = TcpListener("127.0.0.1", 0), UnixListener(str(tmp_path / "s"))
    before = listeners.open([tcp])
    after = listeners.open([tcp, unix])

    assert after[0].socket is before[0].socket
    assert listeners.close_except([unix]) == ("127.0.0.1:0",)
    assert before[0].socket.fileno() == -1
    _connect(tmp_path / "s")


def test_if_one_address_fails_none_is_bound(listeners: Listeners, tmp_path: Path, taken: int) -> None:
    path = tmp_path / "s"
    with pytest.raises(StartupError):
        listeners.open([UnixListener(str(path)), TcpListener("127.0.0.1", taken)])

    assert not path.exists()
    assert listeners.close_except([]) == ()


def test_an_address_in_use_names_its_owner(listeners: Listeners, taken: int) -> None:
    with pytest.raises(StartupError, match="the address is in use by this process"):
        listeners.open([TcpListener("127.0.0.1", taken)])


@pytest.mark.parametrize(
    ("listener", "reason"),
    [
        (TcpListener("192.0.2.1", 0), "not an address of this machine"),
        (UnixListener("/nonexistent/s"), "the directory does not exist"),
        (UnixListener("/proc/s"), "cannot listen on unix:/proc/s: "),
    ],
    ids=str,
)
def test_what_cannot_be_bound(
    listeners: Listeners, listener: TcpListener | UnixListener, reason: str
) -> None:
    with pytest.raises(StartupError, match=reason):
        listeners.open([listener])


def test_an_address_that_is_listed_twice(listeners: Listeners) -> None:
    with pytest.raises(StartupError, match="listed twice"):
        listeners.open([TcpListener("127.0.0.1", 0), TcpListener("127.0.0.1", 0)])


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_socket_file_has_its_mode_and_a_reload_can_change_it(
    listeners: Listeners, tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "s"
    listeners.open([UnixListener(str(path), mode)])
    assert stat.S_IMODE(path.stat().st_mode) == mode

    listeners.open([UnixListener(str(path), 0o640)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_socket_file_that_nobody_answers_on_is_replaced(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listeners.open([UnixListener(str(path))])

    _connect(path)


def test_a_socket_file_that_somebody_answers_on_is_left_alone(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen()
        with pytest.raises(StartupError, match="another process answers on it"):
            listeners.open([UnixListener(str(path))])
        _connect(path)


def test_a_socket_file_with_a_full_backlog_is_left_alone(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as alive, socket.socket(socket.AF_UNIX) as waiting:
        alive.bind(str(path))
        alive.listen(0)
        waiting.connect(str(path))
        with pytest.raises(StartupError, match="another process answers on it"):
            listeners.open([UnixListener(str(path))])


def test_a_file_that_is_no_socket_is_left_alone(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(StartupError, match="is not a socket"):
        listeners.open([UnixListener(str(path))])

    assert path.read_text() == "precious"


def test_closing_removes_our_socket_file_but_not_that_of_a_successor(tmp_path: Path) -> None:
    path, listeners, successor = tmp_path / "s", Listeners(), Listeners()
    listeners.open([UnixListener(str(path))])
    path.rename(tmp_path / "away")
    successor.open([UnixListener(str(path))])
    listeners.close()

    _connect(path)
    successor.close()
    assert not path.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("::", "::1"), ("::1", "::")],
)
def test_an_address_moves_to_one_that_overlaps_without_a_gap(old: str, new: str) -> None:
    """Both accept until the old one is closed; somebody else cannot join them."""
    port = _free_port(new)
    before, after, listeners = TcpListener(old, port), TcpListener(new, port), Listeners()
    listeners.open([before])
    (bound,) = listeners.open([after])
    loopback = "::1" if ":" in old else "127.0.0.1"
    with socket.create_connection((loopback, port)):
        assert listeners.close_except([after]) == (str(before),)
    with socket.create_connection((loopback, port)):
        assert bound.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0
    listeners.close()


def test_overlapping_addresses_that_are_both_wanted_are_refused(listeners: Listeners) -> None:
    port = _free_port("127.0.0.1")
    with pytest.raises(StartupError, match="by this process, for an address that overlaps with it"):
        listeners.open([TcpListener("127.0.0.1", port), TcpListener("0.0.0.0", port)])


def test_the_kernel_waits_as_long_as_the_gateway_does(listeners: Listeners) -> None:
    """Also after a reload with other timeouts; connections inherit it."""
    listener = TcpListener("127.0.0.1", _free_port("127.0.0.1"))
    for patience, expected in ((30.0, 60_000), (300.0, 305_000)):
        (bound,) = listeners.open([listener], patience=patience)
        with socket.create_connection((listener.host, listener.port)):
            bound.socket.setblocking(True)
            accepted, _ = bound.socket.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == expected
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


# -- how much a new connection sends before somebody reads


def test_a_client_that_nobody_reads_from_yet_sends_no_more_than_a_bound(listeners: Listeners) -> None:
    (bound,) = listeners.open([TcpListener("127.0.0.1", 0)])
    with _accepted(bound.socket) as (far, near):
        far.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while far.send(bytes(RECEIVE_BUFFER)):
                pass
        received = len(near.recv(10 * RECEIVE_BUFFER, socket.MSG_PEEK))

    assert 0 < received <= RECEIVE_BUFFER


def test_the_window_can_grow_as_far_as_that_of_any_other_connection(listeners: Listeners) -> None:
    """A size that stays fixed would also fix the scale, and bound every upload."""
    (bound,) = listeners.open([TcpListener("127.0.0.1", 0)])
    with (
        socket.create_server(("127.0.0.1", 0)) as unbounded,
        _accepted(unbounded) as (_, free),
        _accepted(bound.socket) as (_, near),
    ):
        assert _scale(near) == _scale(free)
