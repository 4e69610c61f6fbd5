"""The pool of an upstream: who is chosen, who is left out, what is kept and for how long."""

import asyncio
import errno
from collections import Counter
from typing import Any

import pytest

from cors_gateway.proxy.failure import UpstreamFailure
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.proxy.upstream_server import EJECT_AFTER, FIRST_EJECTION, LONGEST_EJECTION
from cors_gateway.snapshot import Balance, ServerAddress, UpstreamKeepAlive
from tests.proxy.fakes import FakeConnector, FakeExchange, pool_of, settle

REFUSED = ConnectionRefusedError
SHORTAGES = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL]
"""What this machine lacks, whichever server is meant."""


async def begun(pool: UpstreamPool) -> FakeExchange:
    """An exchange that the pool has taken on."""
    exchange = FakeExchange()
    pool.start(exchange)  # type: ignore[arg-type]
    await settle()
    return exchange


def answer(exchange: FakeExchange, fields: bytes = b"") -> UpstreamConnection:
    """The backend answers with an empty 200; the connection, which may be idle now."""
    connection: UpstreamConnection = exchange.connection
    connection.data_received(b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\n\r\n" % fields)
    assert exchange.is_answered
    return connection


async def ask(pool: UpstreamPool) -> UpstreamConnection:
    """One whole exchange; the connection it used."""
    return answer(await begun(pool))


# -- choosing


async def test_round_robin_gives_every_server_its_turn() -> None:
    pool = pool_of(3)
    used = Counter([(await begun(pool)).upstream for _ in range(30)])

    assert used == {"http://s0:80": 10, "http://s1:80": 10, "http://s2:80": 10}


async def test_least_requests_goes_where_fewest_are_in_progress() -> None:
    pool = pool_of(3, balance=Balance.LEAST_REQUESTS)
    busy = [await begun(pool) for _ in range(6)]
    assert sorted(server.active for server in pool.servers) == [2, 2, 2]
    free = busy[0].connection.server
    answer(busy[0])

    assert (await begun(pool)).connection.server is free


async def test_least_requests_takes_turns_among_equals() -> None:
    pool = pool_of(3, balance=Balance.LEAST_REQUESTS)
    used = Counter([(await ask(pool)).server.name for _ in range(30)])

    assert used == {"http://s0:80": 10, "http://s1:80": 10, "http://s2:80": 10}


async def test_a_server_that_failed_its_health_check_gets_nothing_and_none_is_unavailable() -> None:
    pool = pool_of(2)
    pool.servers[0].is_healthy = False
    assert {(await ask(pool)).server.name for _ in range(4)} == {"http://s1:80"}
    pool.servers[1].is_healthy = False

    assert (await begun(pool)).failure is UpstreamFailure.UNAVAILABLE
    pool.servers[0].is_healthy = True
    assert (await ask(pool)).server.name == "http://s0:80"


async def test_the_only_server_is_unavailable_when_its_health_check_failed() -> None:
    pool = pool_of(1)
    pool.servers[0].is_healthy = False

    assert (await begun(pool)).failure is UpstreamFailure.UNAVAILABLE


# -- leaving out


async def test_a_server_that_refuses_is_left_out_and_comes_back() -> None:
    pool = pool_of(2)
    dead, alive = pool.servers
    dead.connector = connector = FakeConnector(*[REFUSED()] * EJECT_AFTER)  # type: ignore[assignment]
    exchanges = [await begun(pool) for _ in range(20)]

    assert {exchange.upstream for exchange in exchanges} == {alive.name}
    assert connector.attempts == EJECT_AFTER
    assert not dead.is_available(pool.clock.now)
    pool.clock.now += FIRST_EJECTION
    assert {(await begun(pool)).upstream for _ in range(4)} == {alive.name, dead.name}
    assert (dead.failures, dead.ejected_until) == (0, 0.0)


async def test_one_failure_is_no_reason_to_leave_a_server_out() -> None:
    pool = pool_of(2)
    pool.servers[0].connector = FakeConnector(*[REFUSED()] * (EJECT_AFTER - 1))  # type: ignore[assignment]
    for _ in range(6):
        await begun(pool)

    assert all(server.is_available(pool.clock.now) for server in pool.servers)


async def test_a_server_that_keeps_failing_is_left_out_longer_each_time_within_bounds() -> None:
    server = pool_of(2).servers[0]
    now, lengths = 100.0, []
    for _ in range(12):
        server.failed(now)
        if server.ejected_until > now:
            lengths.append(server.ejected_until - now)
            now = server.ejected_until
    assert lengths[:4] == [1.0, 2.0, 4.0, 8.0]
    assert lengths[-1] == LONGEST_EJECTION


async def test_a_server_that_does_not_answer_loses_its_idle_connections_and_is_left_out() -> None:
    """It may have vanished without a word: nothing that is sent to it would ever be refused."""
    pool = pool_of(2)
    silent, other = pool.servers
    asked = [await begun(pool) for _ in range(8)]
    for exchange in asked[:4]:
        answer(exchange)
    assert len(silent.idle) == len(other.idle) == 2
    for exchange in [exchange for exchange in asked[4:] if exchange.upstream == silent.name]:
        exchange.connection.on_deadline()
        pool.clock.now += 0.1

    assert (len(silent.idle), len(other.idle)) == (0, 2)
    assert not silent.is_available(pool.clock.now)
    assert other.is_available(pool.clock.now)


async def test_an_answer_in_time_between_two_that_are_late_keeps_a_server() -> None:
    """One slow page does not make a server a bad one."""
    pool = pool_of(2)
    server = pool.servers[0]
    for _ in range(5):
        exchanges = [await begun(pool) for _ in range(4)]
        late, prompt = [exchange for exchange in exchanges if exchange.upstream == server.name]
        late.connection.on_deadline()
        answer(prompt)

    assert server.is_available(pool.clock.now)


async def test_many_attempts_that_meet_one_outage_count_as_one_failure() -> None:
    """Otherwise a restart under load would leave a server out for half a minute."""
    server = pool_of(2).servers[0]
    for _ in range(100):
        server.failed(100.0)

    assert server.ejected_until == 100.0 + FIRST_EJECTION


async def test_rather_a_server_that_was_left_out_than_none() -> None:
    pool = pool_of(2)
    for server in pool.servers:
        server.ejected_until = pool.clock.now + 60

    assert (await begun(pool)).failure is None


async def test_the_only_server_is_never_left_out() -> None:
    pool = pool_of(1)
    pool.servers[0].ejected_until = pool.clock.now + 60

    assert (await begun(pool)).failure is None


# -- failing to connect


@pytest.mark.parametrize("retries", [0, 1, 2])
async def test_as_many_servers_are_tried_as_there_are_retries(retries: int) -> None:
    pool = pool_of(5, retries=retries)
    for server in pool.servers:
        server.connector = FakeConnector(REFUSED())  # type: ignore[assignment]
    exchange = await begun(pool)

    attempts = [server.connector.attempts for server in pool.servers]  # type: ignore[attr-defined]
    assert (exchange.failure, sum(attempts), max(attempts)) == (UpstreamFailure.REFUSED, 1 + retries, 1)
    assert [server.active for server in pool.servers] == [0] * 5


async def test_the_same_server_is_not_tried_twice_for_one_request() -> None:
    pool = pool_of(1, retries=3)
    pool.servers[0].connector = connector = FakeConnector(*[REFUSED()] * 4)  # type: ignore[assignment]

    assert (await begun(pool)).failure is UpstreamFailure.REFUSED
    assert connector.attempts == 1


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (REFUSED(), UpstreamFailure.REFUSED),
        (TimeoutError(), UpstreamFailure.CONNECT_TIMEOUT),
        (ConnectionResetError(), UpstreamFailure.RESET),
        (OSError(errno.EHOSTUNREACH, "no route"), UpstreamFailure.UNREACHABLE),
        *[(OSError(code, "none left"), UpstreamFailure.OWN_SHORTAGE) for code in SHORTAGES],
    ],
)
async def test_the_client_learns_why_no_connection_came_about(
    error: OSError, failure: UpstreamFailure
) -> None:
    pool = pool_of(1)
    pool.servers[0].connector = FakeConnector(error)  # type: ignore[assignment]

    assert (await begun(pool)).failure is failure


