"""What holds for all tests."""

from hypothesis import settings

# A busy machine is no reason to fail: how long an example takes is not what these tests are about.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
