"""Finds, verifies and loads the frozen transformer.

It loads safetensors only, never a pickle, and never a weight whose digest is not the pinned one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from shared.errors import Corrupt, Misconfigured
from shared.federation import FederationFile
from shared.model.backbone_files import Pooling, find_backbone, read_configuration, text_reading
from shared.model.tokens import TextTokenizer
from shared.model.transformer import WORD_TABLE, read_transformer

_BERTS = ("bert", "roberta", "xlm-roberta")  # Hugging Face's classes of these have a pooler, and add up embeddings


@dataclass(frozen=True, slots=True)
class Backbone:
    """A frozen encoder with its tokenizer.

    Attributes:
        model: of Hugging Face, or a `Transformer`, which takes and gives the same.
        pooling: what of the tokens' states is a text's embedding.
        digest: SHA-256, in hexadecimal, over the digests of weights and tokenizer and how texts are read: names what
            texts were encoded with.
    """

    model: Any
    tokenizer: TextTokenizer
    pooling: Pooling
    digest: str


def load_backbone(federation: FederationFile, light: bool = False) -> Backbone:
    """Load the encoder that the federation file names, in float32, without dropout.

    Args:
        federation: names the encoder, pins its digests and says where texts are cut.
        light: run BERT and its kin forwards at a fraction of the cost, without Hugging Face's own classes.

    Raises:
        Misconfigured: the encoder is in none of the places looked at, has no safetensors, or pools in an unknown way.
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
            raise Corrupt(
                f"backbone {path}: expected SHA-256 {pinned}, got {digest}; this is not the agreed encoder. Whoever "
                "makes the federation file and means this one gives its digests in backbone.model_sha256 and "
                "backbone.tokenizer_sha256"
            )
        digests.append(digest)
    config = read_configuration(folder / "config.json")
    padding = config.get("pad_token_id")
    if type(padding) is not int:
        padding = 0
    model = read_transformer(folder / "model.safetensors", config, padding) if light else None
    if model is None:
        model = _hugging_face(folder, config)
    reading = text_reading(folder)
    tokenizer = TextTokenizer(folder / "tokenizer.json", federation.backbone.max_tokens, padding, reading.prompt)
    if reading != ("mean", ""):
        digests += reading
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    return Backbone(model.eval().requires_grad_(False), tokenizer, reading.pooling, digest)


def _hugging_face(folder: Path, config: Mapping[str, Any]) -> Any:
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    more: dict[str, Any] = {}
    half = False
    if config.get("model_type") in _BERTS:
        with safe_open(folder / "model.safetensors", framework="pt") as file:
            names = list(file.keys())
            if not any("pooler." in name for name in names):
                more = {"add_pooling_layer": False}  # else they complain of one that is never used
            half = any(name.endswith(WORD_TABLE) and file.get_slice(name).get_dtype() == "F16" for name in names)
    model = AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype="float32", **more)
    if half:  # as it was stored: each row is made float32 once it meets its place
        model.get_input_embeddings().half()
    return model


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
