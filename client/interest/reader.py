"""What an event's text means under the installed release: its views as a sentence, and those of its telling words.

A catalogue item needs no encoding, and neither does a word: a word means what the catalogue texts that hold it mean,
the rarer the more. Only a person's own words pass through the encoder.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from client.interest.concept_profile import transition_probabilities
from client.interest.sequence import SequenceEncoder
from client.interest.settings import SETTINGS
from client.interest.types import Levels
from shared.arrays import F32Matrix
from shared.behaviour import Event
from shared.model import ConceptModel, GlobalModel
from shared.release import Release
from shared.words import words_of

_REMEMBERED = 4096
_SAMPLE, _BESIDE = 400, 16  # texts drawn, and others beside each, to learn how alike strangers are


class TextReader:
    """Views of texts, float32 [F]: the dense view and the concept distribution side by side, as the model has them."""

    def __init__(self, release: Release, model: GlobalModel) -> None:
        # Without the index: the views made of it are all that is read from here on, and it is as large as they are.
        self.release = replace(release, index=np.zeros((0, release.index.shape[1]), np.float32))
        self.levels = Levels(*release.federation.interest.levels)
        self._model = model
        self.heads = model.heads_at(release.vector)
        self.items = self._views(release.index)
        self.gamma = float(self.heads.forgetting.gamma)
        moves = _moves(self.heads)
        self.width = self.items.shape[1]
        self.dense_width = self.heads.dense_width
        self.common = self.items[:, self.dense_width :].mean(0)  # shares of the concepts in the catalogue
        self.onward = transition_probabilities(moves, self.common)
        self.course = SequenceEncoder(self.heads)
        self.kinship = _kinship(self.content(self.items))
        self._holding: dict[str, list[int]] | None = None
        self._sentences: dict[str, F32Matrix] = {}
        self._words = lru_cache(_REMEMBERED)(self._read_words)

    def __repr__(self) -> str:
        return f"TextReader({len(self.items)} items)"

    def sentence(self, event: Event) -> F32Matrix | None:
        """Views of what the event says: the person's own words, else the item's text; None where neither is known."""
        if event.text:
            return self._sentence(event.text)
        row = self.row(event)
        return None if row is None else self.items[row]

    def read_ahead(self, events: Sequence[Event]) -> None:
        """Encode the own words of many events together, which is several times quicker than one after the other."""
        texts = dict.fromkeys(event.text for event in events if event.text and event.text not in self._sentences)
        newest = list(texts)[-_REMEMBERED:]
        if newest:
            self._remember(newest)

    def words(self, event: Event) -> F32Matrix:
        """Views of the event's telling words, weighted by their rarity; zeros where no word is in the catalogue.

        The weight of a word is its inverse document frequency (Sparck Jones 1972).
        """
        if event.text:
            return self._words(event.text)
        row = self.row(event)
        return np.zeros(self.width, np.float32) if row is None else self._words(self.release.catalogue[row].text)

    def split(self, sums: NDArray[np.floating]) -> tuple[F32Matrix | None, F32Matrix | None]:
        """Interest (p, q) of weighted sums of views [..., F]: p a unit vector, q shares that sum to one."""
        p, q = self.heads.split(torch.from_numpy(np.asarray(sums, np.float32)))
        return (None if p is None else p.numpy()), (None if q is None else q.numpy())

    def content(self, views: F32Matrix) -> F32Matrix:
        """What two texts are compared by, unit vectors [..., m]: the dense view, or the roots of the concept shares."""
        return views[..., : self.dense_width] if self.dense_width else np.sqrt(views)

    def row(self, event: Event) -> int | None:
        """The catalogue row of an event's item; None where it is about none of the catalogue."""
        catalogue = self.release.catalogue
        return catalogue.row(event.item) if event.item is not None and event.item in catalogue else None

    def _sentence(self, text: str) -> F32Matrix:
        if text not in self._sentences:
            self._remember([text])
        return self._sentences[text]

    def _remember(self, texts: Sequence[str]) -> None:
        with self._model.at(self.release.vector):
            embeddings = self._model.encoder.embed(texts)
        views = self._views(self.release.whitening.apply(embeddings))
        self._sentences |= dict(zip(texts, views, strict=True))
        for oldest in list(self._sentences)[:-_REMEMBERED]:
            del self._sentences[oldest]

    def _views(self, x: F32Matrix) -> F32Matrix:
        with torch.no_grad():
            parts = [part for part in self.heads.view(torch.from_numpy(x)) if part is not None]
        return torch.cat(parts, -1).numpy()

    def _read_words(self, text: str) -> F32Matrix:
        if self._holding is None:
            self._holding = _postings(self.release.catalogue.texts)
        items, total = len(self.items), np.zeros(self.width, np.float32)
        held = {word: self._holding.get(word, ()) for word in words_of(text)}
        telling = [
            (len(rows), word)
            for word, rows in held.items()
            if 0 < len(rows) <= max(1, SETTINGS.common_word_share * items)
        ]
        for count, word in sorted(telling)[: SETTINGS.telling_words]:
            total += np.log(items / count) * self.items[list(held[word])].mean(0)
        return total


def _moves(heads: ConceptModel) -> F32Matrix:
    """What M adds to the score of an item of one concept after one of another, [K, K].

    Rows are the concept that the item is all of, columns that of the item before. Empty without the concept view.
    """
    if "concepts" not in heads.views:
        return np.zeros((0, 0), np.float32)
    scale = heads.scales.weights()[int("dense" in heads.views)]
    return (scale * heads.transitions.weight).numpy()


def _postings(texts: list[str]) -> dict[str, list[int]]:
    """For each word, the rows of the texts that hold it."""
    holding: defaultdict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        for word in words_of(text):
            holding[word].append(row)
    return dict(holding)


def _kinship(content: F32Matrix) -> tuple[float, float]:
    """How alike a catalogue text is to the two most alike of some that are drawn at random.

    The median over texts, and what one text in twenty reaches. Below the first a text is a stranger among them, above
    the second it belongs.
    """
    rng = np.random.default_rng(len(content))
    texts = content[rng.integers(len(content), size=_SAMPLE)]
    others = content[rng.integers(len(content), size=(_SAMPLE, _BESIDE))]
    likeness = np.sort(np.einsum("nd,nbd->nb", texts, others), axis=1)[:, -2:].mean(1)
    return float(np.median(likeness)), float(np.quantile(likeness, 0.95))
