"""The notifications service: tells buyers what became of their money."""
