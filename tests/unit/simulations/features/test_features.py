"""Feature encoders: one contract, and what each of them sees."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pictures
from transformers import CLIPConfig, CLIPModel, ResNetConfig, ResNetModel, ViTConfig, ViTImageProcessor, ViTModel

from shared.errors import Misconfigured
from simulations.features import ColourGradients, FeatureEncoder, ImageModel, LogNumber, with_features
from tests.support.tiny import WIDTH, catalogue, write_encoder

VISION = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 16,
    "patch_size": 8,
}
WORDS = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 9,
         "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip


def write_image_model(folder: Path, model: Any) -> Path:
    model.save_pretrained(folder, safe_serialization=True)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


def picture(colour: str, size: tuple[int, int] = (20, 12)) -> np.ndarray:
    return np.asarray(Pictures.new("RGB", size, colour))


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return write_image_model(tmp_path_factory.mktemp("vit"), ViTModel(ViTConfig(**VISION)))


class EncoderContract:
    """What holds for every encoder of features."""

    inputs: tuple[Any, ...]

    @pytest.fixture
    def encoder(self) -> FeatureEncoder[Any]:
        raise NotImplementedError

    def test_a_vector_per_input_of_the_width_it_says(self, encoder: FeatureEncoder[Any]) -> None:
        for count in (0, 1, len(self.inputs)):
            vectors = encoder.encode(self.inputs[:count])
            assert vectors.shape == (count, encoder.width)
            assert vectors.dtype == np.float32
            assert np.isfinite(vectors).all()

    def test_the_same_input_gives_the_same_vector_whatever_stands_beside_it(self, encoder: FeatureEncoder[Any]) -> None:
        together = encoder.encode(self.inputs)
        for row, one in enumerate(self.inputs):
            assert np.allclose(encoder.encode([one])[0], together[row], atol=1e-5)

    def test_inputs_that_differ_give_vectors_that_differ(self, encoder: FeatureEncoder[Any]) -> None:
        vectors = encoder.encode(self.inputs)
        assert len(np.unique(vectors.round(4), axis=0)) == len(self.inputs)

    def test_its_block_goes_into_a_catalogue_for_the_items_that_have_an_input(
        self, encoder: FeatureEncoder[Any]
    ) -> None:
        ids = [item.id for item in catalogue()][3 : 3 + len(self.inputs)]
        items = with_features(catalogue(), encoder, dict(zip(ids, self.inputs, strict=True)), batch=2)
        block = items.features[encoder.name]
        assert np.flatnonzero(block.present).tolist() == list(range(3, 3 + len(self.inputs)))
        assert np.allclose(block.values[block.present], encoder.encode(self.inputs), atol=1e-5)
        assert list(items) == list(catalogue())
        with pytest.raises(Misconfigured, match="expected inputs of catalogue items, got one of 'unknown'"):
            with_features(catalogue(), encoder, {"unknown": self.inputs[0]})


class TestImageModel(EncoderContract):
    inputs = (picture("red"), picture("navy", (9, 30)), picture("white"))

    @pytest.fixture
    def encoder(self, vit: Path) -> FeatureEncoder[Any]:
        return ImageModel(vit)


class TestColourGradients(EncoderContract):
    inputs = (picture("red"), picture("navy", (9, 30)), picture("white"))

    @pytest.fixture
    def encoder(self) -> FeatureEncoder[Any]:
        return ColourGradients()


class TestLogNumber(EncoderContract):
    inputs = (0.0, 9.99, 10_000.0)

    @pytest.fixture
    def encoder(self) -> FeatureEncoder[Any]:
        return LogNumber()


def test_a_vision_transformer_gives_the_mean_of_its_last_hidden_states(vit: Path) -> None:
    pixels = torch.full((1, 3, 16, 16), 1.0)  # white, standardised with mean and deviation 0.5
    with torch.no_grad():
        expected = ViTModel.from_pretrained(vit)(pixel_values=pixels).last_hidden_state.mean(1)
    assert np.allclose(ImageModel(vit).encode([picture("white", (16, 16))]), expected.numpy(), atol=1e-5)


def test_other_families_are_read_in_their_own_way(tmp_path: Path) -> None:
    shared = CLIPModel(CLIPConfig(vision_config=VISION, text_config=WORDS, projection_dim=12))
    maps = ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 24], depths=[1, 1]))
    for name, model, width in (("clip", shared, 12), ("resnet", maps, 24)):
        encoder = ImageModel(write_image_model(tmp_path / name, model))
        assert encoder.width == width
        assert encoder.encode([picture("red")]).shape == (1, width)
        assert repr(encoder) == f"ImageModel({type(model).__name__}, width={width})"


def test_only_safetensors_of_image_models_are_loaded(vit: Path, tmp_path: Path) -> None:
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((vit / name).read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(Misconfigured, match=r"found no model\.safetensors"):
        ImageModel(tmp_path)
    text = write_encoder(tmp_path / "text")
    (text / "preprocessor_config.json").write_bytes((vit / "preprocessor_config.json").read_bytes())
    with pytest.raises(Misconfigured, match="expected a model of pictures, got BertModel"):
        ImageModel(text)
    assert WIDTH


def test_colours_and_edges_fall_into_their_own_bins() -> None:
    red, blue = ColourGradients().encode([picture("red"), picture("blue")])
    assert red[0] == pytest.approx(1)  # hue zero
    assert blue[8] == pytest.approx(1, abs=1e-3)  # two thirds of a turn, of twelve bins
    assert not red[16:].any()  # one colour has no edges
    upright = np.zeros((8, 8, 3), np.uint8)
    upright[:, 4:] = 255  # darker on the left: the gradient points to the right
    lying = upright.transpose(1, 0, 2)
    assert ColourGradients().encode([upright])[0, 16] == pytest.approx(1)
    assert ColourGradients().encode([lying])[0, 22] == pytest.approx(1)  # a quarter of a turn, of twelve to half a turn
    assert np.allclose(np.square(ColourGradients().encode([upright])[0, 12:16]), [0.5, 0, 0, 0.5])


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((8, 8, 4), np.uint8)])
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(Misconfigured, match=r"picture: expected uint8 \[height, width, 3\]"):
        ColourGradients().encode([image])


def test_a_price_is_a_logarithm_and_its_square() -> None:
    assert np.allclose(LogNumber().encode([np.e - 1, np.e**2 - 1]), [[1, 1], [2, 4]])
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(Misconfigured, match="expected finite numbers of at least 0"):
            LogNumber().encode([wrong])
