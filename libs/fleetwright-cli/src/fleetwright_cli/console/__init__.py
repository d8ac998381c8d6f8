"""The live console: what the services of a running fleet do, kept and shown."""
