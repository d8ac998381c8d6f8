"""python -m experiments.mutated MUTANT TARGET: a service with a mistake put into it."""

import signal
import sys

from experiments.mutants import put_in
from fleetwright.serve import _stop_early, main

if __name__ == "__main__":
    put_in(sys.argv[1])
    signal.signal(signal.SIGTERM, _stop_early)
    sys.exit(main(sys.argv[2:]))
