"""From what is imported to what must be declared."""

from dataclasses import dataclass

from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard.parsed import normalised

# Where the import has another name than its distribution.
_OTHER_NAMES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "confluent_kafka": "confluent-kafka",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dns": "dnspython",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faker": "Faker",
    "fitz": "pymupdf",
    "git": "gitpython",
    "google.protobuf": "protobuf",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "grpc_status": "grpcio-status",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "ldap": "python-ldap",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "multipart": "python-multipart",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "psycopg2": "psycopg2-binary",
    "pythonjsonlogger": "python-json-logger",
    "redis": "redis",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socketio": "python-socketio",
    "engineio": "python-engineio",
    "telegram": "python-telegram-bot",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
_SHARED = ("google", "azure", "opentelemetry", "sphinxcontrib", "zope", "backports")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a service says it needs.

    Attributes:
        distributions: Names in its requirements.in.
        packages: Top packages of the libraries it installs by path.
    """

    distributions: frozenset[str]
    packages: frozenset[str]

    def covers(self, module: str, names: tuple[str, ...]) -> bool:
        """Return whether an import is one of these.

        Args:
            module: The module.
            names: What is taken from it.
        """
        root = module.partition(".")[0]
        if root in self.packages:
            return True
        wanted = [module, root, *(f"{module}.{name}" for name in names)]
        for one in wanted:
            if normalised(_OTHER_NAMES.get(one, one)) in self.distributions:
                return True
        # `google.cloud.storage` is one of many that share a name: any of them will do.
        prefix = f"{normalised(root)}-"
        shares = root in _SHARED or root in _OTHER_NAMES
        return shares and any(one.startswith(prefix) for one in self.distributions)


def declared(repository: Repository, service: Unit) -> Declared:
    """Return what a service's requirements.in declares, included files too.

    Args:
        repository: Where it is.
        service: The service.
    """
    by_folder = {one.folder: one for one in repository.libraries}
    names: set[str] = set()
    packages: set[str] = set()
    waiting, seen = [service.path("requirements.in")], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for one in repository.requirements(path).lines:
            if one.name:
                names.add(one.name)
            elif one.path:
                library = by_folder.get(_joined(path, one.path))
                packages |= set(library.packages) if library else set()
            elif one.option in {"-r", "--requirement"}:
                waiting.append(_joined(path, one.value))
    return Declared(frozenset(names), frozenset(packages))


def distribution_of(module: str) -> str:
    """Return the name under which a module is probably to be declared."""
    root = module.partition(".")[0]
    return _OTHER_NAMES.get(module) or _OTHER_NAMES.get(root) or normalised(root)


def _joined(path: str, relative: str) -> str:
    """Return a path as seen from the folder of a file, `..` resolved."""
    parts = path.split("/")[:-1]
    for one in relative.split("/"):
        if one == "..":
            parts = parts[:-1]
        elif one not in {"", "."}:
            parts.append(one)
    return "/".join(parts)