async def test_a_connection_that_is_lost_before_it_is_used_fails_the_attempt() -> None:
    """Its loss was told when there was no exchange yet: nobody else would end the wait."""
    pool = pool_of(1)
    pool.servers[0].connector.is_lost_at_once = True  # type: ignore[attr-defined]
    exchange = await begun(pool)

    assert (exchange.failure, exchange.connection) == (UpstreamFailure.RESET, None)


async def test_what_the_gateway_lacks_is_no_failure_of_a_server_and_no_other_is_tried() -> None:
    pool = pool_of(2)
    for server in pool.servers:
        server.connector = FakeConnector(*[OSError(errno.EMFILE, "none left")] * 9)  # type: ignore[assignment]
    exchanges = [await begun(pool) for _ in range(6)]

    assert {exchange.failure for exchange in exchanges} == {UpstreamFailure.OWN_SHORTAGE}
    assert [(server.failures, server.active) for server in pool.servers] == [(0, 0)] * 2
    assert sum(server.connector.attempts for server in pool.servers) == 6  # type: ignore[attr-defined]


@pytest.mark.parametrize("turns", [0, 1], ids=["not begun", "connecting"])
async def test_a_client_that_leaves_takes_the_attempt_to_connect_along(turns: int) -> None:
    pool = pool_of(1)
    gone = FakeExchange()
    pool.start(gone)  # type: ignore[arg-type]
    for _ in range(turns):
        await asyncio.sleep(0)
    pool.abandon(gone)  # type: ignore[arg-type]
    pool.abandon(gone)  # type: ignore[arg-type]  # to say it twice changes nothing
    await settle()
    (server,) = pool.servers

    assert (gone.connection, gone.failure, server.active, server.idle) == (None, None, 0, [])
    assert server.connector.opened == []  # type: ignore[attr-defined]


