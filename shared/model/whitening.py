"""Public whitening of embeddings and features, fitted on the catalogue alone: no person's data is in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from shared.arrays import F32Matrix
from shared.catalogue import Catalogue
from shared.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Whitening:
    """x = (e - mean) @ matrix for a text; the features of an item stand in the first columns, zero for a text alone.

    Features lead because the dense view reads leading axes.

    Attributes:
        mean: float32 [width].
        matrix: float32 [width, feature columns + width].
        blocks: how the values of each block of features become its columns, in the order of the columns.
    """

    mean: F32Matrix
    matrix: F32Matrix
    blocks: Mapping[str, "Whitening"] = field(default_factory=dict)

    @classmethod
    def fit(cls, embeddings: F32Matrix) -> "Whitening":
        """Soft whitening: each principal axis divided by the root of its deviation.

        So frequent directions lose weight without the rare ones turning into noise. Rows are then scaled so that they
        have a mean square norm of one.

        Args:
            embeddings: float32 [texts, width].
        """
        mean = embeddings.mean(0, dtype=np.float64)
        centred = embeddings - mean
        covariance = centred.T @ centred / len(embeddings)
        variances, axes = np.linalg.eigh(covariance)
        deviations = np.sqrt(np.maximum(variances, 1e-4 * variances[-1] + 1e-12))
        matrix = axes / np.sqrt(deviations)
        # A fixed sign for each axis, so that the same catalogue gives the same coordinates everywhere.
        matrix = matrix * np.sign(matrix[np.abs(matrix).argmax(0), np.arange(len(deviations))])
        matrix = matrix[:, ::-1]  # widest axis first: the dense view starts on the leading ones
        scale = np.sqrt(np.square(centred @ matrix).sum(1).mean())
        return cls(mean.astype(np.float32), (matrix / max(scale, 1e-12)).astype(np.float32))

    @classmethod
    def fit_items(cls, embeddings: F32Matrix, catalogue: Catalogue, widths: Mapping[str, int]) -> "Whitening":
        """Whitening of texts, and of each block of features over the items that have it.

        Args:
            embeddings: float32 [items, width], of the catalogue's texts.
            catalogue: the items, with their blocks of features.
            widths: the blocks to read and how wide each is; others of the catalogue are left alone.

        Raises:
            Misconfigured: the catalogue has no such block, or one of another width.
        """
        blocks = {}
        for name, width in widths.items():
            block = catalogue.features.get(name)
            if block is None or block.width != width:
                got = "none" if block is None else str(block.width)
                raise Misconfigured(
                    f"model.features.{name}: expected a catalogue with {width} numbers of {name!r} for some items, got "
                    f"{got}; set its width, or 0 to leave it out"
                )
            blocks[name] = cls.fit(block.values[block.present])
        text = cls.fit(embeddings)
        before = np.zeros((len(text.matrix), sum(widths.values())), np.float32)
        return cls(text.mean, np.concatenate([before, text.matrix], 1), blocks)

    def led_by(self, directions: F32Matrix) -> tuple["Whitening", F32Matrix]:
        """The same whitening with its text axes turned, so that the first of them span some directions.

        The others stay in the order of their variance as far as they can. No length and no angle changes.

        Args:
            directions: float32 [m, width], in the text axes of this whitening.

        Returns:
            the whitening, and the rotation float32 [width, width]: text axes before times it are those after.
        """
        width = len(self.mean)
        _, _, spanning = np.linalg.svd(directions.astype(np.float64), full_matrices=False)
        axes, coordinates = np.linalg.qr(np.concatenate([spanning, np.eye(width)]).T)
        signs = np.sign(np.diag(coordinates))
        rotation = axes * np.where(signs == 0, 1.0, signs)
        columns = self.matrix.shape[1] - width
        turned = np.concatenate([self.matrix[:, :columns], self.matrix[:, columns:] @ rotation], 1)
        return Whitening(self.mean, turned.astype(np.float32), self.blocks), rotation.astype(np.float32)

    def apply(self, embeddings: F32Matrix) -> F32Matrix:
        """Whitened embeddings, float32 [texts, feature columns + width]; words alone have no features."""
        return np.asarray((embeddings - self.mean) @ self.matrix, np.float32)

    def apply_items(self, embeddings: F32Matrix, catalogue: Catalogue) -> F32Matrix:
        """Float32 [items, feature columns + width]; the columns of a block that an item lacks are zero.

        Raises:
            Misconfigured: a block has another width than those it was fitted to.
        """
        x = self.apply(embeddings)
        start = 0
        for name, whitening in self.blocks.items():
            block, end = catalogue.features.get(name), start + len(whitening.mean)
            if block is not None:
                if block.width != len(whitening.mean):
                    raise Misconfigured(
                        f"features: {name}: expected {len(whitening.mean)} numbers, as items of the release have them, "
                        f"got {block.width}"
                    )
                x[block.present, start:end] = whitening.apply(block.values[block.present])
            start = end
        return x

    def tensors(self) -> dict[str, F32Matrix]:
        """Its numbers by name, as a release stores them."""
        tensors = {"mean": self.mean, "matrix": self.matrix}
        for name, block in self.blocks.items():
            tensors |= {f"{name}.mean": block.mean, f"{name}.matrix": block.matrix}
        return tensors

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, F32Matrix], blocks: Iterable[str]) -> "Whitening":
        """The whitening with these blocks that `tensors` gave.

        Raises:
            KeyError, ValueError: it was another one.
        """
        held = {name: cls(tensors[f"{name}.mean"], tensors[f"{name}.matrix"]) for name in blocks}
        if len(tensors) != 2 + 2 * len(held):
            raise ValueError(f"expected a whitening of {list(held)}, got {sorted(tensors)}")
        return cls(tensors["mean"], tensors["matrix"], held)
