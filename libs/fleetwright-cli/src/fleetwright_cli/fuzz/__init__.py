"""`fleet contracts fuzz`: running services asked everything their contracts allow.

Read `_run` first, then `driver`, which runs in an environment of its own.
"""
