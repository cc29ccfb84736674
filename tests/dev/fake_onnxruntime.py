"""What bench/gpu/worker.py uses of ONNX Runtime, for tests where it is not installed. A "model" is a text of JSON:

    {"inputs": [NAME, ...], "hang": SEARCH, "fail": SEARCH, "die": SEARCH, "off": NUMBER}

Its one output is the mean of each image times 2. SEARCH is the search mode with which opening it hangs, fails, or ends
the process; "off" is added to what providers other than the CPU's compute.
"""

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy


class SessionOptions:
    enable_profiling = False
    profile_file_prefix = ""
    log_severity_level = 2


class OrtValue:
    def __init__(self, array):
        self.array = array

    @staticmethod
    def ortvalue_from_numpy(array, place, number):
        assert place == "cuda" and number == 0 or place == "cpu"
        return OrtValue(array)


class Binding:
    def __init__(self):
        self.inputs, self.outputs = {}, []

    def bind_ortvalue_input(self, name, value):
        self.inputs[name] = value.array

    def bind_output(self, name, place, number):
        self.outputs.append(name)

    def synchronize_outputs(self):
        pass


class InferenceSession:
    def __init__(self, model, options, providers=None):
        self.model = json.loads(Path(model).read_text())
        self.options, first = options, providers[0]
        self.provider, told = first if isinstance(first, tuple) else (first, {})
        self.runs = 0
        search = told.get("cudnn_conv_algo_search")
        if search is not None and search == self.model.get("hang"):
            time.sleep(600)
        if search is not None and search == self.model.get("die"):
            print("a driver's last words", file=__import__("sys").stderr, flush=True)
            os._exit(3)
        if search is not None and search == self.model.get("fail"):
            raise ValueError("no plan")

    def get_providers(self):
        return [self.provider]

    def get_inputs(self):
        return [SimpleNamespace(name=name) for name in self.model["inputs"]]

    def get_outputs(self):
        return [SimpleNamespace(name="means")]

    def io_binding(self):
        return Binding()

    def run_with_iobinding(self, binding):
        assert binding.outputs == ["means"]
        self.run(None, binding.inputs)

    def run(self, names, inputs):
        self.runs += 1
        images = inputs[self.model["inputs"][0]]
        off = 0 if self.provider == "CPUExecutionProvider" else self.model.get("off", 0)
        return [2 * images.mean(axis=(1, 2, 3)) + numpy.float32(off)]

    def end_profiling(self):
        events = []
        for number in range(self.runs):
            start = 10_000 * number
            events.append({"cat": "Session", "name": "model_run", "ts": start, "dur": 2000})
            for node in ("Conv", "Conv", "Relu"):
                events.append({"cat": "Node", "name": f"{node}_kernel_time", "ts": start + 10, "dur": 500,
                               "args": {"op_name": node, "activation_size": "1000000", "output_size": "500000"}})
        path = Path(f"{self.options.profile_file_prefix}_1.json")
        path.write_text(json.dumps(events))
        return str(path)
