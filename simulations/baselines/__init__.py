"""What the federation is measured against.

The defaults of the item-id baselines were chosen by nDCG@10 on the validation parts of ML-100K and Amazon games, one
setting for both. Forgetting in the history that is folded in is worth a lot to them, so it is on.
"""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.baselines.ease import Ease
    from simulations.baselines.factorisation import Bpr, IAls
    from simulations.baselines.neighbours import ItemKnn
    from simulations.baselines.popularity import Popularity
    from simulations.baselines.text import ZeroShot, train_alone, train_centrally

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.baselines.ease": ("Ease",),
        "simulations.baselines.factorisation": ("Bpr", "IAls"),
        "simulations.baselines.neighbours": ("ItemKnn",),
        "simulations.baselines.popularity": ("Popularity",),
        "simulations.baselines.text": ("ZeroShot", "train_alone", "train_centrally"),
    },
)

__all__ = ["Bpr", "Ease", "IAls", "ItemKnn", "Popularity", "ZeroShot", "train_alone", "train_centrally"]
