"""What services read from their environment, and what deploy files give them."""

from fleetwright_cli.configuration._texts import (
    environment_of,
    facts_of,
    markdown_of,
    text_of,
)
from fleetwright_cli.standard._deployed import Deployed, deployed
from fleetwright_cli.standard._settings_given import Finding, compare
from fleetwright_cli.standard._variables import Variable, variables_of

__all__ = [
    "Deployed",
    "Finding",
    "Variable",
    "compare",
    "deployed",
    "environment_of",
    "facts_of",
    "markdown_of",
    "text_of",
    "variables_of",
]