# -- weights, backups, clients


def weighted(*weights: int, **options: Any) -> UpstreamPool:
    """A pool whose servers have these weights; 0 is a backup."""
    servers = tuple(
        ServerAddress(f"s{number}", 80, weight=weight or 1, is_backup=not weight)
        for number, weight in enumerate(weights)
    )
    return pool_of(servers, **options)


async def used_by(pool: UpstreamPool, count: int, client: str = "") -> str:
    """The servers of that many requests of a client, one after the other, as one digit each."""
    names = ""
    for _ in range(count):
        exchange = FakeExchange(client_address=client)
        pool.start(exchange)  # type: ignore[arg-type]
        await settle()
        if exchange.failure is None:
            names += answer(exchange).server.name[8]
    return names


async def test_servers_take_turns_by_their_weights_and_spread_them() -> None:
    assert await used_by(weighted(5, 1, 1), 14) == "00102000010200"


async def test_least_requests_counts_by_weight() -> None:
    pool = weighted(3, 1, balance=Balance.LEAST_REQUESTS)
    busy = Counter([(await begun(pool)).upstream for _ in range(40)])

    assert busy == {"http://s0:80": 30, "http://s1:80": 10}


async def test_a_backup_is_asked_only_while_no_other_server_is_well() -> None:
    pool = weighted(1, 1, 0)
    first, second, backup = pool.servers
    assert set(await used_by(pool, 6)) == {"0", "1"}
    first.is_healthy = False
    second.ejected_until = pool.clock.now + 60
    assert await used_by(pool, 3) == "222"
    backup.is_healthy = False
    assert await used_by(pool, 3) == "111"  # rather one that was left out than none
    second.is_healthy = False
    assert await used_by(pool, 1) == ""
    first.is_healthy = True
    assert await used_by(pool, 3) == "000"


