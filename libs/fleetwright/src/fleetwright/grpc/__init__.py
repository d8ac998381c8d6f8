"""gRPC: generated stubs as guarded clients, servicers as parts of a service.

Read `_client` first: it tells one call out; `_server` tells one coming in. gRPC is for
contracts and for peers in other languages, not for speed: in Python a call costs more
than the same one over HTTP.
"""

try:
    from fleetwright.grpc._client import StubPart, stub
    from fleetwright.grpc._server import RpcServer, serve
    from fleetwright.grpc._settings import GrpcSettings
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("grpc_health", "google", "grpc"):
        raise
    raise ModuleNotFoundError(
        f"fleetwright.grpc needs {error.name}\n"
        "hint: add `fleetwright[grpc]` to requirements.in and run `fleet lock`",
        name=error.name,
    ) from None

__all__ = ["GrpcSettings", "RpcServer", "StubPart", "serve", "stub"]
