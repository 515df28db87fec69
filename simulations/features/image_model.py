"""Pictures through a Hugging Face image model from a folder. It loads safetensors only, never a model's code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoImageProcessor, AutoModel
from transformers.utils import logging as transformers_logging

from shared.errors import Misconfigured
from simulations.features.encoder import Image

_NEEDED = ("config.json", "model.safetensors", "preprocessor_config.json")


class ImageModel:
    """A frozen image model: ViT, DINO, Swin, ResNet, CLIP, SigLIP and their like.

    A model of pictures and texts gives its vector in the space both share; any other the mean of its last hidden
    states, as the text encoder does.
    """

    def __init__(self, folder: Path, name: str = "image") -> None:
        """Load the model and its preprocessing from `folder`.

        Raises:
            Misconfigured: a file is missing, or the model reads no pictures.
        """
        missing = [file for file in _NEEDED if not (folder / file).is_file()]
        if missing:
            raise Misconfigured(f"image model {folder}: expected {', '.join(_NEEDED)}, found no {missing[0]}")
        transformers_logging.disable_progress_bar()
        self.name = name
        self._processor: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype="float32")
        if model.main_input_name != "pixel_values" and not hasattr(model, "get_image_features"):
            raise Misconfigured(f"image model {folder}: expected a model of pictures, got {type(model).__name__}")
        self._model = model.eval().requires_grad_(False)
        self.width = int(self.encode([np.zeros((8, 8, 3), np.uint8)]).shape[1])

    def __repr__(self) -> str:
        return f"ImageModel({type(self._model).__name__}, width={self.width})"

    def encode(self, inputs: Sequence[Image]) -> NDArray[np.float32]:
        """Float32 [pictures, width]."""
        if not inputs:
            return np.zeros((0, self.width), np.float32)
        pixels = self._processor(images=list(inputs), return_tensors="pt", input_data_format="channels_last")
        with torch.no_grad():
            if hasattr(self._model, "get_image_features"):
                joint = self._model.get_image_features(pixel_values=pixels["pixel_values"])
                vectors = getattr(joint, "pooler_output", joint)
            else:
                states = self._model(pixel_values=pixels["pixel_values"]).last_hidden_state
                # Tokens [n, tokens, width], or a map [n, width, height, width of the map].
                vectors = states.mean(1) if states.ndim == 3 else states.flatten(2).mean(2)
        return np.asarray(vectors.numpy(), np.float32)
