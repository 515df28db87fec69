"""The federated parameter vector: which number stands where, and which group it belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from shared.errors import Misconfigured

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """One parameter tensor's place in the vector."""

    name: str
    group: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """Numbers in the tensor."""
        return prod(self.shape)

    @property
    def slice(self) -> slice:
        """Where the tensor lies in the vector."""
        return slice(self.offset, self.offset + self.size)


@dataclass(frozen=True, slots=True)
class Layout:
    """All blocks in canonical order, without gaps."""

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, parameters: Iterable[tuple[str, str, tuple[int, ...]]]) -> "Layout":
        """Lay out (name, group, shape) triples one behind the other, in the order given."""
        blocks, offset = [], 0
        for name, group, shape in parameters:
            block = Block(name, group, tuple(shape), offset)
            blocks.append(block)
            offset += block.size
        return cls(tuple(blocks))

    @property
    def size(self) -> int:
        """Length d of the whole vector."""
        return sum(block.size for block in self.blocks)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in order of first appearance."""
        return tuple(dict.fromkeys(block.group for block in self.blocks))

    def select(self, groups: Iterable[str]) -> "Layout":
        """The layout of a summand that holds only these groups, in canonical order, offsets from zero.

        Raises:
            Misconfigured: a group that the model does not have.
        """
        wanted = set(groups)
        unknown = wanted - set(self.groups)
        if unknown:
            raise Misconfigured(f"groups: expected some of {list(self.groups)}, got {sorted(unknown)}")
        return Layout.of((b.name, b.group, b.shape) for b in self.blocks if b.group in wanted)

    def extract(self, vector: Vector, groups: Iterable[str]) -> Vector:
        """The part of `vector` (shape [d]) that belongs to these groups, as one new vector."""
        wanted = set(groups)
        parts = [vector[b.slice] for b in self.blocks if b.group in wanted]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def insert(self, vector: Vector, groups: Iterable[str], part: Vector) -> Vector:
        """A copy of `vector` in which these groups' coordinates are replaced by `part`."""
        result, start = vector.copy(), 0
        wanted = set(groups)
        for block in self.blocks:
            if block.group in wanted:
                result[block.slice] = part[start : start + block.size]
                start += block.size
        if start != len(part):
            raise Misconfigured(
                f"parameter part: expected {start} numbers for groups {sorted(wanted)}, got {len(part)}"
            )
        return result