async def test_a_client_has_one_server_while_that_is_well_and_the_others_keep_theirs() -> None:
    pool = weighted(1, 1, 1, balance=Balance.CLIENT_ADDRESS)
    clients = [f"192.0.2.{number}" for number in range(60)]

    async def theirs() -> dict[str, str]:
        found = {}
        for client in clients:
            (found[client],) = set(await used_by(pool, 2, client))
        return found

    before = await theirs()
    assert set(before.values()) == {"0", "1", "2"}
    pool.servers[1].is_healthy = False
    without = await theirs()
    assert {one for one in clients if before[one] != without[one]} == {
        one for one in clients if before[one] == "1"
    }
    pool.servers[1].is_healthy = True
    assert await theirs() == before


# -- keeping


async def test_no_more_than_the_configured_number_is_kept_over_all_servers() -> None:
    pool = pool_of(2, keep_alive=UpstreamKeepAlive(connections=3))
    used = [answer(exchange) for exchange in [await begun(pool) for _ in range(8)]]

    assert sum(len(server.idle) for server in pool.servers) == 3
    assert Counter(connection.transport.is_closing() for connection in used) == {False: 3, True: 5}


async def test_none_is_kept_when_the_number_is_zero() -> None:
    pool = pool_of(1, keep_alive=UpstreamKeepAlive(connections=0))
    connection = await ask(pool)

    assert (connection.transport.is_closing(), pool.servers[0].idle) == (True, [])


@pytest.mark.parametrize(
    ("promise", "kept_for"),
    [
        (b"", 4.0),
        (b"Keep-Alive: timeout=60\r\n", 4.0),
        (b"Keep-Alive: timeout=5, max=100\r\n", 4.0),
        (b"Keep-Alive: max=100, timeout=3\r\n", 2.0),
        (b"Keep-Alive: TIMEOUT=3\r\n", 2.0),
        (b"Keep-Alive: timeout=1\r\n", 0.0),
        (b"Keep-Alive: timeout=0\r\n", 0.0),
        (b"Keep-Alive: timeout=soon\r\n", 4.0),
    ],
)
async def test_a_connection_is_kept_a_second_less_than_the_backend_promises(
    promise: bytes, kept_for: float
) -> None:
    pool = pool_of(1, keep_alive=UpstreamKeepAlive(idle=4.0))
    connection = answer(await begun(pool), promise)

    assert connection.deadline == pool.clock.now + kept_for


async def test_a_connection_whose_time_is_over_is_closed_and_its_place_is_free() -> None:
    pool = pool_of(1, keep_alive=UpstreamKeepAlive(connections=1))
    connection = await ask(pool)
    connection.on_deadline()

    assert (connection.transport.is_closing(), pool.servers[0].idle) == (True, [])
    await ask(pool)
    assert len(pool.servers[0].idle) == 1


async def test_an_idle_connection_that_the_backend_closed_is_forgotten() -> None:
    pool = pool_of(1, keep_alive=UpstreamKeepAlive(connections=1))
    connection = await ask(pool)
    connection.connection_lost(None)

    assert pool.servers[0].idle == []
    await ask(pool)
    assert len(pool.servers[0].idle) == 1


async def test_bytes_on_an_idle_connection_end_it() -> None:
    pool = pool_of(1)
    connection = await ask(pool)
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")

    assert connection.transport.is_closing()


async def test_a_pool_out_of_service_keeps_nothing_and_finishes_what_runs() -> None:
    pool = pool_of(1)
    running, idle = await begun(pool), await begun(pool)
    connection = answer(idle)
    pool.close()
    assert connection.transport.is_closing()
    assert not running.connection.transport.is_closing()

    assert answer(running).transport.is_closing()
    assert pool.servers[0].idle == []
