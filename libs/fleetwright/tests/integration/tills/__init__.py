"""A service for the tests of the bus."""
