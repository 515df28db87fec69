"""Encoders of what items have besides a text: pictures, prices. They see public items only, never a person."""

from simulations.features.colour_gradients import ColourGradients
from simulations.features.encoder import FeatureEncoder, with_features
from simulations.features.image_model import Image, ImageModel
from simulations.features.log_number import LogNumber

__all__ = ["ColourGradients", "FeatureEncoder", "Image", "ImageModel", "LogNumber", "with_features"]
