"""What the federation is measured against.

The defaults of the item-id baselines were chosen by nDCG@10 on the validation parts of ML-100K and Amazon games, one
setting for both. Forgetting in the history that is folded in is worth a lot to them, so it is on.
"""

from simulations.baselines.ease import Ease
from simulations.baselines.factorisation import Bpr, IAls
from simulations.baselines.neighbours import ItemKnn
from simulations.baselines.popularity import Popularity
from simulations.baselines.text import ZeroShot, train_alone, train_centrally

__all__ = ["Bpr", "Ease", "IAls", "ItemKnn", "Popularity", "ZeroShot", "train_alone", "train_centrally"]
