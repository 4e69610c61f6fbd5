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


class Belongings:
    """Which connection of one upstream belongs to which client. The `roles.Keeper` of those clients.

    Holds no pool: a client that stays would keep one that was replaced long ago, with its TLS.
    """

    def __init__(self) -> None:
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

    def is_kept(self, connection: UpstreamConnection) -> bool:
        """Whether a connection whose exchange is over waits for its client."""
        return not self._is_closed and connection in self._clients

    def forget(self, connection: UpstreamConnection) -> None:
        """It is closed, or about to be."""
        client = self._clients.pop(connection, None)
        if client is not None:
            del self._of[client]

    def close(self) -> None:
        """Close connections that wait; those in use close when their exchange is over."""
        self._is_closed = True
        for client in list(self._of):
            self._drop(client)

    def client_left(self, client: Downstream) -> None:
        """As `roles.Keeper` says: close what belonged to it."""
        self._drop(client)

    def _drop(self, client: Downstream) -> None:
        connection = self._of.pop(client, None)
        if connection is None:
            return
        del self._clients[connection]
        if connection.is_idle:
            connection.close()


class OwnConnections:
    """The connections that belong to somebody, as those see them who use them.

    The `upstream.Owner` of the connections, and the `roles.Lender` of requests that log in. Made for each of these: the
    pool does not hold it, so that nothing holds itself, and a pool that was replaced is gone with its last exchange.
    The collector would find it late, as it sees of a TLS context a few bytes and not the megabyte.
    """

    def __init__(self, owner: Owner[UpstreamConnection], lender: Lender, belongings: Belongings) -> None:
        """`owner` and `lender` are one, the pool: where connections come from, and whose they were before."""
        self.clock = owner.clock
        self.response_head_timeout = owner.response_head_timeout
        self.idle_timeout = owner.idle_timeout
        self.max_head = owner.max_head
        self.response_rules = owner.response_rules
        self._owner = owner
        self._lender = lender
        self._belongings = belongings

    # -- roles.Lender ----------------------------------------------------------------------------------------------

    @property
    def stats(self) -> UpstreamStats:
        return self._lender.stats

    @property
    def retries(self) -> int:
        return self._lender.retries

    def start(self, exchange: Delivery) -> None:
        """Give a request that logs in its client's own connection, or a new one, which will be that."""
        if not self._belongings.lend(exchange):
            self._lender.start_anew(exchange)

    def start_anew(self, exchange: Delivery) -> None:
        self._lender.start_anew(exchange)

    def abandon(self, exchange: Delivery) -> None:
        self._lender.abandon(exchange)

    # -- upstream.Owner --------------------------------------------------------------------------------------------

    def release(self, connection: UpstreamConnection) -> None:
        """Keep it for its client, for as long as that stays."""
        connection.server.active -= 1
        if not self._belongings.is_kept(connection):
            self.forget(connection)
            connection.close()

    def ended(self, connection: UpstreamConnection) -> None:
        connection.server.active -= 1
        self.forget(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        self._belongings.forget(connection)

    def belong(self, connection: UpstreamConnection, client: Downstream) -> Owner[UpstreamConnection]:
        """It does already."""
        return self

    def timed_out(self, connection: UpstreamConnection) -> None:
        """The server did not answer: its other connections are not to be trusted either."""
        self._owner.timed_out(connection)
