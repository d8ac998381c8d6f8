"""Apache Kafka from Maven Central: one node that is broker and controller (KRaft)."""

import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from infrastructure import certificates, processes
from infrastructure.problems import InfraError, MissingError
from infrastructure.server import (
    HOST,
    Server,
    plain_environment,
    received,
)

VERSION = "4.1.1"
_CLUSTER = "ZmxlZXQtb24tb25lLW1hYw"  # any 16 bytes in base64 will do
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_METADATA, _VERSIONS = 3, 18  # the keys of the API
_USER, _MECHANISM = "fleet", "SCRAM-SHA-512"
_LEAST_JAVA = 17


class Kafka(Server):
    """One Kafka, whose topics are made by its clients; with TLS it has passwords."""

    kind = "kafka"
    variable = "TEST_KAFKA_URL"
    fleet_variable = "BROKER_URL"

    @property
    def url(self) -> str:
        """Where it is."""
        if not self.given.tls:
            return f"kafka://{HOST}:{self._port}"
        query = f"mechanism={_MECHANISM}&ca={quote(str(self.authority))}"
        return f"kafka+ssl://{_USER}:{self.given.secret}@{HOST}:{self._port}?{query}"

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
            protocol="SASL_SSL" if self.given.tls else "PLAINTEXT",
        )
        form = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c"]
        form.append(str(self._settings))
        if self.given.tls:
            certificates.make_certificate(self.folder, HOST)
            settings += _SECURED.format(folder=self.folder, secret=self.given.secret)
            login = f"[name={_USER},password={self.given.secret}]"
            form += ["--add-scram", f"{_MECHANISM}={login}"]
        if self.given.durable:
            settings += "log.flush.interval.messages=1\n"
        self._settings.write_text(settings)
        done = subprocess.run(
            [*_java(), *form],
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
        """Whether its metadata names a broker that takes work.

        Before a password only its version can be asked for: with TLS that is enough.
        """
        if self.given.tls:
            return self._answers(struct.pack("!hhih", _VERSIONS, 0, 1, -1)) is not None
        asked = struct.pack("!hhih", _METADATA, 4, 1, 0) + struct.pack("!i?", -1, False)
        answer = self._answers(asked)
        # After the number of the request and the throttle time: how many brokers.
        return answer is not None and bool(struct.unpack_from("!i", answer, 8)[0])

    def _answers(self, asked: bytes) -> bytes | None:
        """Return the answer to a request; None where there is none."""
        try:
            with self.connected() as connection:
                connection.sendall(struct.pack("!i", len(asked)) + asked)
                (size,) = struct.unpack("!i", received(connection, 4))
                return received(connection, size)
        except OSError:
            return None

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"


_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners={protocol}://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners={protocol}://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name={protocol}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocol}:{protocol}
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

# Its own name is the one it has as a client of itself.
_SECURED = """\
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required \
username="fleet" password="{secret}";
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
