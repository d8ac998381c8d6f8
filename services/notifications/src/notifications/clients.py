"""What notifications asks of other services: nothing; events bring all it writes."""
