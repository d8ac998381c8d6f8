"""Apache Kafka from Maven Central: one node that is broker and controller (KRaft)."""

import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from infrastructure import processes
from infrastructure.problems import InfraError, MissingError
from infrastructure.server import (
    HOST,
    Server,
    connected,
    plain_environment,
    received,
)

VERSION = "4.1.1"
_CLUSTER = "ZmxlZXQtb24tb25lLW1hYw"  # any 16 bytes in base64 will do
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_METADATA = 3  # the API's key
_LEAST_JAVA = 17


class Kafka(Server):
    """One Kafka without passwords, whose topics are made by its clients."""

    kind = "kafka"
    variable = "TEST_KAFKA_URL"
    fleet_variable = "BROKER_URL"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"kafka://{HOST}:{self._port}"

    @property
    def _port(self) -> int:
        return self.given.first_port + 5

    def ports(self) -> tuple[int, ...]:
        """Return the ports of the broker and of the controller."""
        return (self._port, self._port + 1)

    def require(self) -> None:
        """Have the jars; they are fetched once for a user.

        Raises:
            MissingError: There is no Java or Maven to fetch and run them.
        """
        java = shutil.which("java")
        if java is None or _java_version(java) < _LEAST_JAVA:
            raise MissingError(
                "Kafka needs Java 17 or newer: apt-get install openjdk-17-jre-headless"
            )
        if not _jars().is_dir():
            _fetch(_jars())

    def make(self) -> None:
        """Write its settings and format its storage."""
        settings = _SETTINGS.format(
            host=HOST,
            port=self._port,
            controller=self._port + 1,
            data=self.folder / "data",
        )
        if self.given.durable:
            settings += "log.flush.interval.messages=1\n"
        self._settings.write_text(settings)
        form = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c"]
        done = subprocess.run(
            [*_java(), *form, str(self._settings)],
            capture_output=True,
            text=True,
            check=False,
            env=plain_environment(),
        )
        if done.returncode != 0:
            raise InfraError(
                f"Kafka's storage was not made: {done.stdout}{done.stderr}"
            )

    def launch(self) -> None:
        """Start the node."""
        processes.start(
            [*_java(), "kafka.Kafka", str(self._settings)],
            log=self.log,
            note=self.note,
            environment=plain_environment(),
        )

    def answers(self) -> bool:
        """Whether its metadata names a broker that takes work."""
        asked = struct.pack("!hhih", _METADATA, 4, 1, 0) + struct.pack("!i?", -1, False)
        try:
            with connected(self._port) as connection:
                connection.sendall(struct.pack("!i", len(asked)) + asked)
                (size,) = struct.unpack("!i", received(connection, 4))
                answer = received(connection, size)
        except OSError:
            return False
        # After the number of the request and the throttle time: how many brokers.
        return bool(struct.unpack_from("!i", answer, 8)[0])

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"


_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=16
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.enable=false
"""

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>fleetwright</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


def _jars() -> Path:
    """Return where the jars are kept for this user."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "fleetwright" / f"kafka-{VERSION}"


def _java() -> list[str]:
    """Return how one of Kafka's classes is run; it is told only what is wrong."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", *_JVM, quiet, "-cp", f"{_jars()}/*"]


def _java_version(java: str) -> int:
    """Return the first number of Java's version; 0 when it cannot be told."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    number = said.partition('"')[2].partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _fetch(jars: Path) -> None:
    """Fetch Kafka and what it needs; the folder appears whole or not at all.

    Raises:
        MissingError: There is no Maven.
        InfraError: Maven could not fetch it.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingError(
            f"Kafka {VERSION} is fetched by Maven: apt-get install maven "
            "(once; afterwards only Java is needed)"
        )
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix=".kafka-") as folder:
        pom = Path(folder) / "pom.xml"
        pom.write_text(_POM.format(version=VERSION))
        fetched = Path(folder) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fetched}"]
        done = subprocess.run(
            [maven, "--batch-mode", "--quiet", "-f", str(pom), *goal],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise InfraError(
                f"Maven could not fetch Kafka {VERSION}:\n{done.stdout[-1500:]}"
            )
        if not jars.is_dir():
            fetched.rename(jars)
