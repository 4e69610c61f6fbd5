"""Which server of an upstream gets a request. What is known of each is in `upstream_server.py`.

How to choose is settled when the upstream is set up; servers without weights and backups never look at either.
"""

from collections.abc import Callable, Sequence

from cors_gateway.affinity import Affinity
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.roles import Delivery
from cors_gateway.proxy.upstream_server import UpstreamServer
from cors_gateway.snapshot import Balance

Pick = Callable[["Balancer", Sequence[UpstreamServer], Delivery], UpstreamServer]
"""One of these servers, all of which are well."""


class Balancer:
    """Chooses among the servers of one upstream."""

    def __init__(self, servers: Sequence[UpstreamServer], balance: Balance, clock: CoarseClock) -> None:
        self._clock = clock
        backups = [server for server in servers if server.address.is_backup]
        first = [server for server in servers if not server.address.is_backup]
        # A backup is asked only while no other server is well.
        self._ranks = [rank for rank in (first, backups) if rank]
        self._turn = 0
        self._affinity = Affinity(
            [(server.name.encode("utf-8"), server.address.weight) for server in servers]
        )
        self._positions = {server: position for position, server in enumerate(servers)}
        self._servers = servers
        is_weighted = any(server.address.weight != 1 for server in servers)
        # Functions and no bound methods: what holds itself is not gone with its upstream.
        self._pick: Pick
        if balance is Balance.CLIENT_ADDRESS:
            self._pick = Balancer._of_the_client
        elif balance is Balance.LEAST_REQUESTS:
            self._pick = Balancer._least_busy
        else:
            self._pick = Balancer._in_weighted_turn if is_weighted else Balancer._in_turn

    def choose(self, exchange: Delivery, excluded: UpstreamServer | None = None) -> UpstreamServer | None:
        """A server that is well; rather one that is left out for a while than none, and None if all are unwell."""
        now = self._clock.now
        for rank in self._ranks:
            candidates = [s for s in rank if s is not excluded and s.is_available(now)]
            if candidates:
                return self._pick(self, candidates, exchange)
        for rank in self._ranks:  # it may be back
            candidates = [s for s in rank if s is not excluded and s.is_healthy]
            if candidates:
                return self._pick(self, candidates, exchange)
        return None

    def _in_turn(self, candidates: Sequence[UpstreamServer], exchange: Delivery) -> UpstreamServer:
        self._turn += 1
        return candidates[self._turn % len(candidates)]

    def _in_weighted_turn(self, candidates: Sequence[UpstreamServer], exchange: Delivery) -> UpstreamServer:
        """Every server's credit grows by its weight; the richest gets the request and pays for all.

        Turns are spread as evenly as the weights allow, instead of one server getting all of its turns in a row.
        """
        for server in candidates:
            server.credit += server.address.weight
        chosen = max(candidates, key=lambda server: server.credit)
        chosen.credit -= sum(server.address.weight for server in candidates)
        return chosen

    def _least_busy(self, candidates: Sequence[UpstreamServer], exchange: Delivery) -> UpstreamServer:
        """Relative to their weights; in turn where they are equally busy."""
        self._turn += 1
        start = self._turn % len(candidates)
        in_turn = [*candidates[start:], *candidates[:start]]
        return min(in_turn, key=lambda server: server.active / server.address.weight)

    def _of_the_client(self, candidates: Sequence[UpstreamServer], exchange: Delivery) -> UpstreamServer:
        """The same for every request of a client, for as long as that server is well."""
        client = exchange.client_address.encode("utf-8", "replace")
        return self._servers[self._affinity.choose(client, [self._positions[one] for one in candidates])]
