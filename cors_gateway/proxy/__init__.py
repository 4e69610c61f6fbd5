"""The data path: asyncio protocols that carry requests and responses between clients and backends.

A request is read by a client connection, decided about, and becomes an answer made here or an exchange with an
upstream connection. Everything runs on one event loop per process, without tasks or timers per request.
Not here: grammar (`http1/`), decisions (`policy/`, `routing.py`), listeners, workers and reload (`server/`).
"""
