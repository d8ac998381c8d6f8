"""A set of descriptors as values: what is declared, by name, and where it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    ServiceDescriptor,
)
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FeatureSet,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from fleetwright_contracts._protoc import DescriptorSet
from fleetwright_contracts.errors import Unreadable
from fleetwright_contracts.protobuf._features import features_of

_GIVEN = "google/protobuf/"


@dataclass(frozen=True, slots=True)
class Reserved:
    """Numbers and names that must not be used again.

    Attributes:
        spans: First and last numbers.
        names: Names.
    """

    spans: tuple[tuple[int, int], ...]
    names: frozenset[str]

    def has(self, number: int) -> bool:
        """Return whether a number is reserved.

        Args:
            number: The number.
        """
        return any(first <= number <= last for first, last in self.spans)

    def covers(self, first: int, last: int) -> bool:
        """Return whether all numbers of a span are reserved.

        Args:
            first: The first.
            last: The last.
        """
        for start, end in sorted(self.spans):
            if start <= first <= end:
                if last <= end:
                    return True
                first = end + 1
        return False


_NOTHING = Reserved((), frozenset())


class Contract:
    """What a set of descriptors declares.

    Attributes:
        name: The file that the set came from.
        messages: Messages by full name, entries of maps included.
        enums: Enums by full name.
        services: Services by full name.
        extensions: Extensions by full name.
        files: Files by name, each after those it imports.
        homes: The file of each declaration that is not part of another.
    """

    def __init__(self, descriptors: DescriptorSet) -> None:
        """Read a set.

        Args:
            descriptors: The set.

        Raises:
            Unreadable: It is none, or its files do not fit together.
        """
        self._pool = DescriptorPool()
        self.name = descriptors.name
        self.messages: dict[str, Descriptor] = {}
        self.enums: dict[str, EnumDescriptor] = {}
        self.services: dict[str, ServiceDescriptor] = {}
        self.extensions: dict[str, FieldDescriptor] = {}
        self.files: dict[str, FileDescriptorProto] = {}
        self.homes: dict[str, str] = {}
        self._reserved: dict[str, Reserved] = {}
        self._features: dict[str, FeatureSet] = {}
        self._lines: dict[str, int] = {}
        for file in _files(descriptors):
            try:
                self._pool.Add(file)
                self._pool.FindFileByName(file.name)
            except (TypeError, KeyError) as error:
                reason = str(error).strip().splitlines()[0]
                message = f"{file.name} cannot be used: {reason}"
                raise Unreadable(message, where=descriptors.name) from error
            if not file.name.startswith(_GIVEN):
                self._declare(file)

    def fields(self, message: Descriptor) -> Mapping[int, FieldDescriptor]:
        """Return the fields of a message by number, extensions included.

        Args:
            message: The message.
        """
        found = {field.number: field for field in message.fields}
        found |= {one.number: one for one in self._pool.FindAllExtensions(message)}
        return found

    def reserved(self, name: str) -> Reserved:
        """Return what a message or an enum reserves.

        Args:
            name: Its full name.
        """
        return self._reserved.get(name, _NOTHING)

    def features(self, name: str) -> FeatureSet:
        """Return the features of a message, an enum or a field.

        Args:
            name: Its full name; nothing is said about what is not declared here.
        """
        return self._features.get(name) or FeatureSet()

    def line(self, name: str) -> int:
        """Return the line on which something is declared, 0 where nobody knows.

        Args:
            name: Its full name.
        """
        return self._lines.get(name, 0)

    def _declare(self, file: FileDescriptorProto) -> None:
        """Note what a file declares."""
        self.files[file.name] = file
        head = f"{file.package}." if file.package else ""
        for kind in (file.message_type, file.enum_type, file.service, file.extension):
            self.homes |= {head + one.name: file.name for one in kind}
        found = self._pool.FindFileByName(file.name)
        for message in found.message_types_by_name.values():
            self._declare_message(message)
        for enum in found.enum_types_by_name.values():
            self._declare_enum(enum)
        self.services |= {one.full_name: one for one in found.services_by_name.values()}
        for extension in found.extensions_by_name.values():
            self.extensions[extension.full_name] = extension
        self._features |= dict(features_of(file))
        self._lines |= _lines(file)

    def _declare_message(self, message: Descriptor) -> None:
        """Note a message and what is declared in it."""
        self.messages[message.full_name] = message
        said = DescriptorProto()
        message.CopyToProto(said)
        spans = tuple((one.start, one.end - 1) for one in said.reserved_range)
        names = frozenset(said.reserved_name)
        self._reserved[message.full_name] = Reserved(spans, names)
        for inner in message.nested_types:
            self._declare_message(inner)
        for enum in message.enum_types:
            self._declare_enum(enum)
        self.extensions |= {one.full_name: one for one in message.extensions}

    def _declare_enum(self, enum: EnumDescriptor) -> None:
        """Note an enum."""
        self.enums[enum.full_name] = enum
        said = EnumDescriptorProto()
        enum.CopyToProto(said)
        spans = tuple((one.start, one.end) for one in said.reserved_range)
        names = frozenset(said.reserved_name)
        self._reserved[enum.full_name] = Reserved(spans, names)


def _files(descriptors: DescriptorSet) -> Iterator[FileDescriptorProto]:
    """Yield the files of a set, each after those it imports."""
    found = FileDescriptorSet()
    try:
        found.ParseFromString(descriptors.content)
    except DecodeError as error:
        raise Unreadable("no set of descriptors", where=descriptors.name) from error
    if not found.file:
        raise Unreadable("the set has no files", where=descriptors.name)
    by_name = {file.name: file for file in found.file}
    done: set[str] = set()
    waiting = [(name, True) for name in reversed(by_name)]
    while waiting:
        name, entering = waiting.pop()
        if name not in by_name or name in done:
            continue
        if entering:
            waiting.append((name, False))
            inner = [one for one in by_name[name].dependency if one not in done]
            waiting += [(one, one != name) for one in inner]
            continue
        done.add(name)
        yield by_name[name]


# What is declared in what, by the numbers of `descriptor.proto`.
_IN_FILE = {4: "message_type", 5: "enum_type", 6: "service", 7: "extension"}
_IN_MESSAGE = {2: "field", 3: "nested_type", 4: "enum_type", 6: "extension"}
_IN_ENUM = {2: "value"}
_IN_SERVICE = {2: "method"}
_INSIDE = {
    "message_type": _IN_MESSAGE,
    "nested_type": _IN_MESSAGE,
    "enum_type": _IN_ENUM,
    "service": _IN_SERVICE,
}


def _lines(file: FileDescriptorProto) -> Mapping[str, int]:
    """Return the lines of what a file declares, by full name."""
    found: dict[str, int] = {}
    for location in file.source_code_info.location:
        name = _named(file, list(location.path))
        if name is not None:
            found.setdefault(name, location.span[0] + 1)
    return found


def _named(file: FileDescriptorProto, path: list[int]) -> str | None:
    """Return the full name of what a path leads to; None where it has none."""
    if len(path) % 2:
        return None
    around: object = file
    words = [file.package] if file.package else []
    known: Mapping[int, str] = _IN_FILE
    for number, place in zip(path[::2], path[1::2], strict=True):
        kind = known.get(number)
        if kind is None:
            return None
        around = getattr(around, kind)[place]
        words.append(str(getattr(around, "name", "")))
        known = _INSIDE.get(kind, {})
    return ".".join(words) or None
