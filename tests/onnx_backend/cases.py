"""ONNX's backend node tests as files, and which of them count.

A case comes from the installed onnx package and is written as DIR/NAME/model.onnx with
DIR/NAME/test_data_set_0/{input,output}_N.pb, ONNX's own layout.
"""

import fnmatch
import os
import re
import warnings
from dataclasses import dataclass, field

from onnx import TensorProto, numpy_helper


@dataclass
class Claim:
    """One line of operators.txt."""

    op: str
    family: str
    leastPercent: float = 0.0
    without: list = field(default_factory=list)

    def counts(self, case):
        return not any(fnmatch.fnmatchcase(case, pattern) for pattern in self.without)


def readClaims(path):
    """operators.txt → {operator: Claim}; raises ValueError with the line number on a line it cannot read."""
    claims, family = {}, ""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                family = line.strip("[]")
                continue
            op, *words = line.split()
            if op in claims:
                raise ValueError(f"{path}:{number}: {op} is listed twice")
            claim = claims[op] = Claim(op, family)
            for word in words:
                if word.startswith(">="):
                    claim.leastPercent = float(word[2:])
                elif word.startswith("-"):
                    claim.without.append(word[1:])
                else:
                    raise ValueError(f"{path}:{number}: cannot read '{word}'")
    return claims


def collect():
    """All node test cases as a list of (name, operator, onnx TestCase), sorted by name.

    The operator of a function body's case (…_expanded…) is the one that was expanded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = {case.name: case for case in collect_testcases(None)}
    result = []
    for name in sorted(cases):
        origin = cases.get(re.sub(r"_expanded.*", "", name), cases[name])
        result.append((name, origin.model.graph.node[0].op_type, cases[name]))
    return result


def _proto(value, info):
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    if isinstance(value, TensorProto):
        return value
    return numpy_helper.from_array(value, info.name)


def write(case, directory):
    """Writes one case under directory/NAME; returns (model path, data directory)."""
    root = os.path.join(directory, case.name)
    data = os.path.join(root, "test_data_set_0")
    os.makedirs(data)
    model = os.path.join(root, "model.onnx")
    with open(model, "wb") as out:
        out.write(case.model.SerializeToString())
    inputs, outputs = case.data_sets[0]
    graph = case.model.graph
    for word, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
        for index, value in enumerate(values):
            with open(os.path.join(data, f"{word}_{index}.pb"), "wb") as out:
                out.write(_proto(value, infos[index]).SerializeToString())
    return model, data
