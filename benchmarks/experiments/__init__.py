"""Experiments that break something on purpose and hold an invariant to its figure."""
