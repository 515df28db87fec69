"""The adapter: A from the catalogue, what enters it, and by how much a change of B moves embeddings."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from transformers import AutoModel, AutoTokenizer

from shared.errors import Misconfigured
from shared.model import AdapterInputs, build_model
from shared.model.adapter import principal_axes
from shared.release import candidate_release, next_release
from tests.support.tiny import FAMILIES, LAYERS, WIDTH, catalogue, put

RANK = 2
TEXTS = catalogue().texts
LAST_MAP = {"bert": "output.dense", "roberta": "output.dense", "distilbert": "ffn.lin2"}


def tokens_of(seed=0, count=400, inner=6):
    """Correlated numbers with a mean, in two parts."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, inner)) @ rng.normal(size=(inner, inner)) + 3.0
    return [torch.tensor(part, dtype=torch.float32) for part in np.split(mixed, [count // 3])]


def test_axes_read_numbers_of_deviation_one_that_have_nothing_to_do_with_each_other():
    tokens = tokens_of()
    down = principal_axes(tokens, 3)
    assert (down.dtype, down.shape) == (np.float32, (3, 6))
    entering = torch.cat(tokens).numpy() @ down.T
    assert np.cov(entering.T, bias=True) == pytest.approx(np.eye(3), abs=1e-3)
    lengths = np.linalg.norm(down, axis=1)
    assert (down @ down.T) / np.outer(lengths, lengths) == pytest.approx(np.eye(3), abs=1e-5)
    assert lengths.tolist() == sorted(lengths)  # the widest first, which is divided by most


def test_axes_are_the_widest_there_are():
    tokens = tokens_of()
    centred = torch.cat(tokens).numpy() - torch.cat(tokens).numpy().mean(0)
    _, singular, axes = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    down = principal_axes(tokens, 2)
    unit = down / np.linalg.norm(down, axis=1, keepdims=True)
    assert np.abs((unit * axes[:2]).sum(1)) == pytest.approx([1, 1], abs=1e-5)
    assert 1 / np.linalg.norm(down, axis=1) == pytest.approx(singular[:2] / np.sqrt(400), rel=1e-4)


def test_the_same_tokens_give_the_same_axes_however_they_are_parted():
    parts = tokens_of()
    down = principal_axes(parts, 4)
    assert np.array_equal(principal_axes(parts, 4), down)
    assert principal_axes([torch.cat(parts)], 4) == pytest.approx(down, abs=1e-5)
    assert principal_axes(list(reversed(parts)), 4) == pytest.approx(down, abs=1e-5)
    assert all(row[np.abs(row).argmax()] > 0 for row in down)


@pytest.mark.parametrize("inner", [2, 6])
def test_fewer_ways_to_differ_than_ranks_are_refused(inner):
    rng = np.random.default_rng(0)
    flat = torch.tensor(rng.normal(size=(50, 2)) @ rng.normal(size=(2, inner)), dtype=torch.float32)
    assert principal_axes([flat], 2).shape == (2, inner)
    for tokens in ([flat], [flat[:1]]):
        with pytest.raises(Misconfigured, match=r"model\.lora_rank: expected a catalogue whose texts differ in 3 ways"):
            principal_axes(tokens, 3)


def test_what_enters_of_items_is_less_their_mean_and_that_mean_stays_when_others_come():
    rng = np.random.default_rng(0)
    down, entering = np.ones((2, 5), np.float32), rng.normal(3, 1, (7, 2)).astype(np.float32)
    inputs = AdapterInputs.of(down, entering)
    assert inputs.mean == pytest.approx(entering.mean(0), abs=1e-6)
    assert inputs.items == pytest.approx(entering - entering.mean(0), abs=2e-3)
    assert np.array_equal(inputs.items.astype(np.float16).astype(np.float32), inputs.items)  # as it is stored
    more = inputs.with_items(np.full((1, 2), 9.0, np.float32))
    assert np.array_equal(more.items[:7], inputs.items)
    assert more.items[7] == pytest.approx(9.0 - inputs.mean, abs=4e-3)
    assert (more.mean is inputs.mean, more.down is inputs.down) == (True, True)


def near(index, exact, of):
    """Whether no number is further off than half a step of the int8 index, a 127th of a row's largest."""
    steps = np.abs(of).max(axis=1, keepdims=True) / 127
    return bool((np.abs(index - exact) <= 0.51 * steps + 1e-3).all())


class AsPlain:
    """Every token of texts in a model of Hugging Face that nobody has changed.

    Attributes:
        unit: per text, float64 [tokens, WIDTH], what the last norm gives before its gain.
        entering: per text, float64 [tokens, RANK], what enters the adapter over what the norm divides by.
    """

    def __init__(self, folder, family, down, max_tokens=16):
        model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
        layer = (model.transformer if family == "distilbert" else model.encoder).layer[-1]
        last = layer.ffn.lin2 if family == "distilbert" else layer.output.dense
        norm = layer.output_layer_norm if family == "distilbert" else layer.output.LayerNorm
        met = {}
        last.register_forward_hook(lambda _, inputs, __: met.update(inputs=inputs[0]))
        norm.register_forward_hook(lambda _, inputs, __: met.update(summed=inputs[0]))
        self.gain = norm.weight.detach().double().numpy()
        self.unit, self.entering = [], []
        for text in TEXTS:
            with torch.no_grad():
                model(**tokenizer([text], truncation=True, max_length=max_tokens, return_tensors="pt"))
            inputs, summed = met["inputs"][0].double().numpy(), met["summed"][0].double().numpy()
            deviation = np.sqrt(summed.var(1, keepdims=True) + norm.eps)
            self.unit.append((summed - summed.mean(1, keepdims=True)) / deviation)
            self.entering.append(inputs @ down.T.astype(np.float64) / deviation)

    def passes_as_nothing(self, up):
        """The part of a change that the norm takes back, float64 [texts, WIDTH]: that along the state itself."""
        return np.stack(
            [
                (unit * (entering @ up.T * unit).mean(1, keepdims=True) * self.gain).mean(0)
                for unit, entering in zip(self.unit, self.entering, strict=True)
            ]
        )


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_enters_is_the_mean_over_tokens_of_a_times_what_the_map_reads_over_the_deviation(tiny, family, light):
    encoder = build_model(tiny.file(family=family), light=light).encoder
    readings = encoder.read_catalogue(TEXTS)
    plain = AsPlain(tiny.folders[family], family, encoder.adapter_down)
    expected = np.stack([entering.mean(0) for entering in plain.entering])
    assert readings[:, WIDTH:] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_move_with_b_to_first_order_but_for_what_lies_along_a_state(tiny, family):
    """What is left after both are taken off is of second order: half the change leaves a quarter."""
    model = tiny.model(family=family)
    readings = model.encoder.read_catalogue(TEXTS)
    plain = AsPlain(tiny.folders[family], family, model.encoder.adapter_down)
    up = np.random.default_rng(0).normal(0, 0.08, (WIDTH, RANK)).astype(np.float32)
    errors, moves = [], []
    for share in (1.0, 0.5, 0.25):
        with model.at(model.layout.insert(model.vector(), ["adapters"], (share * up).ravel())):
            moved = model.encoder.embed(TEXTS).astype(np.float64) - readings[:, :WIDTH]
        shift = model.encoder.shift(readings[:, WIDTH:], share * up)
        errors.append(np.linalg.norm(moved - (shift - plain.passes_as_nothing(share * up))))
        moves.append(np.linalg.norm(moved))
    assert errors[0] < 0.15 * moves[0]
    assert np.array(errors[:2]) / errors[1:] == pytest.approx([4, 4], rel=0.25)


def test_a_candidate_is_the_index_of_the_moved_encoder_to_first_order(tiny):
    release, model = tiny.release()
    up = np.random.default_rng(0).normal(0, 0.08, WIDTH * RANK).astype(np.float32)
    vector = model.layout.insert(release.vector, ["adapters"], up)
    candidate, exact = candidate_release(release, model, vector), next_release(release, model, vector, 0)
    moved = np.linalg.norm(exact.index - release.index)
    assert moved > 0.1 * np.linalg.norm(release.index - release.index.mean(0))
    assert np.linalg.norm(candidate.index - exact.index) < 0.4 * moved
    assert np.array_equal(candidate.vector, vector)
    # its whitening reads a text that has moved along as its index has it, but for the steps of the stored one
    readings = model.encoder.read(TEXTS)
    along = readings[:, :WIDTH] + model.encoder.shift(readings[:, WIDTH:], up)
    assert near(candidate.index, candidate.whitening.apply(along), of=release.index)
    assert not near(candidate.index, release.whitening.apply(along), of=release.index)


def test_a_candidate_of_the_same_adapter_keeps_the_index(tiny):
    release, model = tiny.moved()
    vector = release.vector.copy()
    vector[: model.layout.select(["dense"]).size] += 1
    candidate = candidate_release(release, model, vector)
    assert candidate.index is release.index
    assert candidate.whitening is release.whitening
    without, plain = tiny.release('training.groups=["dense"]')
    assert candidate_release(without, plain, without.vector + 1).index is without.index


@pytest.mark.parametrize("family", FAMILIES)
def test_light_and_trainable_models_read_alike_and_name_the_adapter_alike(tiny, family):
    file = tiny.file(family=family)
    light, trainable = build_model(file, light=True), build_model(file)
    assert light.layout == trainable.layout
    vector = np.random.default_rng(0).normal(0, 0.3, light.layout.size).astype(np.float32)
    readings = []
    for model in (light, trainable):
        model.encoder.fit_down(TEXTS)
        put(model, vector)
        readings.append(model.encoder.read([*TEXTS, " ".join(["rose drum oven"] * 20)]))
    assert light.encoder.adapter_down == pytest.approx(trainable.encoder.adapter_down, abs=1e-4)
    assert readings[0] == pytest.approx(readings[1], abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_moved_release_is_what_peft_gives_with_its_a_and_b(tiny, family):
    """On the model of Hugging Face, which knows nothing of this package."""
    release, model = tiny.release(f"backbone.name={tiny.folders[family]}")
    vector = release.vector + np.random.default_rng(1).normal(0, 0.2, len(release.vector)).astype(np.float32)
    moved = next_release(release, model, vector, 1)
    target = f"layer.{LAYERS - 1}.{LAST_MAP[family]}"
    config = LoraConfig(r=RANK, lora_alpha=RANK, lora_dropout=0.0, target_modules=rf".*{target}$", bias="none")
    theirs = inject_adapter_in_model(config, AutoModel.from_pretrained(tiny.folders[family])).eval()
    adapted = {name: module for name, module in theirs.named_modules() if name.endswith(target)}
    ((name, carrier),) = adapted.items()
    assert "attention" not in name
    with torch.no_grad():
        carrier.lora_A["default"].weight.copy_(torch.from_numpy(moved.adapter.down))
        up = model.layout.extract(moved.vector, ["adapters"]).reshape(WIDTH, RANK)
        carrier.lora_B["default"].weight.copy_(torch.from_numpy(up))
        tokenizer, embeddings = AutoTokenizer.from_pretrained(tiny.folders[family]), []
        for text in TEXTS:
            tokens = tokenizer([text], truncation=True, max_length=16, return_tensors="pt")
            embeddings.append(
                theirs(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
                .last_hidden_state[0]
                .mean(0)
                .numpy()
            )
    embeddings = np.stack(embeddings)
    exact = moved.whitening.apply(embeddings)
    assert near(moved.index, exact, of=exact)
    assert not near(release.index, exact, of=exact)
    assert moved.whitening.mean == pytest.approx(embeddings.mean(0), abs=1e-4)
