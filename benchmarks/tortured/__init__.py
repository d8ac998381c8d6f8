"""A fleet of producers, relays and consumers that is tortured, then audited."""
