"""The garbage collector while the program starts: off, because almost everything that start-up makes is there to stay.

Modules, classes and functions grow in number, and the collector would walk through them again and again and free nothing;
that is a tenth of the CPU time of a start.
"""

import gc


def pause() -> None:
    """For the start, and for good in verbs that end when they have said something."""
    gc.disable()


def resume() -> None:
    """For verbs that serve. What is there by now is left out of every collection to come."""
    gc.freeze()
    gc.enable()
