"""Gradients of many windows' losses in closed form: what `ConceptModel.losses` and autograd give, without a graph.

One pass over a batch of windows, in which every text is an index into a `ViewTable`: its views are computed once for
all windows that hold it, and of its gradient only the axes that train are formed. The groups `evolution`, `gates` and
`adapters` have no closed form here.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from shared.federation import FederationFile
from shared.model import ConceptModel
from simulations.cohort.view_table import ViewTable, inverse

CLOSED_FORM_GROUPS = frozenset({"dense", "concepts", "transitions", "forgetting", "context", "bias", "scales"})
_TINY = 1e-12  # as in `ConceptModel`


class IndexedWindows(NamedTuple):
    """W windows of T events whose texts are rows of a `ViewTable`; see `shared.model.Windows` for what they mean.

    Attributes:
        events, targets: int64 [W, T]; the table's last row where there is none.
        others: int64 [W, N].
        predicted: bool [W, T].
        allowed: bool [W, T, N].
        importance: float32 [W, T].
        context: float32 [W, T, 11].
    """

    events: Tensor
    targets: Tensor
    others: Tensor
    predicted: Tensor
    allowed: Tensor
    importance: Tensor
    context: Tensor

    def to(self, accelerator: torch.device) -> "IndexedWindows":
        """The same windows on an accelerator."""
        return IndexedWindows(*(tensor.to(accelerator) for tensor in self))


class _Change(NamedTuple):
    """How the loss changes with a unit vector of views: with its leading axes, and along itself."""

    leading: Tensor
    along: Tensor


class ClosedForm:
    """The gradients of one round: heads, table and groups stay as they are."""

    def __init__(
        self, heads: ConceptModel, federation: FederationFile, table: ViewTable, groups: Sequence[str]
    ) -> None:
        """Prepare what all windows share.

        Args:
            heads: without course (`evolution`); under the parameters of the round.
            federation: its terms.
            table: views under the same heads.
            groups: to train, out of `CLOSED_FORM_GROUPS`.
        """
        self._heads, self._table, self._groups = heads, table, frozenset(groups)
        self._settings = federation.model
        self._popularity_share = 0.0 if federation.windows.negative_popularity > 0 else 1.0
        self._scales = heads.scales.weights().detach().unbind()
        self._leading, read = 0, 0
        if "dense" in heads.views:
            self._leading, read = heads.dense.change.out_features, heads.dense.change.in_features
        with torch.no_grad():
            self._prior = table.directions @ heads.bias.weight[0] * table.lengths
            self._first = (
                table.lengths.new_zeros(0) if table.dense is None else table.dense[:, : self._leading].contiguous()
            )
            self._read = table.directions[:, :read].contiguous()

    def __repr__(self) -> str:
        return f"ClosedForm({len(self._table)} texts, {', '.join(sorted(self._groups))})"

    @torch.no_grad()
    def gradients(self, windows: IndexedWindows, joined: int) -> Mapping[str, Tensor]:
        """Gradients of the sums of the losses of `joined` windows each, by the parameter's name.

        Args:
            windows: W of them, W a multiple of `joined`, on the accelerator that the table lies on.
            joined: how many windows in a row make one unit.

        Returns:
            float32 [W / joined, shape of the parameter] of every parameter of the groups.
        """
        table, trained = self._table, self._groups
        units, events = len(windows.events) // joined, windows.events.shape[1]
        forgetting = self._heads.forgetting.weights(events)
        scales = iter(self._scales)
        parts: list[tuple[Tensor, Tensor, Tensor]] = []  # factor, own [W, T], against [W, T, N]
        p = lead = None
        if table.dense is not None:
            seen, wanted, beside = (table.dense[rows] for rows in (windows.events, windows.targets, windows.others))
            past = torch.matmul(forgetting, seen)
            past_slopes = inverse(past.norm(dim=-1))
            p = past * past_slopes.unsqueeze(-1)
            parts.append((next(scales), (p * wanted).sum(-1), torch.bmm(p, beside.mT)))
        if table.roots is not None:
            seen_shares = table.roots[windows.events].square()
            wanted_roots, beside_roots = table.roots[windows.targets], table.roots[windows.others]
            past_shares = torch.matmul(forgetting, seen_shares)
            kept = past_shares.clamp(min=0.0)
            whole = kept.sum(-1, keepdim=True).clamp(min=_TINY)
            q = kept / whole
            roots = q.clamp(min=_TINY).sqrt()
            lead = roots + self._heads.transitions(roots)
            if self._heads.context is not None:
                lead = lead + self._heads.context(windows.context)
            parts.append((next(scales), (lead * wanted_roots).sum(-1), torch.bmm(lead, beside_roots.mT)))
        if self._settings.popularity:
            share = self._popularity_share
            against = share * table.log_popularity[windows.others].unsqueeze(1).expand(windows.allowed.shape)
            parts.append((next(scales), share * table.log_popularity[windows.targets], against))
        own, others = self._pulls(windows, parts)
        found: dict[str, Tensor] = {}
        if "scales" in trained:
            pulls = [
                factor * ((own * mine).sum(-1) + (others * theirs).sum((-1, -2))) for factor, mine, theirs in parts
            ]
            found["scales.levels"] = torch.stack(pulls, -1).reshape(units, joined, -1).sum(1) / 10.0
        if "bias" in trained:
            pull = torch.cat([own, others.sum(1)], 1)
            places = torch.cat([windows.targets, windows.others], 1)
            pull = (pull * table.lengths[places]).reshape(units, 1, -1)
            found["bias.weight"] = torch.bmm(pull, table.directions[places.reshape(units, -1)])
        gamma = windows.importance.new_zeros(len(windows.events))
        every = torch.cat([windows.events, windows.targets, windows.others], 1).reshape(units, -1)
        if p is not None:
            factor, along_own, along_others = parts[0]
            own_d, others_d = factor * own, factor * others
            towards = own_d.unsqueeze(-1) * wanted + torch.bmm(others_d, beside)
            back = (towards - p * (p * towards).sum(-1, keepdim=True)) * past_slopes.unsqueeze(-1)
            gamma += self._forgotten(back, seen)
            if "dense" in trained:
                first = slice(0, self._leading)
                before = torch.matmul(forgetting.T, back)
                changes = (
                    _Change(before[..., first], (before * seen).sum(-1)),
                    _Change(own_d.unsqueeze(-1) * p[..., first], own_d * along_own),
                    _Change(torch.bmm(others_d.mT, p[..., first]), (others_d * along_others).sum(1)),
                )
                leading = torch.cat([change.leading for change in changes], 1).reshape(units, -1, self._leading)
                along = torch.cat([change.along for change in changes], 1).reshape(units, -1, 1)
                moved = (leading - self._first[every] * along) * table.dense_slopes[every].unsqueeze(-1)
                found["dense.change.weight"] = torch.bmm(moved.mT, self._read[every])
        if lead is not None:
            factor = parts[1 if p is not None else 0][0]
            own_c, others_c = factor * own, factor * others
            towards = own_c.unsqueeze(-1) * wanted_roots + torch.bmm(others_c, beside_roots)
            together = towards.reshape(units, -1, towards.shape[-1])
            if "transitions" in trained:
                found["transitions.weight"] = torch.bmm(together.mT, roots.reshape(together.shape))
            if "context" in trained and self._heads.context is not None:
                found["context.weight"] = torch.bmm(together.mT, windows.context.reshape(units, together.shape[1], -1))
            by_root = towards + towards @ self._heads.transitions.weight
            by_share = torch.where(q >= _TINY, 0.5 * by_root / roots, 0.0)
            back = (by_share - (by_share * q).sum(-1, keepdim=True)) / whole
            back = torch.where(past_shares >= 0, back, 0.0)
            gamma += self._forgotten(back, seen_shares)
            if "concepts" in trained:
                shares_before = torch.matmul(forgetting.T, back)
                changed = torch.cat(
                    [
                        shares_before,
                        own_c.unsqueeze(-1) * lead * table.root_slopes[windows.targets],
                        torch.bmm(others_c.mT, lead) * table.root_slopes[windows.others],
                    ],
                    1,
                ).reshape(units, every.shape[1], -1)
                found["concepts.weight"] = self._concept_gradients(every, changed)
        if "forgetting" in trained:
            found["forgetting.gamma"] = gamma.reshape(units, joined).sum(1, keepdim=True)
        return found

    def _pulls(self, windows: IndexedWindows, parts: Sequence[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """How the losses change with the score of each event's own item [W, T] and of the others [W, T, N]."""
        own, others = self._prior[windows.targets], self._prior[windows.others].unsqueeze(1)
        for factor, mine, theirs in parts:
            own, others = own + factor * mine, others + factor * theirs
        others = others.masked_fill(~windows.allowed, -torch.inf)
        most = torch.maximum(own, others.amax(-1) if others.shape[-1] else own)
        own, others = (own - most).exp(), (others - most.unsqueeze(-1)).exp()
        counted = windows.predicted * windows.importance / (windows.predicted.sum(-1, keepdim=True) + 1)
        share = counted / (own + others.sum(-1))
        return own * share - counted, others * share.unsqueeze(-1)

    def _forgotten(self, back: Tensor, values: Tensor) -> Tensor:
        """How the losses [W] change with gamma through sums of past values [W, T, F] that change by `back`."""
        return (torch.matmul(self._heads.forgetting.slopes(values.shape[1]), values) * back).sum((-1, -2))

    def _concept_gradients(self, rows: Tensor, changed: Tensor) -> Tensor:
        """Of concepts [units, K, D], when the shares of the texts at `rows` [units, R] change by `changed`."""
        if self._table.roots is None:
            raise RuntimeError("concept gradients: expected a table with the concept view, got one without")
        shares = self._table.roots[rows].square()
        values = shares * (changed - (changed * shares).sum(-1, keepdim=True)) / self._settings.concept_temperature
        towards = torch.bmm(values.mT, self._table.directions[rows])
        weight = self._heads.concepts.weight
        length = weight.norm(dim=1, keepdim=True)
        unit = weight / length
        return (towards - (towards * unit).sum(-1, keepdim=True) * unit) / length
