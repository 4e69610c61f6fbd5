"""One clock for all deadlines: what is due is told once it is due, whatever happens to the others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from cors_gateway.proxy.clock import COARSEST_TICK, FINEST_TICK, NEVER, CoarseClock, tick_for
from tests.proxy.stage import until

TICK = 0.01


class Item:
    """Something with a deadline. What it does then can be set; by itself it only counts."""

    def __init__(self, clock: CoarseClock, deadline: float, act: Callable[[], None] = lambda: None) -> None:
        self.deadline = deadline
        self.times = 0
        self._act = act
        clock.watched.add(self)

    def on_deadline(self) -> None:
        self.times += 1
        self.deadline = NEVER
        self._act()

    def stood_still(self, seconds: float) -> None:
        self.deadline += seconds


@pytest.fixture
async def clock() -> AsyncIterator[CoarseClock]:
    clock = CoarseClock(asyncio.get_running_loop(), TICK)
    yield clock
    clock.stop()


async def ticks(clock: CoarseClock, count: int = 3) -> None:
    """Wait until the clock has gone on that many times."""
    for _ in range(count):
        before = clock.now
        await until(lambda before=before: clock.now != before)


async def test_who_is_due_is_told_once_and_who_is_not_is_left_alone(clock: CoarseClock) -> None:
    due, later, never = Item(clock, clock.now), Item(clock, clock.now + 60), Item(clock, NEVER)
    clock.start()
    await ticks(clock)

    assert (due.times, later.times, never.times) == (1, 0, 0)


async def test_a_deadline_is_not_missed_because_the_one_before_failed(clock: CoarseClock) -> None:
    """Every connection of the process depends on the next tick."""

    def fail() -> None:
        raise ZeroDivisionError

    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    items = [Item(clock, clock.now, fail) for _ in range(2)]
    with contextlib.suppress(ZeroDivisionError):
        clock.start()
    await ticks(clock)

    assert [item.times for item in items] == [1, 1]
    assert all(isinstance(failure, ZeroDivisionError) for failure in failures)


async def test_a_deadline_that_another_one_put_off_does_not_fire(clock: CoarseClock) -> None:
    items: list[Item] = []

    def put_off_all() -> None:
        for item in items:
            item.deadline = NEVER

    items += [Item(clock, clock.now, put_off_all) for _ in range(2)]
    clock.start()
    await ticks(clock)

    assert sum(item.times for item in items) == 1


async def test_nobody_is_late_while_the_process_stood_still(clock: CoarseClock) -> None:
    """Everybody has what was left of the time before; who was due then is told at once."""
    item, never = Item(clock, clock.now + 5.0), Item(clock, NEVER)
    clock.now -= 60.0
    item.deadline -= 60.0
    clock.start()
    assert (item.times, 4.0 < item.deadline - clock.now <= 5.0, never.deadline) == (0, True, NEVER)

    due = Item(clock, clock.now + TICK)
    await ticks(clock)
    assert due.times == 1


async def test_a_clock_that_is_a_little_late_puts_nothing_off(clock: CoarseClock) -> None:
    item = Item(clock, clock.now)
    clock.now -= 0.5
    item.deadline -= 0.5
    clock.start()

    assert item.times == 1


async def test_the_date_is_the_same_object_until_it_changes(clock: CoarseClock) -> None:
    """Rendered responses are told to be current by identity."""
    clock.start()
    first = clock.date_line
    await until(lambda: clock.date_line is not first)

    assert clock.date_line != first
    assert clock.date_line.startswith(b"Date: ")
    assert clock.date_line.endswith(b" GMT\r\n")


async def test_a_clock_that_was_stopped_tells_nobody(clock: CoarseClock) -> None:
    clock.start()
    clock.stop()
    item = Item(clock, clock.now)
    await asyncio.sleep(TICK * 4)

    assert item.times == 0


@pytest.mark.parametrize(
    ("timeouts", "tick"),
    [
        ((10.0, 30.0), COARSEST_TICK),
        ((10.0, 0.8), 0.1),
        ((0.0, 30.0), COARSEST_TICK),
        ((0.001,), FINEST_TICK),
    ],
)
def test_the_shortest_timeout_decides_how_fine_the_clock_is(timeouts: tuple[float, ...], tick: float) -> None:
    assert tick_for(*timeouts) == pytest.approx(tick)
