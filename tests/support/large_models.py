#!/usr/bin/env python3
"""Writes models of the shape of SCRFD-10GF and IResNet-50 with random weights, for benchmarks and tests of speed.

    tests/support/large_models.py FOLDER [--detector-only]

Their nodes, sizes and work are those of the models that people call buffalo_l; their numbers mean nothing: what the
detector finds are no faces, and embeddings say nothing about anybody. Each file says so (producer_name, doc_string).
  random_scrfd_10g.onnx   17 MB   detector, nine outputs, height and width free
  random_iresnet50.onnx   174 MB  embedder, 112 x 112 to 512 numbers, batch free

Sources: InsightFace, detection/scrfd/configs/scrfd/scrfd_10g_bnkps.py (ResNetV1e of basic blocks, PAFPN, SCRFDHead)
with mmdet's modules, 4.23 million parameters and 10 GFLOP (multiply-adds) at 640x480 by its README; and
recognition/arcface_torch/backbones/iresnet.py, 43.59 million parameters and 6.3 GFLOP. Normalisation that follows a
convolution is part of it, as in exports. Needs numpy; the files are written without the package onnx.
"""

import argparse
import sys
from pathlib import Path

import numpy

LABEL = "random weights: shaped like {}, knows nothing"
SEED = 20261129


# --- the wire format of protocol buffers, as far as onnx.proto needs it ---------------------------------------------


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def real(field: int, value: float) -> bytes:
    return varint(field << 3 | 5) + numpy.float32(value).tobytes()


def attribute(name: str, value: int | float | str | list[int]) -> bytes:
    """AttributeProto: its type is told by that of the value."""
    if isinstance(value, list):
        return block(1, name) + b"".join(number(8, item) for item in value) + number(20, 7)
    if isinstance(value, str):
        return block(1, name) + block(4, value) + number(20, 3)
    if isinstance(value, float):
        return block(1, name) + real(2, value) + number(20, 1)
    return block(1, name) + number(3, value) + number(20, 2)


def value_info(name: str, sides: list[int | str]) -> bytes:
    """ValueInfoProto of 32-bit numbers; a side with a name is free."""
    shape = b"".join(block(1, block(2, side) if isinstance(side, str) else number(1, side)) for side in sides)
    return block(1, name) + block(2, block(1, number(1, 1) + block(2, shape)))


