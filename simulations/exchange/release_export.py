"""Writes a release as PEFT or sentence-transformers load it: the same embeddings, without Hushrec.

PEFT gets the adapter alone, to be put on the encoder that the federation file pins. sentence-transformers gets a whole
model: the encoder with the adapter merged into it, the pooling, the dense view as one linear map, and the length of 1.
The concept view is a sparse softmax, which none of their modules computes: it is in neither.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from shared.arguments import PathArgument, path_of
from shared.errors import Misconfigured
from shared.files import write_atomically
from shared.model import GlobalModel, TextReading, find_backbone, text_reading
from shared.release import Release, model_of
from simulations.exchange.hub_card import HubFacts, hub_card, hub_name
from simulations.options import ReleaseForm

_LORA_A, _LORA_B = ".lora_A.weight", ".lora_B.weight"
_POOLING_KEYS = {"mean": "pooling_mode_mean_tokens", "first": "pooling_mode_cls_token"}
_MODULES = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_Normalize", "Normalize"))


def export_release(
    release: PathArgument, out: PathArgument, form: ReleaseForm, facts: HubFacts | None = None
) -> list[str]:
    """Write a release in the form of another tool, with a model card.

    Args:
        release: folder of a release, or of the run that holds one.
        out: a new or empty folder.
        form: "peft": `PeftModel.from_pretrained(encoder, out)`, pooled as the encoder's folder says.
            "sentence-transformers": `SentenceTransformer(out)` gives the dense view of texts, of length 1.
        facts: what the card says that no release knows, such as a licence.

    Returns:
        The names of the files in `out`.

    Raises:
        Misconfigured: there is no release, `out` has something in it, or the release holds no adapter ("peft") or no
            dense view ("sentence-transformers").
        Corrupt: a file of the release is not the one it pins.
    """
    folder, target = path_of("release", release), path_of("out", out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Misconfigured(f"out: expected {target} to be new or empty, found something in it; choose another")
    run = folder if (folder / "release").is_dir() else None
    loaded = Release.load(folder / "release" if run else folder)
    model = model_of(loaded)
    files = _peft(loaded, model) if form == "peft" else _sentence_transformer(loaded, model)
    files["README.md"] = hub_card(loaded, form, model.encoder.pooling, facts or HubFacts(), run).encode()
    for name, content in files.items():
        write_atomically(target / name, content)
    return sorted(files)


def _peft(release: Release, model: GlobalModel) -> dict[str, bytes]:
    """The adapter, as PEFT writes one."""
    from peft import LoraConfig

    adapted, down, up = _adapter(release, model)
    if not adapted:
        raise Misconfigured(
            'release: expected one that trains an adapter, got one without ("adapters" is not in training.groups of '
            "its federation file); export it with --format sentence-transformers, or train with adapters"
        )
    rank = len(down)
    config = LoraConfig(
        r=rank,
        lora_alpha=rank,
        target_modules=[adapted],
        lora_dropout=0.0,
        bias="none",
        task_type="FEATURE_EXTRACTION",
        inference_mode=True,
        base_model_name_or_path=hub_name(release),
    ).to_dict()
    tensors = {f"base_model.model.{adapted}{_LORA_A}": down, f"base_model.model.{adapted}{_LORA_B}": up}
    return {
        "adapter_config.json": _json({key: sorted(v) if isinstance(v, set) else v for key, v in config.items()}),
        "adapter_model.safetensors": save_tensors(tensors, metadata={"format": "pt"}),
    }


def _sentence_transformer(release: Release, model: GlobalModel) -> dict[str, bytes]:
    """Encoder with the adapter merged, pooling, dense view, length 1, in the files that all its versions read."""
    if not model.heads.dense_width:
        raise Misconfigured(
            'release: expected one with the dense view, got one without ("dense" is not in model.views of its '
            "federation file); sentence-transformers has no module for concepts"
        )
    folder = find_backbone(release.federation.backbone.name)
    reading = text_reading(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weight, bias = _dense_view(release, model)
    texts = {"max_seq_length": release.federation.backbone.max_tokens, "do_lower_case": False}
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate(_MODULES)
    ]
    dense = {
        "in_features": weight.shape[1],
        "out_features": weight.shape[0],
        "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    return {
        "config.json": _json({**config, "dtype": "float32"}),
        "model.safetensors": _merged(folder / "model.safetensors", *_adapter(release, model)),
        "tokenizer.json": (folder / "tokenizer.json").read_bytes(),
        "tokenizer_config.json": _json(_tokenizer_settings(folder, config)),
        "modules.json": _json(modules),
        "sentence_bert_config.json": _json(texts),
        "config_sentence_transformers.json": _json(_prompts(reading)),
        "1_Pooling/config.json": _json(_pooling(model.encoder.width, reading)),
        "2_Dense/config.json": _json(dense),
        "2_Dense/model.safetensors": save_tensors({"linear.weight": weight, "linear.bias": bias}),
        "3_Normalize/config.json": _json({}),
    }


def _adapter(release: Release, model: GlobalModel) -> tuple[str, NDArray[np.float32], NDArray[np.float32]]:
    """The map that is adapted, A [r, inner] and B [width, r]; "" and nothing for none."""
    if release.adapter is None:
        return "", np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)
    (name,) = model.encoder.adapters
    up = model.layout.extract(release.vector, ["adapters"]).reshape(model.encoder.width, model.encoder.rank)
    return name.partition(".lora_B")[0], release.adapter.down, np.ascontiguousarray(up)


def _dense_view(release: Release, model: GlobalModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Whitening and dense view of a text as one map: weight float32 [k, width] and bias float32 [k].

    Between the two the product brings texts to length 1. Both are linear, and the view is brought to length 1 again,
    so that the length between them makes no difference.
    """
    whitening = release.whitening
    heads = model.heads_at(release.vector)
    with torch.no_grad():
        view = heads.dense(torch.eye(whitening.matrix.shape[1])).numpy().astype(np.float64)  # [D, k]
    weight = whitening.matrix.astype(np.float64) @ view
    return np.ascontiguousarray(weight.T, np.float32), np.asarray(-whitening.mean @ weight, np.float32)


