"""How releases come about: from the public catalogue, from a training, from items that came later."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from shared.arrays import F32Matrix
from shared.catalogue import Catalogue
from shared.companions import Companions
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.model import (
    AdapterInputs,
    ConceptGraph,
    GlobalModel,
    Progress,
    Readings,
    Vector,
    Whitening,
    build_model,
    find_concepts,
    name_concepts,
    predicted_log_popularity,
)
from shared.release.int8 import on_grid
from shared.release.model_card import amended_card
from shared.release.release import Release, index_groups, with_card


def first_release(
    federation: FederationFile,
    catalogue: Catalogue,
    model: GlobalModel,
    readings: Readings,
    graph: ConceptGraph | None = None,
) -> Release:
    """Fit the whitening, find and name the concepts: release zero, made of public texts and features alone.

    Args:
        federation: the terms, which say what the model is and what it sees.
        catalogue: public items, with their features.
        model: of this federation, whose heads start on the concepts found.
        readings: float32 [n, width + rank], what the model's encoder reads of the catalogue (`Encoder.read_catalogue`).
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
    embeddings, entering = _apart(readings, model)
    whitening = Whitening.fit_items(embeddings, catalogue, federation.model.blocks)
    exact = whitening.apply_items(embeddings, catalogue)
    index = on_grid(exact, index_groups(federation, exact.shape[1]))
    names: tuple[str, ...] = ()
    if "concepts" in federation.model.views:
        names = _start_concepts(federation, catalogue, model, whitening, index, graph)
        if federation.model.dense_trained < model.encoder.width:
            # What people choose by is subject rather than manner: the few axes that may turn are those of the concepts.
            columns = exact.shape[1] - model.encoder.width
            whitening, rotation = whitening.led_by(model.heads.concept_centres()[:, columns:])
            model.heads.turn_concepts(rotation)
            exact = whitening.apply_items(embeddings, catalogue)
            index = on_grid(exact, index_groups(federation, exact.shape[1]))
    elif graph is not None:
        raise Misconfigured('concept graph: expected model.views with "concepts", got none; leave the graph out')
    zeros, none = np.zeros(len(catalogue), np.float32), Companions.none(len(catalogue))
    adapter = AdapterInputs.of(model.encoder.adapter_down, entering) if model.encoder.rank else None
    public = catalogue.without_features()
    release = Release(federation, public, whitening, index, zeros, none, model.vector(), names, adapter=adapter)
    return with_card(release)


def next_release(
    release: Release,
    model: GlobalModel,
    vector: Vector,
    round_number: int,
    progress: Progress = lambda _: None,
    metrics: Mapping[str, float] | None = None,
    measured_round: int | None = None,
) -> Release:
    """The release that a finished training gives: new parameters, and a new index if the adapter moved.

    Args:
        release: that the training started from.
        model: of its federation, which encodes anew where the adapter moved.
        vector: float32 [d], the parameters after training.
        round_number: training rounds that are done.
        progress: called with how many texts were encoded since the last call.
        metrics: what devices measured last, for the card.
        measured_round: after which round that was; this one where left out.
    """
    following = replace(release, vector=vector.copy(), round_number=round_number)
    if release.adapter is not None and adapter_change(release, model, vector).any():
        with model.at(vector):
            embeddings, entering = _apart(model.encoder.read(release.catalogue.texts, progress), model)
        whitening = replace(release.whitening, mean=embeddings.mean(0, dtype=np.float64).astype(np.float32))
        exact = whitening.apply(embeddings)
        columns = sum(release.federation.model.blocks.values())
        exact[:, :columns] = release.index[:, :columns]  # the adapter moves no features
        following = replace(
            following,
            whitening=whitening,
            index=on_grid(exact, index_groups(release.federation, exact.shape[1])),
            adapter=AdapterInputs.of(release.adapter.down, entering),
        )
    return with_card(following, metrics, measured_round)


def candidate_release(release: Release, model: GlobalModel, vector: Vector) -> Release:
    """The release as it ranks under other parameters, float32 [d]: what is measured while training goes on.

    Where the adapter differs, index and whitening move along with it to first order, which needs no encoder.

    Args:
        release: that the training started from.
        model: of its federation.
        vector: float32 [d], the parameters.
    """
    following = replace(release, vector=vector)
    if release.adapter is None or not (change := adapter_change(release, model, vector)).any():
        return following
    encoder, whitening = model.encoder, release.whitening
    mean = whitening.mean + encoder.shift(release.adapter.mean[None], change)[0]
    index = release.index + encoder.shift(release.adapter.items, change) @ whitening.matrix
    return replace(following, index=index, whitening=replace(whitening, mean=mean))


def amended_release(release: Release, federation: FederationFile) -> Release:
    """The same release under other terms, which have to leave the shape of its parameters as it is."""
    return replace(release, federation=federation, card=amended_card(release.card, federation))


def adapter_change(release: Release, model: GlobalModel, vector: Vector) -> Vector:
    """By how much the adapter's B differs from the release's under other parameters, float32 [width * rank]."""
    adapters = ["adapters"] if release.adapter is not None else []
    return model.layout.extract(vector, adapters) - model.layout.extract(release.vector, adapters)


def with_items(
    release: Release,
    model: GlobalModel,
    items: Catalogue,
    progress: Progress = lambda _: None,
    readings: Readings | None = None,
) -> Release:
    """The release with items that came after its training: encoded as it encodes, at the end of its catalogue.

    Nobody has counted them, so their popularity is predicted from their texts and features, with the optimism that the
    federation file asks for, and they have no companions.

    Args:
        release: that devices have.
        model: of its federation, which encodes the new texts.
        items: that came, with their features.
        progress: called with how many texts were encoded since the last call.
        readings: float32 [items, width + rank] of their texts under the adapter of the release, where they are known.

    Raises:
        Misconfigured: an item stands in both catalogues.
    """
    if readings is None:
        with model.at(release.vector):
            readings = model.encoder.read(items.texts, progress)
    embeddings, entering = _apart(readings, model)
    exact = release.whitening.apply_items(embeddings, items)
    new = on_grid(exact, index_groups(release.federation, exact.shape[1]))
    optimism = release.federation.statistics.new_item_optimism
    prior = predicted_log_popularity(release.index, release.log_popularity, new, optimism)
    return with_card(
        replace(
            release,
            catalogue=Catalogue([*release.catalogue, *items.without_features()]),
            index=np.concatenate([release.index, new]),
            log_popularity=np.concatenate([release.log_popularity, prior]),
            companions=release.companions.followed_by(len(items)),
            adapter=None if release.adapter is None else release.adapter.with_items(entering),
        )
    )


def _apart(readings: Readings, model: GlobalModel) -> tuple[F32Matrix, F32Matrix]:
    """Embeddings, and what enters the adapter."""
    width, rank = model.encoder.width, model.encoder.rank
    if readings.shape[1:] != (width + rank,):
        raise Misconfigured(
            f"readings: expected {width + rank} numbers a text (`Encoder.read`), got shape {list(readings.shape)}"
        )
    return readings[:, :width], readings[:, width:]


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


def model_of(release: Release, model: GlobalModel | None = None) -> GlobalModel:
    """The model that a release's parameters are of, with its adapter's A, for whoever trains or ranks by it.

    Args:
        release: the release.
        model: one of the same federation, which is then used; a new one, and a light one, where left out.

    Raises:
        Misconfigured, Corrupt: see `build_model`.
    """
    model = build_model(release.federation, light=True) if model is None else model
    if release.adapter is not None:
        model.encoder.take_down(release.adapter.down)
    return model
