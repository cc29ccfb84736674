"""What a schema cannot say: which bytes are an image. schemathesis loads this by SCHEMATHESIS_HOOKS."""

import json
import os
import pathlib

import schemathesis
from hypothesis import strategies

IMAGE = pathlib.Path(os.environ["MIEN_TEST_IMAGE"]).read_bytes()

schemathesis.openapi.media_type("application/octet-stream", strategies.just(IMAGE))


@schemathesis.deserializer("application/x-ndjson")
def first_record(_context, response):
    """The schema of /v1/batch is that of each line: all are JSON with the keys of the one that is checked."""
    first, *others = [json.loads(line) for line in response.content.splitlines()]
    if any(other.keys() != first.keys() for other in others):
        raise ValueError("lines of different keys")
    return first
