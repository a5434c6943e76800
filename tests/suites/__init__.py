"""Suites that run twice: on a fake in the unit tests, and on the real server in the integration tests."""
