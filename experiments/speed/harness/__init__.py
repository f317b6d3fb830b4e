"""Processes that are timed, and what a benchmark says of its machine."""
