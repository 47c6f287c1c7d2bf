"""Reads ONNX files without the onnx package: protobuf's wire format, and of ONNX's messages what a graph needs.

Numbers below are the fields of onnx.proto. Tensors keep a view of the file; external data is left where it is.
"""
import lzma, struct
from dataclasses import dataclass, field

import numpy as np

# TensorProto.DataType, by NumPy's names; bfloat16 is kept as its bits.
NUMPY_TYPES = {1: "f4", 2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8", 12: "u4",
               13: "u8", 16: "u2"}
BFLOAT16 = 16


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(data):
    """(number, value) of each field of a message: integers, or views of bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {kind}")
        yield tag >> 3, value


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def integers(value, out):
    """A repeated integer field is one number, or bytes of several."""
    if isinstance(value, int):
        out.append(signed(value))
        return
    at = 0
    while at < len(value):
        number, at = varint(value, at)
        out.append(signed(number))


@dataclass
class Tensor:
    name: str = ""
    type: int = 0
    dims: list = field(default_factory=list)
    external: dict = None  # location, offset, length
    raw: memoryview = None
    numbers: list = field(default_factory=list)

    def array(self):
        """The elements; bfloat16 as uint16."""
        kind = np.dtype(NUMPY_TYPES[self.type])
        if self.external is not None:
            raise ValueError(f"{self.name}: external data")
        if self.raw is not None:
            return np.frombuffer(self.raw, kind).reshape(self.dims)
        if self.type in (10, BFLOAT16):  # bits, in int32_data
            return np.array(self.numbers, "u2").view(kind).reshape(self.dims)
        return np.array(self.numbers, kind).reshape(self.dims)


def tensor(data):
    made = Tensor()
    entries = {}
    for number, value in fields(data):
        if number == 1:
            integers(value, made.dims)
        elif number == 2:
            made.type = value
        elif number in (4, 10):  # float_data, double_data
            made.numbers += np.frombuffer(value, "f4" if number == 4 else "f8").tolist()
        elif number in (5, 7, 11):  # int32_data, int64_data, uint64_data
            integers(value, made.numbers)
        elif number == 8:
            made.name = bytes(value).decode()
        elif number == 9:
            made.raw = value
        elif number == 13:
            entry = dict(fields(value))
            entries[bytes(entry[1]).decode()] = bytes(entry[2]).decode()
        elif number == 14 and value == 1:
            made.external = entries
    return made


def attribute(data):
    name, kind, value, numbers, floats, strings = "", 0, None, [], [], []
    for number, content in fields(data):
        if number == 1:
            name = bytes(content).decode()
        elif number == 2:
            value = struct.unpack("<f", content)[0]
        elif number == 3:
            value = signed(content)
        elif number == 4:
            value = bytes(content).decode()
        elif number == 5:
            value = tensor(content)
        elif number == 7:
            floats += np.frombuffer(content, "f4").tolist()
        elif number == 8:
            integers(content, numbers)
        elif number == 9:
            strings.append(bytes(content).decode())
        elif number == 20:
            kind = content
    if kind in (6, 7, 8):  # FLOATS, INTS, STRINGS
        value = {6: floats, 7: numbers, 8: strings}[kind]
    elif value is None:  # a default that was not written
        value = {1: 0.0, 2: 0, 3: ""}[kind]
    return name, value


@dataclass
class Node:
    operator: str = ""
    name: str = ""
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    attributes: dict = field(default_factory=dict)


def node(data):
    made = Node()
    for number, value in fields(data):
        if number == 1:
            made.inputs.append(bytes(value).decode())
        elif number == 2:
            made.outputs.append(bytes(value).decode())
        elif number == 3:
            made.name = bytes(value).decode()
        elif number == 4:
            made.operator = bytes(value).decode()
        elif number == 5:
            name, content = attribute(value)
            made.attributes[name] = content
        elif number == 7 and bytes(value) not in (b"", b"ai.onnx"):
            raise ValueError(f"operators of {bytes(value).decode()}")
    return made


@dataclass
class Value:
    name: str
    type: int = 0
    dims: list = field(default_factory=list)  # numbers, or names of symbolic extents


def value_info(data):
    content = dict(fields(data))
    made = Value(bytes(content[1]).decode())
    for number, value in fields(dict(fields(content[2])).get(1, b"")):  # TypeProto.tensor_type
        if number == 1:
            made.type = value
        elif number == 2:
            for _, dimension in fields(value):
                parts = dict(fields(dimension))
                made.dims.append(parts[1] if 1 in parts else bytes(parts.get(2, b"")).decode())
    return made


@dataclass
class Model:
    opset: int = 0
    nodes: list = field(default_factory=list)
    initializers: dict = field(default_factory=dict)
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)


def read(path):
    """The model of a file, which may be packed by xz."""
    with (lzma.open(path) if path.endswith(".xz") else open(path, "rb")) as file:
        data = memoryview(file.read())
    model = Model()
    for number, value in fields(data):
        if number == 8:  # opset_import
            entry = dict(fields(value))
            if not bytes(entry.get(1, b"")):
                model.opset = entry[2]
        elif number == 7:
            for part, content in fields(value):
                if part == 1:
                    model.nodes.append(node(content))
                elif part == 5:
                    made = tensor(content)
                    model.initializers[made.name] = made
                elif part == 11:
                    model.inputs.append(value_info(content))
                elif part == 12:
                    model.outputs.append(value_info(content))
    model.inputs = [given for given in model.inputs if given.name not in model.initializers]
    return model


def read_tensor(path):
    """A TensorProto of its own, as test data has them."""
    with open(path, "rb") as file:
        return tensor(memoryview(file.read()))
