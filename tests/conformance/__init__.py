"""Behaviour of the CORS protocol as data: what a request gets under a policy, and which origins a pattern matches.

`http.yaml` and `origins.yaml` are the cases, `cases.py` reads them, `comparison.py` says whether an answer conforms.
The same cases run against the policy core alone and over sockets.
"""