class Graph:
    """Nodes and weights in the order in which they are added. Values are named by their numbers."""

    def __init__(self, seed: int):
        self.random = numpy.random.default_rng(seed)
        self.nodes: list[bytes] = []
        self.weights: list[bytes] = []
        self.values = 0
        self.channels: dict[str, int] = {}

    def constant(self, value: numpy.ndarray) -> str:
        self.values += 1
        name = f"w{self.values}"
        kind = 7 if value.dtype == numpy.int64 else 1
        sides = b"".join(number(1, side) for side in value.shape)
        self.weights.append(block(5, sides + number(2, kind) + block(8, name) + block(9, value.tobytes())))
        return name

    def numbers(self, *values: int) -> str:
        return self.constant(numpy.array(values, numpy.int64))

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: int | float | str | list[int]) -> str:
        self.values += 1
        output = output or f"v{self.values}"
        told = b"".join(block(5, attribute(name, value)) for name, value in attributes.items())
        self.nodes.append(block(1, b"".join(block(1, name) for name in inputs) + block(2, output)
                                + block(3, f"{kind}_{len(self.nodes)}") + block(4, kind) + told))
        if inputs[0] in self.channels:
            self.channels[output] = self.channels[inputs[0]]
        return output

    def conv(self, value: str, channels: int, side: int = 3, stride: int = 1, gain: float = 1.0,
             bias: numpy.ndarray | None = None) -> str:
        """Weights such that the variance of what follows a ReLU stays, times `gain` squared."""
        before = self.channels[value]
        spread = gain * numpy.sqrt(2 / (before * side * side))
        weights = spread * self.random.standard_normal((channels, before, side, side), numpy.float32)
        bias = numpy.zeros(channels, numpy.float32) if bias is None else bias.astype(numpy.float32)
        output = self.add("Conv", [value, self.constant(weights.astype(numpy.float32)), self.constant(bias)],
                          dilations=[1, 1], group=1, kernel_shape=[side, side], pads=[side // 2] * 4,
                          strides=[stride, stride])
        self.channels[output] = channels
        return output

    def relu(self, value: str) -> str:
        return self.add("Relu", [value])

    def prelu(self, value: str) -> str:
        slopes = numpy.full((self.channels[value], 1, 1), 0.25, numpy.float32)
        return self.add("PRelu", [value, self.constant(slopes)])

    def normalise(self, value: str, channels: int) -> str:
        ones, zeros = numpy.ones(channels, numpy.float32), numpy.zeros(channels, numpy.float32)
        scale, bias, mean, variance = (self.constant(row) for row in (ones, zeros, zeros, ones))
        return self.add("BatchNormalization", [value, scale, bias, mean, variance], epsilon=1e-5, momentum=0.9)

    def model(self, shaped_like: str, inputs: list[bytes], outputs: list[bytes]) -> bytes:
        label = LABEL.format(shaped_like)
        graph = b"".join(self.nodes) + block(2, label) + b"".join(self.weights) + block(10, label)
        graph += b"".join(block(11, value) for value in inputs) + b"".join(block(12, value) for value in outputs)
        return (number(1, 6) + block(2, f"mien, {label}") + block(6, label) + block(7, graph)
                + block(8, block(1, "") + number(2, 11)))


# --- SCRFD-10GF -----------------------------------------------------------------------------------------------------

STAGES = ((56, 3), (88, 4), (88, 2), (224, 3))  # channels and blocks
NECK = 56
TOWER = 80
TOWER_DEPTH = 3
ANCHORS = 2
STRIDES = (8, 16, 32)
# Residual blocks add little, so that numbers stay near 1 through all of them.
BLOCK_GAIN = 0.3
# Spread and mean of score logits: a photo has a face or two in the last stride, which are noise, and else none. (Chosen
# for SEED: 1.2 a photo in 37 photos of usual subjects.)
SCORES = {8: (1.0, -12.0), 16: (1.0, -12.0), 32: (4.0, -2.8)}
# A box of four strides about its cell, and landmarks in it where a face has them.
SIDES = numpy.full(4 * ANCHORS, 2.0)
POINTS = numpy.tile([-0.7, -0.4, 0.7, -0.4, 0.0, 0.2, -0.5, 0.8, 0.5, 0.8], ANCHORS)


def basic_block(graph: Graph, value: str, channels: int, stride: int) -> str:
    branch = graph.conv(graph.relu(graph.conv(value, channels, stride=stride)), channels, gain=BLOCK_GAIN)
    if stride != 1:
        value = graph.add("AveragePool", [value], ceil_mode=1, kernel_shape=[2, 2], pads=[0] * 4, strides=[2, 2])
    if graph.channels[value] != channels or stride != 1:
        value = graph.conv(value, channels, side=1, gain=0.7)
    return graph.relu(graph.add("Add", [branch, value]))


def backbone(graph: Graph, image: str) -> list[str]:
    """The outputs of the stages, at strides 4, 8, 16, 32."""
    value = graph.relu(graph.conv(image, 28, stride=2))
    value = graph.relu(graph.conv(value, 28))
    value = graph.relu(graph.conv(value, 56))
    value = graph.add("MaxPool", [value], ceil_mode=0, kernel_shape=[2, 2], pads=[0] * 4, strides=[2, 2])
    outputs = []
    for number_of_stage, (channels, blocks) in enumerate(STAGES):
        for position in range(blocks):
            value = basic_block(graph, value, channels, 2 if position == 0 and number_of_stage > 0 else 1)
        outputs.append(value)
    return outputs


def enlarge(graph: Graph, value: str, like: str) -> str:
    """To the height and width of another value, as PyTorch exports it."""
    sides = []
    for axis in (2, 3):
        side = graph.add("Gather", [graph.add("Shape", [like]), graph.constant(numpy.array(axis, numpy.int64))], axis=0)
        sides.append(graph.add("Unsqueeze", [side], axes=[0]))
    first = graph.add("Slice", [graph.add("Shape", [value]), graph.numbers(0), graph.numbers(2), graph.numbers(0)])
    size = graph.add("Concat", [first, *sides], axis=0)
    nothing = graph.constant(numpy.zeros(0, numpy.float32))
    output = graph.add("Resize", [value, nothing, nothing, size], coordinate_transformation_mode="asymmetric",
                       mode="nearest", nearest_mode="floor")
    graph.channels[output] = graph.channels[value]
    return output


def neck(graph: Graph, stages: list[str]) -> list[str]:
    """PAFPN: from the coarsest to the finest, then back."""
    lateral = [graph.conv(stage, NECK, side=1, gain=0.7) for stage in stages]
    for level in (2, 1):
        lateral[level - 1] = graph.add("Add", [lateral[level - 1], enlarge(graph, lateral[level], lateral[level - 1])])
    levels = [graph.conv(value, NECK, gain=0.5) for value in lateral]
    for level in (0, 1):
        levels[level + 1] = graph.add("Add", [levels[level + 1], graph.conv(levels[level], NECK, stride=2, gain=0.5)])
    return [levels[0], *(graph.conv(value, NECK, gain=0.7) for value in levels[1:])]


def head(graph: Graph, value: str, stride: int) -> None:
    for _ in range(TOWER_DEPTH):
        value = graph.relu(graph.conv(value, TOWER))
    spread, mean = SCORES[stride]
    scores = graph.conv(value, ANCHORS, gain=spread, bias=numpy.full(ANCHORS, mean))
    boxes = graph.conv(value, 4 * ANCHORS, gain=0.05, bias=SIDES)
    boxes = graph.add("Mul", [boxes, graph.constant(numpy.array(1, numpy.float32))])
    points = graph.conv(value, 10 * ANCHORS, gain=0.02, bias=POINTS)
    for name, output, width in (("score", scores, 1), ("bbox", boxes, 4), ("kps", points, 10)):
        turned = graph.add("Transpose", [output], perm=[2, 3, 0, 1])
        final = f"{name}_{stride}"
        rows = graph.add("Reshape", [turned, graph.numbers(-1, width)], "" if name == "score" else final)
        if name == "score":
            graph.add("Sigmoid", [rows], final)


def make_detector() -> bytes:
    graph = Graph(SEED)
    graph.channels["input.1"] = 3
    levels = neck(graph, backbone(graph, "input.1")[1:])
    for level, stride in zip(levels, STRIDES):
        head(graph, level, stride)
    outputs = [value_info(f"{name}_{stride}", ["rows", width])
               for name, width in (("score", 1), ("bbox", 4), ("kps", 10)) for stride in STRIDES]
    return graph.model("SCRFD-10GF", [value_info("input.1", [1, 3, "height", "width"])], outputs)


# --- IResNet-50 -----------------------------------------------------------------------------------------------------

RESIDUAL = ((64, 3), (128, 4), (256, 14), (512, 3))  # channels and blocks
SIDE = 112
DIMENSION = 512


def residual_block(graph: Graph, value: str, channels: int, stride: int) -> str:
    branch = graph.prelu(graph.conv(graph.normalise(value, graph.channels[value]), channels))
    branch = graph.conv(branch, channels, stride=stride, gain=BLOCK_GAIN)
    if stride != 1:
        value = graph.conv(value, channels, side=1, stride=stride, gain=0.7)
    return graph.add("Add", [branch, value])


def make_embedder() -> bytes:
    graph = Graph(SEED + 1)
    graph.channels["input.1"] = 3
    value = graph.prelu(graph.conv("input.1", 64))
    for channels, blocks in RESIDUAL:
        for position in range(blocks):
            value = residual_block(graph, value, channels, 2 if position == 0 else 1)
    value = graph.add("Flatten", [graph.normalise(value, 512)], axis=1)
    width = 512 * (SIDE // 16) ** 2
    weights = graph.random.standard_normal((DIMENSION, width), numpy.float32) / numpy.float32(numpy.sqrt(width))
    bias = graph.constant(numpy.zeros(DIMENSION, numpy.float32))
    value = graph.add("Gemm", [value, graph.constant(weights), bias], alpha=1.0, beta=1.0, transB=1)
    graph.normalise(value, DIMENSION)
    final = f"v{graph.values}"
    return graph.model("IResNet-50", [value_info("input.1", ["batch", 3, SIDE, SIDE])],
                       [value_info(final, ["batch", DIMENSION])])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector-only", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    makers = [("random_scrfd_10g.onnx", make_detector)]
    makers += [] if options.detector_only else [("random_iresnet50.onnx", make_embedder)]
    for name, make in makers:
        data = make()
        (options.folder / name).write_bytes(data)
        print(f"{options.folder / name}: {len(data) / 1e6:.0f} MB, random weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
