"""The process: listeners, workers, signals, reload and drain, health checks.

`serve.py` is the way in, `process.py` the order of things; what carries the traffic is an engine, in this process
(`worker.py`) or in several (`supervisor.py`). Not here: a single request (`proxy/`), the operators' page (`admin/`).
"""
