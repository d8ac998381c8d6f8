"""The table `[deploy]` of fleet.toml: what a cluster is like, which no tree can say."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_CIDR_PORT = r"^[0-9a-fA-F.:]+/\d{1,3}#\d{1,5}$"
Quantity = Annotated[str, Field(pattern=r"^\d+(m|Ki|Mi|Gi)?$")]


class DeploySection(BaseModel):
    """A table below `[deploy]`: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServiceDeploy(DeploySection):
    """How one service runs in a cluster.

    Attributes:
        cpu: What it is promised of a core; it may use more where there is more.
        memory: What it is promised, and what it may not pass.
        least: Fewest pods.
        most: Most pods.
        variables: What it is told beside what the tree says.
    """

    cpu: Quantity = "100m"
    memory: Quantity = "256Mi"
    least: Annotated[int, Field(ge=1, le=1000)] = 2
    most: Annotated[int, Field(ge=1, le=1000)] = 6
    variables: dict[str, str] = {}


class Environment(DeploySection):
    """One place where the fleet runs.

    Attributes:
        namespace: The namespace there; the fleet's name and the environment's when left
            out.
        least: Fewest pods of each service there.
        variables: What every service is told there: who issues tokens, say.
        outside: What is reached outside of the cluster, by its use (`database`,
            `broker`, `issuer`), each as network and port: `10.20.0.0/24#5432`.
    """

    namespace: Annotated[str, Field(pattern=_NAME)] | None = None
    least: Annotated[int, Field(ge=1, le=1000)] | None = None
    variables: dict[str, str] = {}
    outside: dict[str, Annotated[str, Field(pattern=_CIDR_PORT)]] = {}


class Deploy(DeploySection):
    """`fleet build` and `fleet deploy`.

    Attributes:
        registry: Where images are kept; an image is called registry/service:tag.
        base_image: What images are built on, best by digest (`python@sha256:...`);
            the slim image of the fleet's Python when left out.
        broker: Which broker the services hear on, for the scaling of consumers.
        kafka_servers: Where Kafka is found for that, when it is the broker.
        entrances: The services that are called from outside of the fleet.
        entrance_namespace: The namespace of what lets those calls in.
        services: What differs for a service.
        environments: The places where the fleet runs, by name.
    """

    registry: str = "registry.example.org"
    base_image: str = ""
    broker: Literal["rabbit", "kafka"] = "rabbit"
    kafka_servers: str = "kafka:9092"
    entrances: tuple[str, ...] = ()
    entrance_namespace: Annotated[str, Field(pattern=_NAME)] = "ingress-nginx"
    services: dict[str, ServiceDeploy] = {}
    environments: dict[Annotated[str, Field(pattern=_NAME)], Environment] = {}

    def of(self, service: str) -> ServiceDeploy:
        """Return how a service runs in a cluster.

        Args:
            service: Its name.
        """
        return self.services.get(service) or ServiceDeploy()
