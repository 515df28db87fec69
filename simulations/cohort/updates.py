"""The updates of many devices as one padded tensor program: what `LocalTraining.update` gives one by one.

Windows and negatives are drawn by each device's own chance, so both are the same numbers but for the order in which
floats are added. What has no closed form, and whatever is unusual about a device, is computed on the device itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from client import LoadedRelease
from client.training import check_enough, negative_likelihood
from shared.errors import NotYet, kind_and_place
from shared.federation import FederationFile
from shared.model import Vector
from shared.release import adapter_change, candidate_release
from shared.round_parameters import group_norms
from simulations.accelerator import CPU
from simulations.cohort.closed_form import CLOSED_FORM_GROUPS, AdapterTable, ClosedForm, IndexedWindows
from simulations.cohort.drawn_windows import DrawnWindows, draw_windows, indexed
from simulations.cohort.view_table import ViewTable
from simulations.cohort.window_columns import WindowColumns
from simulations.devices import SeededRandomness

_CHUNK_WINDOWS = 64  # more fall out of the processor's cache
_CHUNK_WINDOWS_ACCELERATED = 4096  # as long as the memory of an accelerator holds the gradient of each
_CHUNK_NUMBERS = 2**28  # 1 GiB
_OPACUS_STABILITY = 1e-6  # added to a norm by its clipping


@dataclass(frozen=True, slots=True)
class Updates:
    """What some devices would add to a sum.

    Attributes:
        vectors: float32 [n, d]; zeros where nothing could be computed.
        failures: kind and place of what went wrong, for each device; None where nothing did.
        unusual: places of the devices that must be asked themselves.
    """

    vectors: NDArray[np.float32]
    failures: list[str | None]
    unusual: list[int]

    def __repr__(self) -> str:
        return f"Updates({len(self.failures)} devices)"


def has_closed_form(federation: FederationFile, groups: Sequence[str]) -> bool:
    """Whether `CohortRound` can train these groups under these terms."""
    plain = federation.interest.evolution == "forgetting" and federation.training.local_steps == 1
    return plain and CLOSED_FORM_GROUPS.issuperset(groups)


class CohortRound:
    """One round of training: under its parameters, the updates of any devices."""

    def __init__(
        self,
        installed: LoadedRelease,
        vector: Vector,
        groups: Sequence[str],
        number: int,
        columns: WindowColumns,
        words: NDArray[np.float32],
        seed: int,
        accelerator: torch.device = CPU,
    ) -> None:
        """Compute what all devices share.

        Args:
            installed: the release of the round.
            vector: float32 [d_total], its parameters.
            groups: to train; see `has_closed_form`.
            number: of the round.
            columns: all devices' windows.
            words: float32 [texts, width + rank], readings of people's own texts under the release.
            seed: of all devices' chance.
            accelerator: computes the gradients; what goes in and comes out lies in the memory of this process.
        """
        release = installed.release
        self._release, self._number, self._seed, self._columns = release, number, seed, columns
        self._likelihood = negative_likelihood(release)
        self._layout = installed.model.layout.select(groups)
        model = installed.model
        moved = candidate_release(release, model, vector)
        texts, entering = moved.index, None if release.adapter is None else release.adapter.items
        if len(words):
            embeddings, own = words[:, : model.encoder.width], words[:, model.encoder.width :]
            if release.adapter is not None and entering is not None:
                embeddings = embeddings + model.encoder.shift(own, adapter_change(release, model, vector))
                entering = np.concatenate([entering, own - release.adapter.mean])
            texts = np.concatenate([texts, moved.whitening.apply(embeddings)])
        popularity = np.concatenate([release.log_popularity, np.zeros(len(words), np.float32)])
        heads = model.heads_at(vector).to(accelerator)
        table = ViewTable.of(heads, texts, popularity)
        self._text_rows = len(release.index) + np.arange(len(words))
        self._nothing = len(table) - 1
        adapter = None if entering is None else self._adapter_table(installed, entering).to(accelerator)
        self._form = ClosedForm(heads, release.federation, table, groups, adapter)
        self._accelerator, self._chunk_windows = accelerator, _CHUNK_WINDOWS
        if accelerator.type != "cpu":
            self._chunk_windows = min(_CHUNK_WINDOWS_ACCELERATED, max(1, _CHUNK_NUMBERS // self._layout.size))
        self._norms = group_norms(release.federation, groups) if _clips_groups(release.federation) else {}

    def __repr__(self) -> str:
        return f"CohortRound({self._number}, d={self._layout.size})"

    def updates(self, devices: Sequence[int]) -> Updates:
        """What each of these devices would add: float32 [n, d of the groups], clipped group by group."""
        drawn: list[DrawnWindows | None] = []
        failures: list[str | None] = []
        for device in devices:
            try:
                check_enough(self._release, int(self._columns.events[device]))
                drawn.append(self._draw(device))
                failures.append(None)
            except NotYet as error:
                drawn.append(None)
                failures.append(kind_and_place(error))
        vectors = np.zeros((len(devices), self._layout.size), np.float32)
        for places in self._chunks(drawn):
            vectors[places] = self._gradients([one for place in places if (one := drawn[place]) is not None])
        settings = self._release.federation
        expected = settings.expected_windows
        vectors *= np.float32(-settings.training.local_learning_rate / expected)
        unusual = np.flatnonzero(~np.isfinite(vectors).all(1)).tolist()
        self._clip_groups(vectors)
        return Updates(vectors, failures, unusual)

    def gradient_work(self, devices: Sequence[int]) -> Callable[[], None]:
        """The bare tensor work of these devices' updates, what is drawn and looked up being done: for benchmarks."""
        drawn: list[DrawnWindows | None] = [self._draw(device) for device in devices]
        chunks = [[one for place in places if (one := drawn[place]) is not None] for places in self._chunks(drawn)]
        work = [(self._indexed(chunk), len(chunk[0].windows)) for chunk in chunks]

        def run() -> None:
            for windows, per_device in work:
                self._summed(windows, per_device)

        return run

    @staticmethod
    def _adapter_table(installed: LoadedRelease, entering: NDArray[np.float32]) -> AdapterTable:
        """Of all texts, float32 [texts, r], and a row of zeros for none."""
        model = installed.model
        to_text = np.asarray(model.encoder.to_embedding() @ installed.release.whitening.matrix, np.float32)
        rows = np.concatenate([entering, np.zeros((1, entering.shape[1]), np.float32)])
        (block,) = model.layout.select(["adapters"]).blocks
        return AdapterTable(torch.from_numpy(rows), torch.from_numpy(to_text), block.name)

    def _draw(self, device: int) -> DrawnWindows:
        return draw_windows(
            self._columns,
            self._release.federation,
            len(self._release.catalogue),
            self._likelihood,
            device,
            SeededRandomness(self._seed, device, self._number),
        )

    def _chunks(self, drawn: Sequence[DrawnWindows | None]) -> Iterator[list[int]]:
        """Places of devices with as many windows each, of like length: padding is work thrown away."""
        lengths = self._columns.lengths
        ordered = sorted(
            (len(one.windows), int(lengths[one.windows].max()), place)
            for place, one in enumerate(drawn)
            if one and len(one.windows)
        )
        chunk: list[int] = []
        windows = 0
        for count, _, place in ordered:
            if chunk and (count != windows or (len(chunk) + 1) * count > self._chunk_windows):
                yield chunk
                chunk = []
            chunk.append(place)
            windows = count
        if chunk:
            yield chunk

    def _gradients(self, drawn: Sequence[DrawnWindows]) -> NDArray[np.float32]:
        """Sums of the gradients of the windows of devices that drew as many each, float32 [n, d of the groups]."""
        return self._summed(self._indexed(drawn), len(drawn[0].windows)).cpu().numpy()

    def _indexed(self, drawn: Sequence[DrawnWindows]) -> IndexedWindows:
        only_shown = self._release.federation.windows.only_shown
        return indexed(self._columns, drawn, self._text_rows, self._nothing, only_shown).to(self._accelerator)

    def _summed(self, windows: IndexedWindows, per_device: int) -> Tensor:
        by_window = self._release.federation.privacy.event
        found = self._form.gradients(windows, 1 if by_window else per_device)
        if by_window:
            found = _clipped_windows(found, self._release.federation.clipping.window_norm)
            found = {name: part.unflatten(0, (-1, per_device)).sum(1) for name, part in found.items()}
        parts = [found[block.name].flatten(1) for block in self._layout.blocks]
        return torch.cat(parts, 1)

    def _clip_groups(self, vectors: NDArray[np.float32]) -> None:
        """Each group shortened to its own bound, in place: see `LocalTraining`."""
        for group, bound in self._norms.items():
            slices = [block.slice for block in self._layout.blocks if block.group == group]
            squares = sum(np.einsum("nd,nd->n", part, part) for part in (vectors[:, one] for one in slices))
            factor = np.minimum(1.0, bound / np.maximum(np.sqrt(np.asarray(squares, np.float64)), 1e-30))
            for one in slices:
                vectors[:, one] *= factor[:, None].astype(np.float32)


def _clips_groups(federation: FederationFile) -> bool:
    """An adaptive norm is known to the private sum alone."""
    clips = federation.privacy.level != "none" or federation.sum.mode != "plain"
    return clips and not federation.clipping.adaptive_quantile


def _clipped_windows(found: Mapping[str, Tensor], clip_norm: float) -> dict[str, Tensor]:
    """Gradients of windows, each shortened over all parameters as Opacus does; one not finite counts as none."""
    squares = torch.stack([part.flatten(1).square().sum(1) for part in found.values()]).sum(0)
    whole = squares.isfinite()
    factor = (clip_norm / (squares.sqrt() + _OPACUS_STABILITY)).clamp(max=1.0)
    clipped = {}
    for name, part in found.items():
        by = factor.reshape(-1, *[1] * (part.dim() - 1))
        clipped[name] = torch.where(whole.reshape(by.shape), part * by, 0.0)
    return clipped
