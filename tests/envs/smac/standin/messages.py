"""The messages of the StarCraft II protocol, made from s2clientprotocol's descriptors.

That package's generated code loads only with protobuf's slow implementation; its descriptors load with any.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "SC2APIProtocol"
_DESCRIPTOR = re.compile(r"serialized_pb=(?:_b\()?(b?(['\"]).*\2)")


def _descriptors() -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """File name → descriptor of every file of the protocol."""
    spec = importlib.util.find_spec("s2clientprotocol")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 's2clientprotocol'; pip install s2clientprotocol.")
    files = {}
    for path in Path(spec.submodule_search_locations[0]).glob("*_pb2.py"):
        literal = ast.literal_eval(_DESCRIPTOR.search(path.read_text())[1])
        data = literal.encode("latin1") if isinstance(literal, str) else literal
        file = descriptor_pb2.FileDescriptorProto.FromString(data)
        files[file.name] = file
    return files


def _filled_pool() -> descriptor_pool.DescriptorPool:
    pool, files = descriptor_pool.DescriptorPool(), _descriptors()

    def add(name: str) -> None:
        if name in files:
            file = files.pop(name)
            for needed in file.dependency:
                add(needed)
            pool.AddSerializedFile(file.SerializeToString())

    for name in list(files):
        add(name)
    return pool


_POOL = _filled_pool()


def message_class(name: str) -> type:
    """The class of a message of the protocol, by its name."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def enum_values(name: str) -> dict[str, int]:
    """Name → number of an enumeration of the protocol; "Message.Enum" for one inside a message."""
    return {v.name: v.number for v in _POOL.FindEnumTypeByName(f"{_PACKAGE}.{name}").values}


Request, Response = message_class("Request"), message_class("Response")
STATUS = enum_values("Status")
