"""Finds, verifies and loads the frozen transformer.

It loads safetensors only, never a pickle, and never a weight whose digest is not the pinned one.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import Corrupt, Misconfigured
from shared.federation import FederationFile
from shared.model.backbone_files import find_backbone, read_configuration
from shared.model.tokens import TextTokenizer
from shared.model.transformer import read_transformer


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


def load_backbone(federation: FederationFile, light: bool = False) -> Backbone:
    """Load the encoder that the federation file names, in float32, without dropout.

    Args:
        federation: names the encoder, pins its digests and says where texts are cut.
        light: run BERT and its kin forwards at a fraction of the cost, without Hugging Face's own classes.

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
    config = read_configuration(folder / "config.json")
    padding = config.get("pad_token_id")
    if type(padding) is not int:
        padding = 0
    model = read_transformer(folder / "model.safetensors", config, padding) if light else None
    if model is None:
        model = _hugging_face(folder)
    tokenizer = TextTokenizer(folder / "tokenizer.json", federation.backbone.max_tokens, padding)
    return Backbone(
        model.eval().requires_grad_(False), tokenizer, hashlib.sha256("".join(digests).encode()).hexdigest()
    )


def _hugging_face(folder: Path) -> Any:
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    return AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype="float32")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
