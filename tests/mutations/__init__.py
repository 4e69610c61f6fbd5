"""Mutations of the fast path: does a test notice when a piece of it is changed? `python -m tests.mutations`, by hand.

A memory keeps what comes twice, so a fault in it shows only in the right order of requests. Here every comparison,
condition, constant and statement of a module is changed in turn, and tests run until one fails. A change that none
notices is a missing test, or explained in `survivors.yaml`.
"""
