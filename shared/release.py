"""A model release: parameters, whitening, catalogue and its index, beside a manifest that pins their digests."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from shared.catalogue import Catalogue
from shared.errors import Corrupt, Misconfigured
from shared.federation import FederationFile, read_federation, write_toml
from shared.files import write_atomically
from shared.model import GlobalModel, Progress, Vector, Whitening, find_concepts, log_popularity, name_concepts

FloatMatrix = NDArray[np.float32]
_FORMAT = 1
_PINNED = {"federation.toml", "catalogue.jsonl", "index.safetensors", "model.safetensors"}


@dataclass(frozen=True, slots=True)
class Release:
    """What a device needs to rank, and to train on: everything in it is public.

    Attributes:
        federation: the federation file it belongs to.
        catalogue: n items.
        whitening: fixed for a line of releases.
        index: float32 [n, D], whitened embeddings of the catalogue under this release's adapters.
        log_popularity: float32 [n], zero for an item of average popularity.
        vector: float32 [d], all federated parameters.
        concept_names: K names, or none without the concept view.
        round_number: rounds that made it.
    """

    federation: FederationFile
    catalogue: Catalogue
    whitening: Whitening
    index: FloatMatrix
    log_popularity: FloatMatrix
    vector: Vector
    concept_names: tuple[str, ...]
    round_number: int = 0

    def digest(self) -> str:
        """SHA-256 of the manifest, in hexadecimal: names the release whole."""
        return hashlib.sha256(self._files()["manifest.json"]).hexdigest()

    def save(self, directory: Path) -> None:
        """Write the release's files; the manifest, which pins the others, comes last."""
        for name, content in self._files().items():
            write_atomically(directory / name, content)

    def _files(self) -> dict[str, bytes]:
        files = {
            "federation.toml": write_toml(self.federation).encode(),
            "catalogue.jsonl": self.catalogue.canonical_bytes(),
            "index.safetensors": save_tensors({"index": self.index, "log_popularity": self.log_popularity}),
            "model.safetensors": save_tensors(
                {"mean": self.whitening.mean, "matrix": self.whitening.matrix, "vector": self.vector}
            ),
        }
        manifest = {
            "format": _FORMAT,
            "round": self.round_number,
            "federation": self.federation.digest(),
            "concept_names": list(self.concept_names),
            "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
        files["manifest.json"] = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False).encode()
        return files

    @classmethod
    def load(cls, directory: Path) -> "Release":
        """Read and verify a release.

        Raises:
            Misconfigured: there is none at `directory`.
            Corrupt: a file is missing or is not the one the manifest pins.
        """
        if not (directory / "manifest.json").is_file():
            raise Misconfigured(f"release {directory}: expected a folder with manifest.json, found none")
        try:
            manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
            files = {name: (directory / name).read_bytes() for name in manifest["sha256"]}
            if set(files) != _PINNED:
                raise Corrupt(
                    f"release {directory}: expected a manifest that pins {sorted(_PINNED)}, got {sorted(files)}"
                )
            for name, digest in manifest["sha256"].items():
                if hashlib.sha256(files[name]).hexdigest() != digest:
                    raise Corrupt(f"release {directory}: {name} is not the file its manifest pins; fetch it again")
            if manifest["format"] != _FORMAT:
                raise Corrupt(
                    f"release {directory}: expected format {_FORMAT}, got {manifest['format']}; update Hushrec"
                )
            index, model = load_tensors(files["index.safetensors"]), load_tensors(files["model.safetensors"])
            federation = read_federation(directory / "federation.toml")
            if federation.digest() != manifest["federation"]:
                raise Corrupt(f"release {directory}: its federation file means something else here; update Hushrec")
            return cls(
                federation,
                Catalogue.load(directory / "catalogue.jsonl"),
                Whitening(model["mean"], model["matrix"]),
                index["index"],
                index["log_popularity"],
                model["vector"],
                tuple(manifest["concept_names"]),
                manifest["round"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"release {directory}: could not be read ({type(error).__name__}: {error})") from None

    def with_popularity(self, counts: NDArray[np.float64], noise: float = 0.0) -> "Release":
        """The release with the popularity prior of a count per item, float64 [items]; see `log_popularity`."""
        shrinkage = self.federation.statistics.shrinkage
        return replace(self, log_popularity=log_popularity(counts, self.index, shrinkage, noise))


def first_release(
    federation: FederationFile, catalogue: Catalogue, model: GlobalModel, embeddings: FloatMatrix
) -> Release:
    """Fit the whitening, find and name the concepts: release zero, made of public texts alone.

    Args:
        embeddings: float32 [n, width], the model's encoder on the catalogue's texts.

    Raises:
        Misconfigured: a wider dense view than the encoder, or more concepts than items.
    """
    if federation.model.dense_width > model.encoder.width:
        raise Misconfigured(
            f"model.dense_width: expected at most the encoder's width {model.encoder.width}, "
            f"got {federation.model.dense_width}"
        )
    whitening = Whitening.fit(embeddings)
    index = whitening.apply(embeddings)
    names: tuple[str, ...] = ()
    if "concepts" in federation.model.views:
        model.heads.start_concepts(find_concepts(index, federation.model.concepts, federation.model.seed))
        names = tuple(name_concepts(catalogue, model.heads.concept_shares(index)))
    zeros = np.zeros(len(catalogue), np.float32)
    return Release(federation, catalogue, whitening, index, zeros, model.vector(), names)


def next_release(
    release: Release, model: GlobalModel, vector: Vector, round_number: int, progress: Progress = lambda _: None
) -> Release:
    """The release that a finished training gives: new parameters, and a new index if the adapters moved."""
    model.load(vector)
    index = release.index
    moved = model.layout.extract(vector, ["adapters"]), model.layout.extract(release.vector, ["adapters"])
    if not np.array_equal(*moved):
        texts = release.catalogue.texts
        index = release.whitening.apply(model.encoder.embed(texts, keep=True, progress=progress))
    return replace(release, vector=vector.copy(), index=index, round_number=round_number)
