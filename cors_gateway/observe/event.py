"""Reporting what happens to the process, one event at a time; `server.events` writes it to standard error.

Events are for state changes and problems. Requests are recorded in the access log (`access_log.py`).
"""

import logging

LOGGER = logging.getLogger("cors_gateway")


def emit(event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Report one event. Never blocks, never raises; fields that are None are left out."""
    LOGGER.log(level, event, extra={"event": event, "fields": fields})
