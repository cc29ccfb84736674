"""Photos for the service, and the numbers of its /metrics."""

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
