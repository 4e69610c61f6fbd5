"""Which server a client belongs to."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.affinity import Affinity

NAMES = [b"http://b%d:8000" % number for number in range(8)]
CLIENTS = [b"192.0.2.%d" % number for number in range(256)]

weights = st.lists(st.integers(1, 1000), min_size=2, max_size=8)
clients = st.binary(max_size=40)


@given(weights, clients, st.data())
def test_a_server_that_leaves_moves_only_its_own_clients(
    weights: list[int], client: bytes, data: st.DataObject
) -> None:
    affinity = Affinity(list(zip(NAMES, weights, strict=False)))
    everybody = range(len(weights))
    gone = data.draw(st.sampled_from(everybody))
    rest = [position for position in everybody if position != gone]
    before = affinity.choose(client, everybody)

    assert affinity.choose(client, rest) == before or before == gone


@given(weights, clients)
def test_neither_order_nor_other_servers_matter(weights: list[int], client: bytes) -> None:
    servers = list(zip(NAMES, weights, strict=False))
    forwards, backwards = Affinity(servers), Affinity(servers[::-1])
    everybody = range(len(servers))

    chosen = servers[forwards.choose(client, everybody)]
    assert chosen == servers[::-1][backwards.choose(client, everybody)]
    longer = Affinity([*servers, (b"http://new", 1)])
    assert longer.choose(client, range(len(servers) + 1)) in (servers.index(chosen), len(servers))


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (1, 2, 5), (100, 1)])
def test_each_server_gets_its_share(weights: tuple[int, ...]) -> None:
    affinity = Affinity(list(zip(NAMES, weights, strict=False)))
    addresses = [b"2001:db8::%x" % number for number in range(4096)]
    counts = Counter(affinity.choose(address, range(len(weights))) for address in addresses)

    for position, weight in enumerate(weights):
        assert counts[position] / len(addresses) == pytest.approx(weight / sum(weights), abs=0.025)


def test_a_heavier_server_takes_clients_from_the_others_and_gives_none() -> None:
    before = Affinity([(NAMES[0], 1), (NAMES[1], 1), (NAMES[2], 1)])
    after = Affinity([(NAMES[0], 1), (NAMES[1], 1), (NAMES[2], 2)])
    moved = [
        (before.choose(client, range(3)), after.choose(client, range(3)))
        for client in CLIENTS
        if before.choose(client, range(3)) != after.choose(client, range(3))
    ]

    assert moved
    assert {there for _, there in moved} == {2}


def test_every_process_comes_to_the_same() -> None:
    affinity = Affinity([(NAMES[0], 1), (NAMES[1], 2)])

    assert "".join(str(affinity.choose(client, range(2))) for client in CLIENTS[:16]) == "0110101111110011"


def test_nobody_to_choose_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        Affinity([]).choose(b"192.0.2.1", ())
