"""The gateway as a process under mixed load for a long time: `python -m tests.soak`, memory: `python -m tests.soak.memory`,
and what strangers can make it remember: `python -m tests.soak.hostile`.

Every answer is checked by content that follows from its request, so that a mixed-up, cut or repeated one is noticed.
"""
