"""How interest moves beyond forgetting: what the course of the events adds to their weighted sum, learnt by everybody.

Every member reads a history through a narrow gate of `hidden` numbers and answers with a correction of the interest,
zero at the start: each begins as forgetting and is moved only by what it gains. All are made of linear layers, so that
Opacus clips each window's gradient; events whose views are all zero pass without a trace.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

EvolutionName = Literal["forgetting", "linear", "gru", "lstm", "attention"]
State = tuple[Tensor, ...]  # float32 [W, ...] each

_SHORT, _LONG = 0.5, 0.95  # what is kept from event to event of the short-term and the long-term mean
_ATTENDED = 50  # newest events that attention sees


class Evolution(nn.Module, ABC):
    """One member. Shapes: W histories of T events, F numbers in an event's views, h = `hidden`."""

    def __init__(self, width: int, hidden: int, read: int) -> None:
        super().__init__()
        self.enter = nn.Linear(width, hidden, bias=False)
        self.leave = nn.Linear(read, width, bias=False)
        nn.init.zeros_(self.leave.weight)

    @abstractmethod
    def start(self, histories: int) -> State:
        """Before any event."""

    @abstractmethod
    def step(self, state: State, entered: Tensor) -> State:
        """After one more event of each history, `entered` [W, h]; a row of zeros leaves its history as it was."""

    @abstractmethod
    def read(self, state: State) -> Tensor:
        """What `leave` sees of a state [W, ...]; zeros before any event."""

    def forward(self, values: Tensor) -> Tensor:
        """The correction before each event that those earlier in its window give: [W, T, F] to [W, T, F]."""
        return self.leave(self.course(self.enter(values)))

    def course(self, entered: Tensor) -> Tensor:
        """What is read before each event: [W, T, h] to [W, T, r]."""
        state = self.start(len(entered))
        read = [self.read(state)]
        # The last event precedes nothing; a step whose outcome is not used would confuse Opacus' count of calls.
        for event in entered.unbind(1)[:-1]:
            state = self.step(state, event)
            read.append(self.read(state))
        return torch.stack(read, 1)

    def correction(self, state: State) -> Tensor:
        """[W, F]."""
        return self.leave(self.read(state))


class Linear(Evolution):
    """The next interest from a short-term and a long-term mean of the events."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(width, hidden, 2 * hidden)
        self._hidden = hidden

    def start(self, histories: int) -> State:
        """Both means zero, float32 [W, 2h]."""
        return (torch.zeros(histories, 2 * self._hidden),)

    def step(self, state: State, entered: Tensor) -> State:
        """Move the short-term and the long-term mean towards the event."""
        short, long = state[0].chunk(2, -1)
        means = torch.cat([_SHORT * short + (1 - _SHORT) * entered, _LONG * long + (1 - _LONG) * entered], -1)
        return (torch.where(_there(entered), means, state[0]),)

    def read(self, state: State) -> Tensor:
        """Both means side by side, float32 [W, 2h]."""
        return state[0]


class Gru(Evolution):
    """A gated recurrent unit (Cho et al. 2014)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(width, hidden, hidden)
        self._hidden = hidden
        self.seen = nn.Linear(hidden, 3 * hidden)
        self.kept = nn.Linear(hidden, 3 * hidden, bias=False)

    def start(self, histories: int) -> State:
        """A hidden state of zeros, float32 [W, h]."""
        return (torch.zeros(histories, self._hidden),)

    def step(self, state: State, entered: Tensor) -> State:
        """Mix the state with a new one, each number by its update gate."""
        (before,) = state
        reset, update, new = self.seen(entered).chunk(3, -1)
        reset_kept, update_kept, new_kept = self.kept(before).chunk(3, -1)
        share = torch.sigmoid(update + update_kept)
        new = torch.tanh(new + torch.sigmoid(reset + reset_kept) * new_kept)
        return (torch.where(_there(entered), share * before + (1 - share) * new, before),)

    def read(self, state: State) -> Tensor:
        """The hidden state, float32 [W, h]."""
        return state[0]


class Lstm(Evolution):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; with the forget gate of Gers et al. 2000)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(width, hidden, hidden)
        self._hidden = hidden
        self.seen = nn.Linear(hidden, 4 * hidden)
        self.kept = nn.Linear(hidden, 4 * hidden, bias=False)
        with torch.no_grad():
            self.seen.bias[hidden : 2 * hidden] += 1.0  # remembers at first

    def start(self, histories: int) -> State:
        """Shown state and cell of zeros, float32 [W, h] each."""
        return torch.zeros(histories, self._hidden), torch.zeros(histories, self._hidden)

    def step(self, state: State, entered: Tensor) -> State:
        """Forget part of the cell, take the event in, and show what the output gate lets through."""
        before, cell_before = state
        take, keep, new, give = (self.seen(entered) + self.kept(before)).chunk(4, -1)
        cell = torch.sigmoid(keep) * cell_before + torch.sigmoid(take) * torch.tanh(new)
        there = _there(entered)
        shown = torch.sigmoid(give) * torch.tanh(cell)
        return torch.where(there, shown, before), torch.where(there, cell, cell_before)

    def read(self, state: State) -> Tensor:
        """The shown state, float32 [W, h]."""
        return state[0]


class Attention(Evolution):
    """The latest event asks those up to it (Vaswani et al. 2017), of the newest 50.

    Older ones count less by 1 over their age (as ALiBi does with a linear slope, Press et al. 2022); 50, so that a
    new event costs the same for ever.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(width, hidden, hidden)
        self._hidden = hidden
        self.asks = nn.Linear(hidden, hidden, bias=False)

    def start(self, histories: int) -> State:
        """Room for the newest 50 events, float32 [W, 50, h], all of it zeros."""
        return (torch.zeros(histories, _ATTENDED, self._hidden),)

    def step(self, state: State, entered: Tensor) -> State:
        """Let the oldest event go and put the new one at the end."""
        moved = torch.cat([state[0][:, 1:], entered.unsqueeze(1)], 1)
        return (torch.where(_there(entered).unsqueeze(1), moved, state[0]),)

    def read(self, state: State) -> Tensor:
        """Mean of the newest events, float32 [W, h], by how well each fits what the latest asks, and by its age."""
        (newest,) = state
        ages = torch.arange(newest.shape[1], 0, -1, dtype=newest.dtype)
        there = _there(newest).squeeze(-1)
        fit = (newest @ self.asks(newest[:, -1]).unsqueeze(-1)).squeeze(-1) / self._hidden**0.5 - ages.log()
        weights = functional.softmax(torch.where(there, fit, -1e9), -1) * there
        return (weights.unsqueeze(1) @ newest).squeeze(1)


_MEMBERS: dict[str, type[Linear | Gru | Lstm | Attention]] = {
    "linear": Linear,
    "gru": Gru,
    "lstm": Lstm,
    "attention": Attention,
}


def build_evolution(evolution: EvolutionName, width: int, hidden: int, seed: int) -> Evolution | None:
    """A member at its start, drawn by a public seed; None for forgetting alone."""
    if evolution == "forgetting":
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _MEMBERS[evolution](width, hidden)


def _there(entered: Tensor) -> Tensor:
    return (entered != 0).any(-1, keepdim=True)
