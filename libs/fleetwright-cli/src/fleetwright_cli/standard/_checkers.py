"""The checkers of all sections: each registers its own where it is imported."""

from collections.abc import Mapping

from fleetwright_cli.standard import (
    section_01_philosophy,
    section_02_principles,
    section_03_environment,
    section_04_structure,
    section_05_quality,
    section_06_services,
    section_07_testing,
    section_08_containers,
    section_09_pipeline,
    section_10_documentation,
)
from fleetwright_cli.standard._rule import CHECKERS, Checker

SECTIONS = (
    section_01_philosophy,
    section_02_principles,
    section_03_environment,
    section_04_structure,
    section_05_quality,
    section_06_services,
    section_07_testing,
    section_08_containers,
    section_09_pipeline,
    section_10_documentation,
)


def checkers() -> Mapping[str, Checker]:
    """Return every checker, by the id of its rule, in the order of the standard."""
    return CHECKERS
