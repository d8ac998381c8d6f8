"""The fleet on this machine: its plan, its processes, the socket that commands use.

Read `_plan` (what runs), `_process` (the life of one), `_supervisor` (all of them),
then `_control` (how the other commands talk to the supervisor).
"""
