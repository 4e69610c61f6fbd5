"""What does an endpoint do in front of a browser? Ask it, judge as a browser would, say what is wrong.

`plan.py` makes the questions (`question.py`) out of a policy (`policy_plan.py`) or of what somebody says, about pages that
are listed and pages that only look so (`pages.py`); `asking.py` puts them to an endpoint, the only module that opens
sockets; `judging.py` says what a browser makes of an answer. `examination.py` is the doctor's view of one endpoint,
`comparison.py` that of two, `report.py` shows both. The rules of CORS themselves are those of `policy.browser`.
"""
