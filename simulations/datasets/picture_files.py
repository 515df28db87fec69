"""Turns pictures of items, files named by their ids, into features beside their texts.

What comes out is a file of items that simulations and servers read: neither of them ever opens a picture.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from shared.arguments import PathArgument, path_of, path_or_none
from shared.catalogue import Catalogue
from shared.errors import Corrupt, Misconfigured
from shared.files import write_atomically
from shared.records import read_items
from simulations.datasets.export import item_lines
from simulations.features import ColourGradients, FeatureEncoder, Image, ImageModel, with_features

_ENDINGS = (".jpeg", ".jpg", ".png", ".webp")
_MOST_PIXELS = 50_000_000  # of a file, before it is made smaller
_SIDE = 256  # pixels, of what an encoder gets


class _Pictures(Mapping[str, Image]):
    """Pictures by id, each opened when it is asked for."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def __getitem__(self, name: str) -> Image:
        path = self._files[name]
        try:
            with Pillow.open(path) as picture:
                if picture.width * picture.height > _MOST_PIXELS:
                    raise Corrupt(
                        f"{path}: expected at most {_MOST_PIXELS:,} pixels, got {picture.width} by {picture.height}; "
                        "make it smaller"
                    )
                picture.draft("RGB", (_SIDE, _SIDE))
                small = picture.convert("RGB")
        except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
            raise Corrupt(f"{path}: expected a picture, could not be read ({type(error).__name__}); mend it") from None
        small.thumbnail((_SIDE, _SIDE))
        return np.asarray(small, np.uint8)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def add_pictures(
    items: PathArgument, pictures: PathArgument, out: PathArgument, image_model: PathArgument | None = None
) -> dict[str, int]:
    """Write items with a block of features `image`, for those of which there is a picture.

    Args:
        items: file of items, named .jsonl or .csv.
        pictures: folder with `ID.jpg`, `ID.png` or `ID.webp`.
        out: file to write, named .jsonl; there must be none yet.
        image_model: folder of a Hugging Face image model that makes the vectors, see `ImageModel`; colours and edges of
            each picture (`ColourGradients`) when left out.

    Returns:
        {"items", "with_picture", "width", "of_no_item"}: the width of the block, and how many pictures are of no item.

    Raises:
        Misconfigured: no picture is of an item, two are of the same, items have the block already, or `out` is there.
        Corrupt: a line is no item, or a file no picture.
    """
    source, folder, target = path_of("items", items), path_of("pictures", pictures), path_of("out", out)
    if target.suffix != ".jsonl" or target.exists():
        raise Misconfigured(f"out: expected a new file named .jsonl, got {target}; choose another name")
    catalogue = Catalogue(read_items(source)[0])
    if "image" in catalogue.features:
        raise Misconfigured(f"{source}: expected items without features named image, got some; take these out first")
    files, of_no_item = _files(folder, catalogue)
    model = path_or_none("image_model", image_model)
    encoder: FeatureEncoder[Image] = ColourGradients() if model is None else ImageModel(model)
    described = with_features(catalogue, encoder, _Pictures(files))
    write_atomically(target, item_lines(described))
    return {"items": len(catalogue), "with_picture": len(files), "width": encoder.width, "of_no_item": of_no_item}


def _files(folder: Path, catalogue: Catalogue) -> tuple[dict[str, Path], int]:
    """The picture of each item that has one, and how many pictures are of no item."""
    files: dict[str, Path] = {}
    of_no_item = 0
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in _ENDINGS:
            continue
        if path.stem not in catalogue:
            of_no_item += 1
        elif path.stem in files:
            both = f"{files[path.stem].name} and {path.name}"
            raise Misconfigured(f"{folder}: expected one picture of item {path.stem!r}, got {both}; keep one")
        else:
            files[path.stem] = path
    if not files:
        raise Misconfigured(
            f"{folder}: expected pictures named as ids of items, such as {catalogue[0].id}.jpg, found none among "
            f"{of_no_item} pictures ({', '.join(_ENDINGS)})"
        )
    return files, of_no_item
