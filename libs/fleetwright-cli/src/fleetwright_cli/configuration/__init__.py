"""What services read from their environment, and what deploy files give them."""

from fleetwright_cli.configuration._comparison import Finding, compare
from fleetwright_cli.configuration._deployed import Deployed, deployed
from fleetwright_cli.configuration._texts import (
    environment_of,
    facts_of,
    markdown_of,
    text_of,
)
from fleetwright_cli.configuration._variables import Variable, variables_of

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
