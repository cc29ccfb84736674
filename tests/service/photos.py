"""Photos for the service, and the numbers of its /metrics."""

import time

import conftest

PHOTOS = {path.name: path.read_bytes() for path in sorted((conftest.DEPS / "photos").iterdir())
          if path.suffix in (".jpg", ".png")}


def metrics(service):
    """The samples of /metrics by their whole names, labels included."""
    samples = {}
    for line in service.get("/metrics").body.decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    return samples


def metrics_when_idle(service):
    """The samples once nothing is held any more, and how often they were asked for: a worker lets go of an image after
    its client has the answer."""
    limit = time.monotonic() + 60
    for asked in range(1, 10_000):
        samples = metrics(service)
        if samples["mien_queue_images"] == samples["mien_queue_bytes"] == 0:
            return samples, asked
        assert time.monotonic() < limit, samples
        time.sleep(0.02)
    raise AssertionError("it is asked too often")
