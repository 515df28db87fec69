"""Tiny random encoders, a small catalogue and a federation file over them: tests need no network and no seconds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client import Credentials
from shared.behaviour import Event, EventKind
from shared.catalogue import Catalogue, Item
from shared.federation import FederationFile, read_federation
from shared.privacy import Keystream, RandomBytes
from shared.secure_sum import Identity, issue_certificate

if TYPE_CHECKING:  # a test that needs a log or the catalogue loads no torch
    from shared.model import GlobalModel
    from shared.release.release import Release

FAMILIES = ("bert", "roberta", "distilbert")
WIDTH, LAYERS = 32, 4
TOPICS = {
    "garden": "rose tulip spade soil seed hedge lawn pond",
    "music": "guitar drum piano string chord bass amp pick",
    "kitchen": "pan knife oven spoon whisk bowl salt plate",
    "cycling": "wheel chain pedal saddle brake helmet pump tyre",
}
WORDS = [*" ".join(TOPICS.values()).split(), *TOPICS, "a", "the", "for", "with"]


def write_encoder(folder: Path, family: str = "bert", words: Sequence[str] = WORDS) -> Path:
    """A random encoder of a family, which knows these words: safetensors, config and tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import (
        BertConfig,
        BertModel,
        DistilBertConfig,
        DistilBertModel,
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaModel,
    )

    vocabulary = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    shape = {
        "vocab_size": len(vocabulary),
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 40,
        "pad_token_id": 0,
        "initializer_range": 0.3,
    }
    torch.manual_seed(FAMILIES.index(family))
    model = {
        "bert": lambda: BertModel(BertConfig(**shape)),
        "roberta": lambda: RobertaModel(RobertaConfig(**shape)),
        "distilbert": lambda: DistilBertModel(DistilBertConfig(**{**shape, "hidden_dim": 64})),
    }[family]()
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def catalogue() -> Catalogue:
    """Twenty-four items, six of each topic, every text another."""
    items = []
    for topic, words in TOPICS.items():
        names = words.split()
        for place in range(6):
            text = f"{names[place]} {names[place + 1]} for the {topic} with {names[(3 * place + 5) % 8]}"
            items.append(Item(f"{topic}-{place}", names[place], text, (topic,)))
    return Catalogue(items)


def events(items: Sequence[str | None], words: dict[int, str] | None = None, **rest: object) -> list[Event]:
    """One click per item, a second apart; `words` puts a person's own text at a place."""
    return [
        Event(float(place), EventKind.CLICK, item, (words or {}).get(place, ""), **rest)  # type: ignore[arg-type]
        for place, item in enumerate(items)
    ]


def person(seed: int, count: int) -> list[Event]:
    """A log of catalogue items drawn by a seed."""
    ids = [item.id for item in catalogue()]
    return events([ids[row] for row in np.random.default_rng(seed).integers(len(ids), size=count)])


# Never collected: a context that ended with the garbage would wait for this thread's turn, in whatever thread that is.
_INSIDE: list[Any] = []


def put(model: "GlobalModel", vector: np.ndarray) -> None:
    """Leave parameters in a model that one test alone uses, as if it never left `GlobalModel.at`."""
    inside = model.at(vector)
    inside.__enter__()
    _INSIDE.append(inside)


@dataclass(frozen=True)
class Seeded:
    """Chance that tests can repeat."""

    seed: int = 0

    def numpy(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, len(purpose)])

    def bytes(self, purpose: str) -> RandomBytes:
        return Keystream(hashlib.sha256(f"{self.seed} {purpose}".encode()).digest())


@dataclass(frozen=True)
class Log:
    """A behaviour log in memory."""

    kept: Sequence[Event]
    aside: Sequence[Event] = ()

    def events(self) -> Sequence[Event]:
        return self.kept

    def held_out(self) -> Sequence[Event]:
        return self.aside


def membership(name: str = "one", registry: str = "registry") -> Credentials:
    """A device of a registry, both with keys made of their names."""
    keys = [Ed25519PrivateKey.from_private_bytes(hashlib.sha256(word.encode()).digest()) for word in (name, registry)]
    identity = Identity(keys[0])
    certificate = issue_certificate(keys[1], identity.public_key, 2**40)
    return Credentials(identity, certificate, keys[1].public_key().public_bytes_raw())


# What makes a federation small enough for an encoder of 32 numbers and 24 items.
SMALL = (
    "backbone.model_sha256=",
    "backbone.tokenizer_sha256=",
    "backbone.max_tokens=16",
    "model.dense_width=8",
    "model.concepts=6",
    "model.concept_top=3",
    "model.concept_temperature=0.3",
    "model.lora_rank=2",
    "windows.events=4",
    "windows.per_device=3",
    "windows.negatives=6",
    "windows.shown=2",
    "training.rounds=4",
)


@dataclass(frozen=True)
class Tiny:
    """A federation over tiny encoders.

    Attributes:
        folders: where the encoder of each family lies.
    """

    folders: dict[str, Path]

    def file(self, *settings: str, family: str = "bert") -> FederationFile:
        return read_federation(
            settings=[
                f"backbone.name={self.folders[family]}",
                *SMALL,
                "training.clients_per_round=3",
                "privacy.level=event",
                "privacy.local_noise=on",
                "sum.mode=plain",
                "evaluation.every_rounds=0",
                *settings,
            ]
        )

    def model(self, *settings: str, family: str = "bert") -> "GlobalModel":
        from shared.model import build_model

        return build_model(self.file(*settings, family=family))

    def release(self, *settings: str) -> tuple["Release", "GlobalModel"]:
        """Release zero and its model."""
        from shared.model import build_model
        from shared.release import first_release

        file = self.file(*settings)
        model = build_model(file)
        items = catalogue()
        return first_release(file, items, model, model.encoder.read_catalogue(items.texts)), model

    def moved(self, *settings: str, seed: int = 0) -> tuple["Release", "GlobalModel"]:
        """A release whose every parameter has been moved off its start.

        Popularity is not flat, and each item has three companions.
        """
        from shared.companions import Companions
        from shared.release import next_release

        release, model = self.release(*settings)
        rng = np.random.default_rng(seed)
        steps = rng.normal(0, 0.1, model.layout.size).astype(np.float32)
        release = next_release(release, model, release.vector + steps, 1)
        items = len(release.catalogue)
        popularity = rng.normal(size=items).astype(np.float32)
        steps_to = np.argsort(rng.random((items, items - 1)))[:, :3] + 1
        rows = (np.arange(items)[:, None] + steps_to) % items
        weights = np.sort(rng.random((items, 3)))[:, ::-1]
        companions = Companions(rows.astype(np.int32), weights.astype(np.float16))
        return replace(release, log_popularity=popularity, companions=companions), model
