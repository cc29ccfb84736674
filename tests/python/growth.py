"""How much memory a program has more after so many calls of each kind."""

import base64

from conftest import picture, run

PROGRAM = """
import base64, gc, sys
import numpy
import mien
engine = mien.Engine(**{tiny})
checker = mien.QualityChecker()
image = base64.b64decode({image!r})
pixels = numpy.zeros((48, 40, 3), numpy.uint8)

def memory():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

def rounds(count):
    for index in range(count):
        assert len(engine.analyze(image).faces[0].embedding) == 64
        checker.assess_quality(pixels)
        try:
            engine.analyze(b"broken")
        except mien.Error:
            pass

rounds({warm})
before = memory()
rounds({count})
print(memory() - before)
"""


def grown(tiny, count):
    """In MB of 2^20 bytes."""
    image = base64.b64encode(picture(5)).decode()
    done = run(PROGRAM.format(tiny=tiny, image=image, warm=count // 4, count=count), timeout=3000)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)
