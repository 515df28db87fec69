"""A model release: parameters, whitening, catalogue and its index, a card, and a manifest that pins their digests."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from shared.arguments import PathArgument, path_of
from shared.arrays import F32Matrix
from shared.catalogue import Catalogue
from shared.companions import Companions
from shared.errors import Corrupt, Misconfigured
from shared.federation import FederationFile, read_federation, write_toml
from shared.files import write_atomically
from shared.item_statistics import ItemStatistics
from shared.model import AdapterInputs, Vector, Whitening, log_popularity, predicted_log_popularity, rename
from shared.release.int8 import int8_dequantise, int8_quantise
from shared.release.model_card import earlier_terms, write_card

_FORMAT = 4
_PINNED = {"card.md", "catalogue.jsonl", "federation.toml", "index.safetensors", "model.safetensors"}


@dataclass(frozen=True, slots=True)
class Release:
    """What a device needs to rank, and to train on: everything in it is public.

    Attributes:
        federation: the federation file it belongs to.
        catalogue: n items, without their features, which a device needs in the index only.
        whitening: of texts and features, fixed for a line of releases but for the mean, which follows the adapter.
        index: float32 [n, D], whitened embeddings of the catalogue under this release's adapter; features lead. Its
            values lie on the grid of `shared.release.int8`, which is how it is stored.
        log_popularity: float32 [n], zero for an item of average popularity.
        companions: which items go together.
        vector: float32 [d], all federated parameters.
        concept_names: K names, or none without the concept view.
        round_number: rounds that made it.
        card: Markdown for people, as it was written when the release was made.
        adapter: by which the encoder's adapter is trained; None where the federation trains none.
    """

    federation: FederationFile
    catalogue: Catalogue
    whitening: Whitening
    index: F32Matrix
    log_popularity: F32Matrix
    companions: Companions
    vector: Vector
    concept_names: tuple[str, ...]
    round_number: int = 0
    card: str = ""
    adapter: AdapterInputs | None = None

    def digest(self) -> str:
        """SHA-256 of the manifest, in hexadecimal: names the release whole."""
        return hashlib.sha256(self.files()["manifest.json"]).hexdigest()

    def save(self, directory: PathArgument) -> None:
        """Write the release's files; the manifest, which pins the others, comes last."""
        for name, content in self.files().items():
            write_atomically(path_of("release", directory) / name, content)

    def files(self) -> dict[str, bytes]:
        """Content of the release's files by name, the manifest last.

        Raises:
            Misconfigured: the index does not lie on its grid.
        """
        widths = index_groups(self.federation, self.index.shape[1])
        numbers, scales = int8_quantise(self.index, widths)
        if not np.array_equal(int8_dequantise(numbers, scales, widths), self.index):
            raise Misconfigured(
                "release: expected an index on the int8 grid, got other numbers; see shared.release.int8"
            )
        index: dict[str, NDArray[Any]] = {
            "index": numbers,
            "scales": scales,
            "log_popularity": self.log_popularity,
            "companions": self.companions.rows,
            "companion_weights": self.companions.weights,
        }
        model: dict[str, NDArray[Any]] = {**self.whitening.tensors(), "vector": self.vector}
        if self.adapter is not None:
            index["entering"] = self.adapter.items.astype(np.float16)
            model |= {"adapter_down": self.adapter.down, "adapter_mean": self.adapter.mean}
        files = {
            "card.md": self.card.encode(),
            "federation.toml": write_toml(self.federation).encode(),
            "catalogue.jsonl": self.catalogue.canonical_bytes(),
            "index.safetensors": save_tensors(index),
            "model.safetensors": save_tensors(model),
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
    def load(cls, directory: PathArgument) -> "Release":
        """Read and verify a release.

        Raises:
            Misconfigured: there is none at `directory`.
            Corrupt: a file is missing or is not the one the manifest pins.
        """
        if not ((directory := path_of("release", directory)) / "manifest.json").is_file():
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
            vector = model.pop("vector")
            adapter = None
            if federation.adapter_rank:
                down, mean = model.pop("adapter_down"), model.pop("adapter_mean")
                adapter = AdapterInputs(down, mean, index["entering"].astype(np.float32))
                if {down.shape[0], *mean.shape, adapter.items.shape[1]} != {federation.adapter_rank}:
                    raise ValueError(f"expected an adapter of rank {federation.adapter_rank}, got another")
            catalogue = Catalogue.load(directory / "catalogue.jsonl")
            whitening = Whitening.of_tensors(model, federation.model.blocks)
            widths = index_groups(federation, whitening.matrix.shape[1])
            rows = {name: len(tensor) for name, tensor in index.items()}
            wanted = ["index", "scales", "log_popularity", "companions", "companion_weights"]
            wanted += ["entering"] if adapter else []
            if rows != dict.fromkeys(wanted, len(catalogue)):
                raise ValueError(f"expected an index of {len(catalogue)} items, got {rows}")
            return cls(
                federation,
                catalogue,
                whitening,
                int8_dequantise(index["index"], index["scales"], widths),
                index["log_popularity"],
                Companions(index["companions"], index["companion_weights"]),
                vector,
                tuple(manifest["concept_names"]),
                manifest["round"],
                files["card.md"].decode(),
                adapter,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"release {directory}: could not be read ({type(error).__name__}: {error})") from None

    def with_statistics(self, statistics: ItemStatistics) -> "Release":
        """The release with the popularity prior and the companions that a count gives.

        See `log_popularity` and `Companions.of_pairs`.

        Args:
            statistics: of the first items; the popularity of what came after the count is predicted from it. What is
                no longer in the catalogue is left out.
        """
        items, settings = len(self.catalogue), self.federation.statistics
        counts, pairs = statistics.counts[:items], statistics.pairs
        counted, later = self.index[: len(counts)], self.index[len(counts) :]
        known = log_popularity(counts, counted, settings.shrinkage, statistics.noise)
        companions = Companions.none(items)
        if settings.pairs:
            companions = Companions.of_pairs(pairs.among(len(counts)), counts).followed_by(len(later))
        if len(later):
            predicted = predicted_log_popularity(counted, known, later, settings.new_item_optimism)
            known = np.concatenate([known, predicted])
        return replace(self, log_popularity=known, companions=companions)

    def renamed(self, names: Mapping[str, str]) -> "Release":
        """The release with some concepts renamed, {number from 1, or old name: new name}; later ones keep the names.

        Raises:
            Misconfigured: an unknown concept, or two with the same name.
        """
        return with_card(replace(self, concept_names=rename(self.concept_names, names)))


def with_card(
    release: Release, metrics: Mapping[str, float] | None = None, measured_round: int | None = None
) -> Release:
    """The release with a card of what it is."""
    items, names = len(release.catalogue), release.concept_names
    card = write_card(release.federation, items, names, release.round_number, metrics or {}, measured_round)
    return replace(release, card=card + earlier_terms(release.card))


def index_groups(federation: FederationFile, columns: int) -> list[int]:
    """Groups of the index's columns that are scaled apart: each block of features, then the text."""
    blocks = list(federation.model.blocks.values())
    return [*blocks, columns - sum(blocks)]
