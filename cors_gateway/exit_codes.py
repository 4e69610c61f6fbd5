"""The exit codes of the program, each for one thing that a script may want to tell apart.

2 is wrong usage, which click answers by itself. Imports nothing: `healthcheck` starts every few seconds for ever.
"""

FINE = 0
FAILED = 1
"""Invalid configuration, or cannot start."""
DRAIN_TIMED_OUT = 3
TESTS_FAILED = 4
"""Policy tests, those of `tests:`."""
DIFFERENCE_FOUND = 5
"""What was asked about differs from what it ought to be, or from another."""
