"""Files as the rules see them: parsed once, never run, never guessed by search."""

from fleetwright_cli.standard.parsed._dockerfile import (
    Dockerfile,
    Instruction,
    Stage,
    filled,
    read_dockerfile,
)
from fleetwright_cli.standard.parsed._makefile import Makefile, read_makefile
from fleetwright_cli.standard.parsed._pipelines import (
    Job,
    Step,
    github_jobs,
    gitlab_jobs,
    is_for_main,
)
from fleetwright_cli.standard.parsed._python import (
    Call,
    Class,
    Field,
    Function,
    Import,
    Python,
)
from fleetwright_cli.standard.parsed._python_reader import read_python
from fleetwright_cli.standard.parsed._requirements import (
    Requirement,
    Requirements,
    normalised,
    read_requirements,
)
from fleetwright_cli.standard.parsed._shell import Command, commands
from fleetwright_cli.standard.parsed._yaml import Map, YamlProblem, read_yaml

__all__ = [
    "Call",
    "Class",
    "Command",
    "Dockerfile",
    "Field",
    "Function",
    "Import",
    "Instruction",
    "Job",
    "Makefile",
    "Map",
    "Python",
    "Requirement",
    "Requirements",
    "Stage",
    "Step",
    "YamlProblem",
    "commands",
    "filled",
    "github_jobs",
    "gitlab_jobs",
    "is_for_main",
    "normalised",
    "read_dockerfile",
    "read_makefile",
    "read_python",
    "read_requirements",
    "read_yaml",
]
