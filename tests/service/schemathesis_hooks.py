"""What a schema cannot say: which bytes are an image. schemathesis loads this by SCHEMATHESIS_HOOKS."""

import os
import pathlib

import schemathesis
from hypothesis import strategies

IMAGE = pathlib.Path(os.environ["MIEN_TEST_IMAGE"]).read_bytes()

schemathesis.openapi.media_type("application/octet-stream", strategies.just(IMAGE))
