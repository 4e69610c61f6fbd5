"""What happened: counters, the access log, events, refused origins, trace context.

The data path tells, nothing here asks it anything. Counting is plain integers on plain objects; formatting waits until
somebody scrapes (`prometheus.py`) or a few requests are over (`access_log.py`), writing is done by a thread.
Not here: the admin listener that shows it (`admin/`), and process state (`server/`).
"""
