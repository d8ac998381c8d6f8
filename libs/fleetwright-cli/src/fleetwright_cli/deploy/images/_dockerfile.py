"""The Dockerfile of a service: anybody can read it, nobody has to write it."""

from fleetwright_cli.deploy._facts import GRPC_PORT, HTTP_PORT, Facts, World
from fleetwright_cli.deploy.images._inputs import default_image

# Who takes this line away has a Dockerfile of their own: it is left alone.
MARK = "written by `fleet build --write`"
RUNTIME = "fleetwright"
_LAYOUT = """\
# The image of {name}, {mark}. Context: the repository's root.
#   docker build -f {folder}/Dockerfile -t {fleet}/{name} .
ARG BASE_IMAGE={image}

# Third-party packages change seldom: their layer is built from the hashed lock alone.
FROM ${{BASE_IMAGE}} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
# The pip that fills the environment stays outside of it.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv && mkdir /data
COPY {folder}/requirements.txt /build/requirements.txt
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install \
--require-hashes --no-deps --only-binary :all: -r /build/requirements.txt
{trimming}{libraries}
FROM ${{BASE_IMAGE}}
ENV {environment}
COPY --from=build /opt/venv /opt/venv
{from_build}COPY {folder}/src /opt/app/src
# A new volume mounted here takes this folder's owner.
COPY --from=build --chown=10001:10001 /data /data
WORKDIR /data
USER 10001:10001
EXPOSE {ports}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=5 \\
    CMD [{health}]
CMD ["python3", "-m", "fleetwright.serve", "{app}", "--migrate"]
"""
_TRIMMING = """\
# Symbols that only debuggers read, and tests, are cut: a third of the environment.
COPY {trim} /build/trim.py
RUN python3 /build/trim.py /opt/venv
"""
_LIBRARIES = """\
# Our libraries are plain source folders; their dependencies are in the lock.
COPY {folders} /opt/app/libs{slash}
"""


def dockerfile(world: World, facts: Facts) -> str:
    """Return the Dockerfile of a service.

    Args:
        world: The fleet.
        facts: What is known of the service.
    """
    service, root = facts.service, world.fleet.root
    folders = [
        (world.fleet.libraries[one].folder / "src").relative_to(root).as_posix()
        for one in service.libraries
    ]
    slash = "/" if len(folders) > 1 else ""
    libraries = _LIBRARIES.format(folders=" ".join(folders), slash=slash)
    ports = [HTTP_PORT, GRPC_PORT] if facts.answers_grpc else [HTTP_PORT]
    copied = "COPY --from=build /opt/app/libs /opt/app/libs\n"
    return _LAYOUT.format(
        name=facts.name,
        mark=MARK,
        fleet=world.manifest.fleet.name,
        folder=service.folder.relative_to(root).as_posix(),
        image=default_image(world),
        trimming=_trimming(world, facts),
        libraries=libraries if folders else "",
        from_build=copied if folders else "",
        environment=" \\\n    ".join(_environment(facts)),
        ports=" ".join(map(str, ports)),
        health=", ".join(f'"{word}"' for word in _health(facts)),
        app=service.app,
    )


def dockerfiles(world: World) -> dict[str, str]:
    """Return the Dockerfiles that are the tool's, by their paths below the root.

    Args:
        world: The fleet.
    """
    found = {}
    for facts in world.facts.values():
        path = facts.service.folder / "Dockerfile"
        head = path.read_text("utf-8").partition("\n")[0] if path.is_file() else MARK
        if MARK in head:
            name = path.relative_to(world.fleet.root).as_posix()
            found[name] = dockerfile(world, facts)
    return found


def _trimming(world: World, facts: Facts) -> str:
    """Return the step that cuts symbols; the runtime brings what does it."""
    if RUNTIME not in facts.service.libraries:
        return ""
    source = world.fleet.libraries[RUNTIME].folder / "src" / RUNTIME / "_trim.py"
    return _TRIMMING.format(trim=source.relative_to(world.fleet.root).as_posix())


def _environment(facts: Facts) -> list[str]:
    """Return what every container of the image is told."""
    found = [
        "PATH=/opt/venv/bin:$PATH",
        "PYTHONPATH=/opt/app/src" + ":/opt/app/libs" * bool(facts.service.libraries),
        "PYTHONUNBUFFERED=1",
        "PYTHONDONTWRITEBYTECODE=1",
        "LOG_FORMAT=json",
        "HOST=0.0.0.0",
        f"PORT={HTTP_PORT}",
    ]
    return found + [f"GRPC_PORT={GRPC_PORT}"] * facts.answers_grpc


def _health(facts: Facts) -> list[str]:
    """Return how a container is asked: by path, where the runtime is a folder.

    A check every few seconds then costs no import of the package.
    """
    if RUNTIME in facts.service.libraries:
        return ["python3", "-S", "/opt/app/libs/fleetwright/healthcheck.py"]
    return ["python3", "-m", "fleetwright.healthcheck"]
