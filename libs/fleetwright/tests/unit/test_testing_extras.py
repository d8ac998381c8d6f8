"""What a service's tests need is not more than the service has."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules.update(dict.fromkeys(["aiohttp", "sqlalchemy", "fastapi"]))
import fleetwright.testing.plugin
from fleetwright.testing import FakeClock, serving
print("imported")
"""


def test_plugin_loads_in_a_service_without_clients_and_events() -> None:
    """No extra but `testing` is needed until something of it is asked for."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )

    assert done.stdout == "imported\n", done.stderr
