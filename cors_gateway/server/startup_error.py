"""The one exception of this package: the process cannot serve what its configuration asks for."""


class StartupError(Exception):
    """A sentence for the operator: what cannot be had, why, and what to do. Ends a start, or fails a reload."""
