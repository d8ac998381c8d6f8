"""Events: told with the change they tell of, heard once, in order per key."""
