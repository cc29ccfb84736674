#!/usr/bin/env python3
"""Multiplications and additions, weights and activations of ONNX models, counted from their shapes.

    bench/flops.py MODEL.onnx=1x3x448x640 [MODEL.onnx=1x3x112x112 ...]

Prints Markdown: FLOP are two for each multiplication and addition of Conv, Gemm and MatMul, bytes those of 32-bit
numbers: of the input, of the weights, and of all that the nodes write. Needs the Python package onnx.
"""
import math
import sys

import numpy
import onnx
from onnx import numpy_helper, shape_inference


# The nodes by which exports compute the size of a Resize, on vectors.
SIZE_NODES = {
    "Gather": lambda values: numpy.take(values[0], values[1]),
    "Slice": lambda values: values[0][int(values[1][0]):int(values[2][0])],
    "Unsqueeze": lambda values: numpy.reshape(values[0], [1]),
    "Concat": lambda values: numpy.concatenate(values),
    "Cast": lambda values: values[0],
    "Mul": lambda values: values[0] * values[1],
}


def settle_sizes(graph):
    """Whether a Resize got its size as a constant, computed from shapes that are known by now. Without it, what follows
    has no shape, and would not be counted."""
    shapes = shapes_of(graph)
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    settled = False
    for node in graph.node:
        if node.op_type == "Shape" and all(shapes.get(node.input[0]) or [0]):
            known[node.output[0]] = numpy.array(shapes[node.input[0]], numpy.int64)
        elif node.op_type in SIZE_NODES and all(name in known for name in node.input):
            known[node.output[0]] = SIZE_NODES[node.op_type]([known[name] for name in node.input])
        elif node.op_type == "Resize" and len(node.input) == 4 and node.input[3] in known:
            if any(tensor.name == node.input[3] for tensor in graph.initializer):
                continue
            name = node.input[3] + " settled"
            graph.initializer.append(numpy_helper.from_array(known[node.input[3]].astype(numpy.int64), name))
            node.input[3] = name
            settled = True
    return settled


def with_input(model, shape):
    """The model with the shapes of all values, for this input."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        if value.name not in constants:
            dims = value.type.tensor_type.shape.dim
            for dim, side in zip(dims, shape):
                dim.Clear()
                dim.dim_value = side
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    model = shape_inference.infer_shapes(model, data_prop=True)
    while settle_sizes(model.graph):
        del model.graph.value_info[:]
        model = shape_inference.infer_shapes(model, data_prop=True)
    return model


def shapes_of(graph):
    values = [*graph.input, *graph.value_info, *graph.output]
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}
    return shapes | {tensor.name: list(tensor.dims) for tensor in graph.initializer}


def multiplications(node, shapes):
    out = shapes.get(node.output[0], [])
    if node.op_type == "Conv":
        return math.prod(out) * math.prod(shapes[node.input[1]][1:])
    if node.op_type in ("Gemm", "MatMul"):
        transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
        return math.prod(out) * shapes[node.input[0]][-2 if transposed else -1]
    return 0


def count(path, shape):
    graph = with_input(onnx.load(path), shape).graph
    shapes = shapes_of(graph)
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and not all(shapes.get(node.output[0]) or [0]):
            sys.exit(f"{path}: {node.op_type} {node.name} has no known shape: was the model made for another input?")
    return {"gflop": sum(2 * multiplications(node, shapes) for node in graph.node) / 1e9,
            "input": 4 * math.prod(shape) / 1e6,
            "weights": 4 * sum(math.prod(tensor.dims) for tensor in graph.initializer) / 1e6,
            "written": 4 * sum(math.prod(shapes.get(name) or [0]) for node in graph.node for name in node.output
                               if node.op_type != "Constant") / 1e6}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print("| model | input | GFLOP | input MB | weights MB | written MB |\n|---|---|---|---|---|---|")
    for argument in sys.argv[1:]:
        path, _, sides = argument.rpartition("=")
        row = count(path, [int(side) for side in sides.split("x")])
        print(f"| {path.rsplit('/', 1)[-1]} | {sides} | {row['gflop']:.3f} | {row['input']:.2f} | {row['weights']:.2f} "
              f"| {row['written']:.1f} |")


if __name__ == "__main__":
    main()
