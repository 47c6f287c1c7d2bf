"""check_reader.py MODEL.onnx…: onnx_file.py reads what the onnx package reads."""
import sys

import numpy as np
import onnx
from onnx import numpy_helper

import onnx_file


def same_attribute(ours, theirs):
    expected = onnx.helper.get_attribute_value(theirs)
    if theirs.type == onnx.AttributeProto.TENSOR:
        return np.array_equal(ours.array(), stored(expected))
    if isinstance(expected, bytes):
        return ours == expected.decode()
    return ours == (list(expected) if theirs.type in (6, 7, 8) else expected)


def stored(tensor):
    array = numpy_helper.to_array(tensor)
    return array.view("u2") if tensor.data_type == onnx.TensorProto.BFLOAT16 else array


def check(path):
    ours = onnx_file.read(path)
    theirs = onnx.load(path, load_external_data=False)
    graph = theirs.graph
    assert ours.opset == next(o.version for o in theirs.opset_import if o.domain in ("", "ai.onnx"))
    assert len(ours.nodes) == len(graph.node) > 0
    for a, b in zip(ours.nodes, graph.node):
        assert (a.operator, a.name, a.inputs, a.outputs) == (b.op_type, b.name, list(b.input), list(b.output))
        assert sorted(a.attributes) == sorted(attribute.name for attribute in b.attribute), a
        assert all(same_attribute(a.attributes[attribute.name], attribute) for attribute in b.attribute), a
    assert sorted(ours.initializers) == sorted(tensor.name for tensor in graph.initializer)
    for tensor in graph.initializer:
        made = ours.initializers[tensor.name]
        assert made.dims == list(tensor.dims) and made.type == tensor.data_type
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            assert made.external == {entry.key: entry.value for entry in tensor.external_data}
        else:
            assert np.array_equal(made.array(), stored(tensor), equal_nan=made.type in (1, 10, 11)), tensor.name
    names = {tensor.name for tensor in graph.initializer}
    for made, values in ((ours.inputs, [v for v in graph.input if v.name not in names]), (ours.outputs, graph.output)):
        assert [(v.name, v.type, v.dims) for v in made] == [
            (v.name, v.type.tensor_type.elem_type, [d.dim_value for d in v.type.tensor_type.shape.dim]) for v in values]


for path in sys.argv[1:]:
    check(path)
    print(path, "agrees")
