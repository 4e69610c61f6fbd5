"""What holds for all tests."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A busy machine is no reason to fail: how long an example takes is not what these tests are about.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What goes away goes because nobody holds it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
