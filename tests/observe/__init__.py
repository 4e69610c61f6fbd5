"""Tests of counting, logging and tracing."""
