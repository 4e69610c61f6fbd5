"""What several tests of this directory need."""

from collections.abc import Iterator

import pytest

from tests.server.backend import Backend


@pytest.fixture
def backend() -> Iterator[Backend]:
    """A backend that holds its answers back until `release`."""
    with Backend().running() as running:
        yield running
