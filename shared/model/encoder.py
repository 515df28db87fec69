"""Turns texts into embeddings, and into the few numbers of a text by which its adapter is trained."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shared.arrays import F32Matrix
from shared.errors import Misconfigured
from shared.federation import FederationFile
from shared.model.adapter import ReadingTransformer, layers_of, principal_axes
from shared.model.backbone import Backbone
from shared.model.encoder_copy import EncoderCopy
from shared.words import unspaced_characters

_BATCH_TOKENS = 4096
_BATCH_TOKENS_ACCELERATED = 65_536
_FITTED_TO = 1024  # texts that A is fitted to

Embeddings = NDArray[np.float32]  # shape [texts, width]
Readings = NDArray[np.float32]  # shape [texts, width + rank]: an embedding, and what enters the adapter
Progress = Callable[[int], None]  # called with the number of texts just encoded


class Encoder:
    """A backbone with an adapter on its top layer, where the federation trains one.

    `adapters` holds the trainable B by name, float32 [width, rank], zero at the start; it is empty without an adapter.
    `name` is what the federation file calls the backbone, `pooling` what of the tokens' states is an embedding.

    Example:
        >>> readings = encoder.read_catalogue(["a red rose", "a drum"])
        >>> readings.shape == (2, encoder.width + encoder.rank)
        True
        >>> np.array_equal(encoder.embed(["a drum"])[0], readings[1, : encoder.width])
        True
    """

    def __init__(self, backbone: Backbone, federation: FederationFile, light: bool = False) -> None:
        """Put an adapter on a backbone; see `ReadingTransformer`."""
        layers_of(backbone.model)
        self.width = int(backbone.model.config.hidden_size)
        self.rank = federation.adapter_rank
        self.name, self.digest, self.pooling = federation.backbone.name, backbone.digest, backbone.pooling
        self._seed = federation.model.seed
        self._max_tokens = federation.backbone.max_tokens
        self._tokenizer = backbone.tokenizer
        self._reader = ReadingTransformer(backbone.model, self.rank, light, backbone.pooling)
        self.adapters: dict[str, nn.Parameter] = {}
        if self._reader.up is not None:
            self.adapters[self._reader.adapter_name] = cast(nn.Parameter, self._reader.up.weight)
        self._known: tuple[NDArray[np.float32], Mapping[str, int], Readings] | None = None
        self._copy: EncoderCopy | None = None

    def __repr__(self) -> str:
        return f"Encoder(width={self.width}, rank={self.rank})"

    @property
    def arithmetic(self) -> str:
        """How texts are read: embeddings made in another way differ in their last digits."""
        return "float32 on cpu" if self._copy is None else self._copy.arithmetic

    def encode_on(self, accelerator: torch.device, precision: torch.dtype) -> None:
        """Read texts on an accelerator from now on, with a copy of the weights in this precision."""
        self._copy = EncoderCopy(self._reader, accelerator, precision)

    @property
    def adapter_up(self) -> nn.Linear | None:
        """B of the adapter, as a map from what enters it; None without an adapter."""
        return self._reader.up

    @property
    def adapter_down(self) -> F32Matrix:
        """A of the adapter, float32 [rank, inner]; no rows without an adapter."""
        down = self._reader.down
        return np.zeros((0, 0), np.float32) if down is None else down.weight.detach().numpy().copy()

    def take_down(self, down: F32Matrix) -> None:
        """Read with this A from now on, float32 [rank, inner].

        Raises:
            Misconfigured: it is of another adapter.
        """
        held = self._reader.down
        if held is None or down.shape != tuple(held.weight.shape):
            wanted = "no adapter" if held is None else f"A of shape {list(held.weight.shape)}"
            raise Misconfigured(f"adapter: expected {wanted}, got shape {list(down.shape)}")
        with torch.no_grad():
            held.weight.copy_(torch.from_numpy(down))
        self._known = None

    def fit_down(self, texts: Sequence[str]) -> None:
        """Fit A to public texts, or to a sample of them that the federation's seed draws.

        Raises:
            Misconfigured: they differ in fewer ways than the adapter has ranks.
        """
        unique = list(dict.fromkeys(texts))
        if len(unique) > _FITTED_TO:
            drawn = np.random.default_rng(self._seed).choice(len(unique), _FITTED_TO, replace=False)
            unique = [unique[row] for row in np.sort(drawn)]
        tokens = [self._reader.entering(*self._tokenizer(batch)) for batch in self._batches(unique, _BATCH_TOKENS)]
        self.take_down(principal_axes(tokens, self.rank))

    def read_catalogue(self, texts: Sequence[str], progress: Progress = lambda _: None) -> Readings:
        """Fit A to a catalogue's texts, where there is an adapter, and read them; see `read`."""
        if self.rank:
            self.fit_down(texts)
        return self.read(texts, progress)

    def shift(self, entering: NDArray[np.float32], change: NDArray[np.float32]) -> Embeddings:
        """By how much embeddings move when B changes, to first order, float32 [texts, width].

        Args:
            entering: float32 [texts, rank], what of each text enters the adapter.
            change: float32 [width * rank] or [width, rank], of B.
        """
        moved = entering @ change.reshape(self.width, self.rank).T
        return np.asarray(moved @ self._reader.to_embedding(), np.float32)

    def to_embedding(self) -> F32Matrix:
        """See `ReadingTransformer.to_embedding`."""
        return self._reader.to_embedding()

    def remember(self, rows: Mapping[str, int], readings: Readings) -> None:
        """Take what was read elsewhere under the present adapter.

        `read` gives these as they are, and `embed` moves them along with the adapter to first order.

        Args:
            rows: row of each text.
            readings: float32 [texts, width + rank]; may be mapped from a file.
        """
        self._known = self._up(), rows, readings

    def forget(self) -> None:
        """Read every text anew from now on."""
        self._known = None

    def embed(self, texts: Sequence[str], progress: Progress = lambda _: None) -> Embeddings:
        """Embeddings [texts, width] under the present adapter.

        Args:
            texts: to encode; each different one is encoded once.
            progress: called after each batch with how many texts it held.
        """
        read = self.read(texts, progress)
        embeddings = read[:, : self.width]
        if self._known is not None and self.rank:
            before, places, _ = self._known
            change = self._up() - before
            if change.any():
                known = np.array([text in places for text in texts], bool)
                embeddings[known] += self.shift(read[known, self.width :], change)
        return np.ascontiguousarray(embeddings)

    def read(self, texts: Sequence[str], progress: Progress = lambda _: None) -> Readings:
        """Embeddings and what enters the adapter, [texts, width + rank], under the present adapter; see `embed`."""
        unique = list(dict.fromkeys(texts))
        rows = {text: row for row, text in enumerate(unique)}
        result = np.empty((len(unique), self.width + self.rank), np.float32)
        if self._known is not None:
            _, places, readings = self._known
            known = [text for text in unique if text in places]
            result[[rows[text] for text in known]] = readings[[places[text] for text in known]]
            unique = [text for text in unique if text not in places]
            progress(len(known))
        if self._copy is not None:
            self._copy.take(self._reader)
        for batch in self._batches(unique, _BATCH_TOKENS if self._copy is None else _BATCH_TOKENS_ACCELERATED):
            tokens = self._tokenizer(batch)
            read = self._reader(*tokens) if self._copy is None else self._copy.read(tokens)
            result[[rows[text] for text in batch]] = read.numpy()
            progress(len(batch))
        return result[[rows[text] for text in texts]]

    def state_digest(self) -> str:
        """SHA-256, in hexadecimal, of all that readings depend on besides the texts."""
        told = hashlib.sha256(f"{self.digest} {self.arithmetic} {self._max_tokens} {self.width} {self.rank}".encode())
        for matrix in (self._reader.down, self._reader.up):
            if matrix is not None:
                told.update(matrix.weight.detach().numpy().tobytes())
        return told.hexdigest()

    def unknown_shares(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Share of each text's tokens that the encoder does not know, float64 [texts]."""
        return self._tokenizer.unknown_shares(texts)

    def _up(self) -> NDArray[np.float32]:
        up = self._reader.up
        return np.zeros((0, 0), np.float32) if up is None else up.weight.detach().numpy().copy()

    def _batches(self, texts: Sequence[str], tokens_together: int) -> Iterator[list[str]]:
        # Texts of like length together: padding is work thrown away.
        ordered = sorted(texts, key=lambda text: (_expected_tokens(text), len(text)))
        size = max(1, tokens_together // self._max_tokens)
        batch: list[str] = []
        longest = 0
        for text in ordered:
            tokens = min(self._max_tokens, _expected_tokens(text))
            if batch and (len(batch) + 1) * max(longest, tokens) > size * self._max_tokens:
                yield batch
                batch, longest = [], 0
            batch.append(text)
            longest = max(longest, tokens)
        if batch:
            yield batch


def _expected_tokens(text: str) -> int:
    """About how many tokens a text has: a word piece is some four letters, or one character where no blanks are set."""
    alone = unspaced_characters(text)
    return alone + (len(text) - alone) // 4 + 3
