"""Runs the command `scripts/infra`."""

import sys

from infrastructure.command import main

sys.exit(main())
