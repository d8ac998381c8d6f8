"""What the benchmark of events runs: the same shop told three ways, each process apart."""
