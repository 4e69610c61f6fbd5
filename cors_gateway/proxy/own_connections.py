"""Backend connections that belong to one client connection each, because somebody logged in on them.

NTLM and Negotiate authenticate a connection (`http1/login.py`): whoever is served on it next is taken for who logged in.
So a connection whose request or response carried such a login serves the client connection that it came from, and no
other, until either of them ends. All requests of that client to the upstream take it, so that a handshake of several
steps arrives on one connection. Clients without logins never come here.
"""

from cors_gateway.observe.metrics import UpstreamStats
from cors_gateway.proxy.roles import Delivery, Downstream, Lender
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.proxy.upstream_transport import Owner


class OwnConnections:
    """The connections of one upstream that belong to somebody.

    The `upstream.Owner` of those, the `roles.Lender` of requests that log in, and the `roles.Keeper` of their clients.
    """

    def __init__(self, owner: Owner[UpstreamConnection], lender: Lender) -> None:
        """`owner` and `lender` are one, the pool: where connections come from, and whose they were before."""
        self.clock = owner.clock
        self.response_head_timeout = owner.response_head_timeout
        self.idle_timeout = owner.idle_timeout
        self.max_head = owner.max_head
        self.response_rules = owner.response_rules
        self._owner = owner
        self._lender = lender
        self._of: dict[Downstream, UpstreamConnection] = {}
        self._clients: dict[UpstreamConnection, Downstream] = {}
        """The same the other way round."""
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._of)

    def give(self, connection: UpstreamConnection, client: Downstream) -> None:
        """From now on the connection belongs to this client."""
        self._drop(client)
        self._of[client] = connection
        self._clients[connection] = client
        client.kept_by(self)

    def lend(self, exchange: Delivery) -> bool:
        """Give the exchange its client's own connection; False if it has none that is usable."""
        connection = self._of.get(exchange.downstream)
        if connection is None:
            return False
        if not connection.is_usable():  # the backend closed it: who logs in again gets another
            self._drop(exchange.downstream)
            return False
        connection.server.active += 1
        connection.begin(exchange)
        return True

    def close(self) -> None:
        """Close connections that wait; those in use close when their exchange is over."""
        self._is_closed = True
        for client in list(self._of):
            self._drop(client)

    # -- roles.Keeper ----------------------------------------------------------------------------------------------

    def client_left(self, client: Downstream) -> None:
        """Close what belonged to it."""
        self._drop(client)

    # -- roles.Lender ----------------------------------------------------------------------------------------------

    @property
    def stats(self) -> UpstreamStats:
        return self._lender.stats

    @property
    def retries(self) -> int:
        return self._lender.retries

    def start(self, exchange: Delivery) -> None:
        """Give a request that logs in its client's own connection, or a new one, which will be that."""
        if not self.lend(exchange):
            self._lender.start_anew(exchange)

    def start_anew(self, exchange: Delivery) -> None:
        self._lender.start_anew(exchange)

    def abandon(self, exchange: Delivery) -> None:
        self._lender.abandon(exchange)

    # -- upstream.Owner --------------------------------------------------------------------------------------------

    def release(self, connection: UpstreamConnection) -> None:
        """Keep it for its client, for as long as that stays."""
        connection.server.active -= 1
        if self._is_closed or connection not in self._clients:
            connection.close()

    def ended(self, connection: UpstreamConnection) -> None:
        connection.server.active -= 1
        self.forget(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        client = self._clients.pop(connection, None)
        if client is not None:
            del self._of[client]

    def belong(self, connection: UpstreamConnection, client: Downstream) -> Owner[UpstreamConnection]:
        """It does already."""
        return self

    def timed_out(self, connection: UpstreamConnection) -> None:
        """The server did not answer: its other connections are not to be trusted either."""
        self._owner.timed_out(connection)

    def _drop(self, client: Downstream) -> None:
        connection = self._of.pop(client, None)
        if connection is None:
            return
        del self._clients[connection]
        if connection.is_idle:
            connection.close()