def _merged(path: Path, adapted: str, down: NDArray[np.float32], up: NDArray[np.float32]) -> bytes:
    """The encoder's weights in float32, B A added to the map that is adapted."""
    tensors = load_tensors(path.read_bytes())
    tensors = {name: t.astype(np.float32) if t.dtype.kind == "f" else t for name, t in tensors.items()}
    if adapted:
        # A file may name the encoder before its parts, as a model with a head on it does.
        (name,) = [name for name in tensors if f".{name}".endswith(f".{adapted}.weight")]
        tensors[name] = np.asarray(tensors[name] + up.astype(np.float64) @ down, np.float32)
    return save_tensors(tensors, metadata={"format": "pt"})


def _pooling(width: int, reading: TextReading) -> dict[str, Any]:
    return {
        "word_embedding_dimension": width,
        **{key: reading.pooling == kind for kind, key in _POOLING_KEYS.items()},
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    }


def _prompts(reading: TextReading) -> dict[str, Any]:
    prompts = {"text": reading.prompt} if reading.prompt else {}
    return {"prompts": prompts, "default_prompt_name": "text" if prompts else None}


def _tokenizer_settings(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """That `tokenizer.json` says how texts are cut, whatever class the encoder's family usually has."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    padding = config.get("pad_token_id") or 0
    named = {int(token["id"]): token["content"] for token in tokenizer.get("added_tokens", [])}
    if padding not in named:
        words = tokenizer["model"]["vocab"]
        named[padding] = words[padding][0] if isinstance(words, list) else {n: w for w, n in words.items()}[padding]
    return {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": named[padding]}


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
