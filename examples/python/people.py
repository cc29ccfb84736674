"""Who is on the photos of a folder, and where: python people.py store.mien folder [GROUP NAME]"""

import sys

import mien


def main() -> None:
    path, folder, *said = sys.argv[1:]
    with mien.Store(path, "create") as store:
        summary = store.index(folder)
        print(f"{summary.images} photos, {summary.images - summary.resumed} of them read", file=sys.stderr)
        if said:
            group, name = said
            store.name(group, name)
        for person in store.people():
            faces = store.faces(person)
            quality = [face.similarity for face in faces if face.similarity is not None]
            print(f"{person.name or person.id}: {person.faces} faces, the least alike {min(quality, default=1.0):.2f}")
            for face in faces[:3]:
                print(f"  {face.source}#{face.number}")
        for block in store.iter_vectors():
            print(f"{block.vectors.shape[0]} vectors of {block.vectors.shape[1]} numbers", file=sys.stderr)


if __name__ == "__main__":
    main()
