"""What stock asks of other services: nothing."""
