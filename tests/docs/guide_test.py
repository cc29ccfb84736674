"""docs/guide.md: it has the guide's headings and names, and every command in it does what it says."""

import re

import pytest

from documents import ROOT, blocks

PATH = ROOT / "docs" / "guide.md"
HEADINGS = """
## Overview
## Supported Platforms
### NVIDIA CUDA
### AMD ROCm
### Apple Metal (M1/M2)
## Configuration
### Environment Variables
### Settings Configuration
## Usage
### Basic GPU Detection
### Face Detection with GPU
### Image Enhancement with GPU
### Quality Assessment with GPU
## Docker Setup
### NVIDIA CUDA
### AMD ROCm
## Performance Testing
### Running Benchmarks
### Benchmark Results
## Troubleshooting
### Common Issues
### Debug Mode
### Fallback Behavior
## Performance Optimization
### Recommended Settings
### Memory Management
## Development
### Adding New GPU Operations
## Monitoring
### GPU Usage Metrics
### Performance Monitoring
## Best Practices
## Support
""".split("\n")[1:-1]
SETTINGS = """ALL_GPU FACE_DETECTION_GPU FACE_EMBEDDING_GPU IMAGE_PROCESSING_GPU IMAGE_ENHANCEMENT_GPU
QUALITY_CHECKS_GPU GPU_BACKEND GPU_DEVICE_ID GPU_MEMORY_LIMIT_GB GPU_BATCH_SIZE LOG_LEVEL DEBUG""".split()
NAMES = """get_settings is_gpu_enabled_for_operation get_gpu_manager get_available_backends get_preferred_device
get_memory_info detect_and_embed_async detect_and_embed_batch_async enhance_image_for_face_detection QualityChecker
assess_quality blur_score brightness contrast overall_score mean_time_ms mean_throughput success_rate""".split()


def test_it_follows_the_guide_heading_by_heading():
    assert re.findall(r"^##+ .*$", PATH.read_text(), re.M) == HEADINGS


def test_it_has_the_guides_names(run):
    text = PATH.read_text()
    assert [name for name in SETTINGS + NAMES if name not in text] == []
    table = run("mien config").stdout
    assert [name for name in SETTINGS if f"\n{name} " not in table] == []


def test_every_section_has_a_command_or_says_what_is_missing():
    text = re.sub(r"^#+ .*\n+(?=#)", "", PATH.read_text(), flags=re.M)  # headings without text of their own
    for section in re.split(r"^##+ ", text, flags=re.M)[1:]:
        assert "```sh\n" in section or "needs hardware" in " ".join(section.split()), section.splitlines()[0]


def test_every_block_says_what_is_expected():
    found = blocks(PATH)
    assert len(found) == PATH.read_text().count("```sh\n") >= 25
    for block in found:
        assert block.kind in ("runs", "pending"), f"{block}: no comment before it says what to expect"
        assert block.exit is not None and block.contains and not block.rest, block


@pytest.mark.parametrize("block", blocks(PATH), ids=repr)
def test_command(run, block):
    done = run(block.script)
    assert done.returncode == block.exit, done.stdout
    for words in block.contains:
        assert words in done.stdout
