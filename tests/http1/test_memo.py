"""Memories whose keys clients choose: what is kept, and how much at most, of one memory and of several."""

from weakref import ref

import pytest

from cors_gateway.http1.memo import OVERHEAD, Memo, Room


class Numbered(int):
    """A key whose hash is known: no two of a few in a row are taken for each other."""

    def __len__(self) -> int:
        return 1


def filled(memo: Memo[bytes, int], keys: range) -> None:
    """Each key is offered until it is kept: the second time, or the first if its mark is another key's."""
    for number in keys:
        for _ in range(2):
            if b"%d" % number not in memo:
                memo.offer(b"%d" % number, number)


def test_a_key_is_kept_when_it_comes_the_second_time() -> None:
    memo: Memo[bytes, int] = Memo(Room(entries=8, size=8 * OVERHEAD), longest=4)
    memo.offer(b"key", 1)
    assert memo == {}
    memo.offer(b"key", 2)
    assert memo == {b"key": 2}
    memo.offer(b"longer", 3)
    memo.offer(b"longer", 3)
    assert memo == {b"key": 2}


def test_keys_that_never_come_again_displace_nothing() -> None:
    memo: Memo[bytes, int] = Memo(Room(entries=1024, size=1 << 20), longest=16)
    filled(memo, range(100))
    for number in range(1000, 5000):
        memo.offer(b"%d" % number, number)

    assert set(range(100)) <= set(memo.values())


def test_marks_of_what_came_once_are_wiped_when_there_are_four_for_each_entry() -> None:
    memo: Memo[Numbered, int] = Memo(Room(entries=2, size=1 << 20), longest=16)

    def known(numbers: range) -> list[int]:
        return [number for number in numbers if memo.wants(Numbered(number))]

    assert known(range(8)) == []
    assert known(range(8)) == list(range(8))
    assert known(range(8, 9)) == []
    # Two marks are there now, of 8 and of 0.
    assert known(range(1)) == []
    assert known(range(20, 26)) == []
    assert known(range(1)) == [0]
    assert known(range(26, 27)) == []
    assert known(range(1)) == []


@pytest.mark.parametrize(
    ("entries", "size", "most"),
    [(10, 1 << 20, 10), (1000, 10 * (OVERHEAD + 400), 10)],
    ids=["number", "bytes"],
)
@pytest.mark.parametrize("memories", [1, 8])
def test_memories_of_one_kind_hold_no_more_than_their_room(
    entries: int, size: int, most: int, memories: int
) -> None:
    room = Room(entries=entries, size=size)
    made: list[Memo[bytes, int]] = [
        Memo(room, longest=400, cost=lambda key, _: OVERHEAD + len(key)) for _ in range(memories)
    ]
    fullest = 0
    for number in range(500):
        memo = made[number % memories]
        key = b"%0400d" % number
        memo.offer(key, number)
        memo.offer(key, number)
        assert memo[key] == number
        fullest = max(fullest, sum(map(len, made)))

    assert fullest == most


def test_a_room_that_was_full_is_filled_again_before_it_is_emptied() -> None:
    memo: Memo[bytes, int] = Memo(Room(entries=10, size=1 << 20), longest=16)
    filled(memo, range(15))

    assert sorted(memo.values()) == [10, 11, 12, 13, 14]


def test_a_room_holds_no_memory_alive() -> None:
    room = Room(entries=2, size=1 << 20)
    first: Memo[bytes, int] = Memo(room, longest=16)
    filled(first, range(2))
    gone = ref(first)
    del first
    assert gone() is None
    second: Memo[bytes, int] = Memo(room, longest=16)
    filled(second, range(2, 4))

    assert sorted(second.values()) == [2, 3]


def test_what_is_as_large_as_the_room_displaces_all_else() -> None:
    memo: Memo[bytes, int] = Memo(Room(entries=10, size=1000), longest=2000, cost=lambda key, _: len(key))
    filled(memo, range(2, 5))
    for _ in range(2):
        memo.offer(b"x" * 1000, 1)

    assert list(memo.values()) == [1]


def test_what_is_larger_than_the_whole_room_is_not_kept_and_displaces_nothing() -> None:
    room = Room(entries=10, size=1000)
    memo: Memo[bytes, int] = Memo(room, longest=2000, cost=lambda key, _: len(key))
    filled(memo, range(3))
    memo.offer(b"x" * 1001, 9)
    memo.offer(b"x" * 1001, 9)

    assert sorted(memo.values()) == [0, 1, 2]


def test_the_marks_of_what_came_once_do_not_grow_with_the_memories() -> None:
    room = Room(entries=64, size=1 << 20)
    places = len(room.seen)
    for number in range(100):
        memo: Memo[bytes, int] = Memo(room, longest=16)
        for key in range(100):
            memo.offer(b"%d-%d" % (number, key), key)

    assert (len(room.seen), room.count <= room.most) == (places, True)
