"""What the federation is measured against."""

from simulations.baselines.ease import Ease
from simulations.baselines.factorisation import Bpr, IAls
from simulations.baselines.neighbours import ItemKnn
from simulations.baselines.popularity import Popularity
from simulations.baselines.text import ZeroShot, train_alone, train_centrally

__all__ = ["Bpr", "Ease", "IAls", "ItemKnn", "Popularity", "ZeroShot", "train_alone", "train_centrally"]
