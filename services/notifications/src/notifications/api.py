"""What others ask of notifications over HTTP: nothing but its probes.

`/livez`, `/readyz` and `/info` come with the runtime.
"""
