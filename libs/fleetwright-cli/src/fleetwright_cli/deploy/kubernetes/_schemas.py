"""Objects against Kubernetes' own schemas, offline, where those are installed."""

import contextlib
from collections.abc import Iterable, Iterator

from fleetwright_cli.deploy.kubernetes._cluster import Fault, place_of
from fleetwright_cli.deploy.kubernetes._words import Object

OLDEST = "1.30"
RULE = f"the schemas of Kubernetes {OLDEST}, strictly"


def has_schemas() -> bool:
    """Return whether the schemas are installed."""
    with contextlib.suppress(ImportError):
        import kubernetes_validate  # noqa: F401 - asked whether it is there

        return True
    return False


def schema_faults(objects: Iterable[Object], version: str = OLDEST) -> Iterator[Fault]:
    """Yield what a cluster would refuse, and keys that it would silently drop.

    Objects of extensions (KEDA's) have no schema here: rules look at those.

    Args:
        objects: What is to be applied.
        version: Of Kubernetes.
    """
    import kubernetes_validate as schemas

    for one in objects:
        try:
            schemas.validate(one, version, strict=True)
        except schemas.SchemaNotFoundError:
            continue
        except schemas.ValidationError as error:
            path = ".".join(map(str, error.path))
            yield Fault(place_of(one), f"{path}: {error.message}"[:200], RULE)
