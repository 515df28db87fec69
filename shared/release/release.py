"""A model release: parameters, whitening, catalogue and its index, a card, and a manifest that pins their digests."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from shared.arguments import PathArgument, path_of
from shared.arrays import F32Matrix
from shared.catalogue import Catalogue
from shared.errors import Corrupt, Misconfigured
from shared.federation import FederationFile, read_federation, write_toml
from shared.files import write_atomically
from shared.model import (
    ConceptGraph,
    GlobalModel,
    Progress,
    Vector,
    Whitening,
    find_concepts,
    log_popularity,
    name_concepts,
    predicted_log_popularity,
    rename,
)
from shared.release.int8 import int8_dequantise, int8_quantise, on_grid
from shared.release.model_card import write_card

_FORMAT = 3
_PINNED = {"card.md", "catalogue.jsonl", "federation.toml", "index.safetensors", "model.safetensors"}


@dataclass(frozen=True, slots=True)
class Release:
    """What a device needs to rank, and to train on: everything in it is public.

    Attributes:
        federation: the federation file it belongs to.
        catalogue: n items, without their features, which a device needs in the index only.
        whitening: of texts and features, fixed for a line of releases.
        index: float32 [n, D], whitened embeddings of the catalogue under this release's adapters; features lead. Its
            values lie on the grid of `shared.release.int8`, which is how it is stored.
        log_popularity: float32 [n], zero for an item of average popularity.
        vector: float32 [d], all federated parameters.
        concept_names: K names, or none without the concept view.
        round_number: rounds that made it.
        card: Markdown for people, as it was written when the release was made.
    """

    federation: FederationFile
    catalogue: Catalogue
    whitening: Whitening
    index: F32Matrix
    log_popularity: F32Matrix
    vector: Vector
    concept_names: tuple[str, ...]
    round_number: int = 0
    card: str = ""

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
        widths = _widths(self.federation, self.index.shape[1])
        numbers, scales = int8_quantise(self.index, widths)
        if not np.array_equal(int8_dequantise(numbers, scales, widths), self.index):
            raise Misconfigured(
                "release: expected an index on the int8 grid, got other numbers; see shared.release.int8"
            )
        index: dict[str, NDArray[Any]] = {"index": numbers, "scales": scales, "log_popularity": self.log_popularity}
        files = {
            "card.md": self.card.encode(),
            "federation.toml": write_toml(self.federation).encode(),
            "catalogue.jsonl": self.catalogue.canonical_bytes(),
            "index.safetensors": save_tensors(index),
            "model.safetensors": save_tensors({**self.whitening.tensors(), "vector": self.vector}),
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
            catalogue = Catalogue.load(directory / "catalogue.jsonl")
            whitening = Whitening.of_tensors(model, federation.model.blocks)
            widths = _widths(federation, whitening.matrix.shape[1])
            rows = {name: len(tensor) for name, tensor in index.items()}
            if rows != dict.fromkeys(("index", "scales", "log_popularity"), len(catalogue)):
                raise ValueError(f"expected an index of {len(catalogue)} items, got {rows}")
            return cls(
                federation,
                catalogue,
                whitening,
                int8_dequantise(index["index"], index["scales"], widths),
                index["log_popularity"],
                vector,
                tuple(manifest["concept_names"]),
                manifest["round"],
                files["card.md"].decode(),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"release {directory}: could not be read ({type(error).__name__}: {error})") from None

    def with_popularity(self, counts: NDArray[np.float64], noise: float = 0.0) -> "Release":
        """The release with the popularity prior of a count per item; see `log_popularity`.

        Args:
            counts: float64, of the first items; what came after the count is predicted from it.
            noise: standard deviation of the noise in each count; 0 for exact ones.
        """
        counted, later = self.index[: len(counts)], self.index[len(counts) :]
        settings = self.federation.statistics
        known = log_popularity(counts, counted, settings.shrinkage, noise)
        if len(later):
            predicted = predicted_log_popularity(counted, known, later, settings.new_item_optimism)
            known = np.concatenate([known, predicted])
        return replace(self, log_popularity=known)

    def renamed(self, names: Mapping[str, str]) -> "Release":
        """The release with some concepts renamed, {number from 1, or old name: new name}; later ones keep the names.

        Raises:
            Misconfigured: an unknown concept, or two with the same name.
        """
        return _with_card(replace(self, concept_names=rename(self.concept_names, names)))


def first_release(
    federation: FederationFile,
    catalogue: Catalogue,
    model: GlobalModel,
    embeddings: F32Matrix,
    graph: ConceptGraph | None = None,
) -> Release:
    """Fit the whitening, find and name the concepts: release zero, made of public texts and features alone.

    Args:
        federation: the terms, which say what the model is and what it sees.
        catalogue: public items, with their features.
        model: of this federation, whose heads start on the concepts found.
        embeddings: float32 [n, width], the model's encoder on the catalogue's texts.
        graph: concepts known beforehand; they come first, keep their names and start M.

    Raises:
        Misconfigured: a wider dense view than the encoder; fewer items or more concepts of the graph than concepts; a
            graph without the concept view; features that the catalogue has not.
    """
    if federation.model.dense_width > model.encoder.width:
        raise Misconfigured(
            f"model.dense_width: expected at most the encoder's width {model.encoder.width}, "
            f"got {federation.model.dense_width}"
        )
    whitening = Whitening.fit_items(embeddings, catalogue, federation.model.blocks)
    exact = whitening.apply_items(embeddings, catalogue)
    index = on_grid(exact, _widths(federation, exact.shape[1]))
    names: tuple[str, ...] = ()
    if "concepts" in federation.model.views:
        names = _start_concepts(federation, catalogue, model, whitening, index, graph)
        if federation.model.dense_trained < model.encoder.width:
            # What people choose by is subject rather than manner: the few axes that may turn are those of the concepts.
            columns = exact.shape[1] - model.encoder.width
            whitening, rotation = whitening.led_by(model.heads.concept_centres()[:, columns:])
            model.heads.turn_concepts(rotation)
            exact = whitening.apply_items(embeddings, catalogue)
            index = on_grid(exact, _widths(federation, exact.shape[1]))
    elif graph is not None:
        raise Misconfigured('concept graph: expected model.views with "concepts", got none; leave the graph out')
    zeros = np.zeros(len(catalogue), np.float32)
    release = Release(federation, catalogue.without_features(), whitening, index, zeros, model.vector(), names)
    return _with_card(release)


def next_release(
    release: Release,
    model: GlobalModel,
    vector: Vector,
    round_number: int,
    progress: Progress = lambda _: None,
    metrics: Mapping[str, float] | None = None,
    measured_round: int | None = None,
) -> Release:
    """The release that a finished training gives: new parameters, and a new index if the adapters moved.

    Args:
        release: that the training started from.
        model: of its federation, which encodes anew where adapters moved.
        vector: float32 [d], the parameters after training.
        round_number: training rounds that are done.
        progress: called with how many texts were encoded since the last call.
        metrics: what devices measured last, for the card.
        measured_round: after which round that was; this one where left out.
    """
    index = release.index
    moved = model.layout.extract(vector, ["adapters"]), model.layout.extract(release.vector, ["adapters"])
    if not np.array_equal(*moved):
        texts = release.catalogue.texts
        with model.at(vector):
            exact = release.whitening.apply(model.encoder.embed(texts, keep=True, progress=progress))
        columns = sum(release.federation.model.blocks.values())
        exact[:, :columns] = release.index[:, :columns]  # no adapter moves the features
        index = on_grid(exact, _widths(release.federation, exact.shape[1]))
    following = replace(release, vector=vector.copy(), index=index, round_number=round_number)
    return _with_card(following, metrics, measured_round)


def with_items(
    release: Release,
    model: GlobalModel,
    items: Catalogue,
    progress: Progress = lambda _: None,
    embeddings: F32Matrix | None = None,
) -> Release:
    """The release with items that came after its training: encoded as it encodes, at the end of its catalogue.

    Nobody has counted them, so their popularity is predicted from their texts and features, with the optimism that the
    federation file asks for.

    Args:
        release: that devices have.
        model: of its federation, which encodes the new texts.
        items: that came, with their features.
        progress: called with how many texts were encoded since the last call.
        embeddings: float32 [items, width] of their texts under the adapters of the release, where they are known.

    Raises:
        Misconfigured: an item stands in both catalogues.
    """
    if embeddings is None:
        with model.at(release.vector):
            embeddings = model.encoder.embed(items.texts, progress=progress)
    exact = release.whitening.apply_items(embeddings, items)
    new = on_grid(exact, _widths(release.federation, exact.shape[1]))
    optimism = release.federation.statistics.new_item_optimism
    prior = predicted_log_popularity(release.index, release.log_popularity, new, optimism)
    return _with_card(
        replace(
            release,
            catalogue=Catalogue([*release.catalogue, *items.without_features()]),
            index=np.concatenate([release.index, new]),
            log_popularity=np.concatenate([release.log_popularity, prior]),
        )
    )


def _with_card(
    release: Release, metrics: Mapping[str, float] | None = None, measured_round: int | None = None
) -> Release:
    items, names = len(release.catalogue), release.concept_names
    card = write_card(release.federation, items, names, release.round_number, metrics or {}, measured_round)
    return replace(release, card=card)


def _widths(federation: FederationFile, columns: int) -> list[int]:
    """Groups of the index's columns that are scaled apart: each block of features, then the text."""
    blocks = list(federation.model.blocks.values())
    return [*blocks, columns - sum(blocks)]


def _start_concepts(
    federation: FederationFile,
    catalogue: Catalogue,
    model: GlobalModel,
    whitening: Whitening,
    index: F32Matrix,
    graph: ConceptGraph | None,
) -> tuple[str, ...]:
    """Put the concepts in place, and M where a graph is given; returns their names."""

    def read(texts: Sequence[str]) -> F32Matrix:
        return whitening.apply(model.encoder.embed(texts))

    settings = federation.model
    known = None if graph is None else graph.centres(catalogue, index, read)
    centres = find_concepts(index, settings.concepts, settings.seed, list(catalogue), known)
    model.heads.start_concepts(centres, None if graph is None else graph.ties(settings.concepts))
    names = name_concepts(catalogue, model.heads.concept_shares(index), centres, read)
    return names if graph is None else (*graph.names, *names[len(graph.names) :])
