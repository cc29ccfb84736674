"""Many photos at once in an event loop: python service.py photo.jpg ..."""

import asyncio
import pathlib
import sys

import mien


async def main() -> None:
    service = mien.get_face_service()
    paths = sys.argv[1:]
    images = [pathlib.Path(path).read_bytes() for path in paths]
    results = await service.detect_and_embed_batch_async(images, batch_size=32)
    for index, (path, faces) in enumerate(zip(paths, results)):
        error = service.last_errors.get(index)
        print(f"{path}: {error if error else f'{len(faces)} faces'}")


if __name__ == "__main__":
    asyncio.run(main())
