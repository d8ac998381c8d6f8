"""What the benchmark of events runs: one shop told three ways, a process a side."""
