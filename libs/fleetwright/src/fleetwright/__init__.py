"""The runtime inside every service."""
