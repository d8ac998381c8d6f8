"""What a service that is called over gRPC reads from its environment."""

from typing import Annotated

from pydantic import Field

from fleetwright._settings import Settings


class GrpcSettings(Settings):
    """Settings of a service that is called over gRPC.

    `PORT` stays the port of its probes.

    Attributes:
        grpc_port: Port to listen on for gRPC; 0 takes a free one.
    """

    grpc_port: Annotated[int, Field(ge=0, le=65535)] = 50051
