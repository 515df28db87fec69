"""Encoders of what items have besides a text: pictures, prices. They see public items only, never a person."""

from typing import TYPE_CHECKING

from shared.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from simulations.features.colour_gradients import ColourGradients
    from simulations.features.encoder import FeatureEncoder, Image, with_features
    from simulations.features.image_model import ImageModel
    from simulations.features.log_number import LogNumber

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "simulations.features.colour_gradients": ("ColourGradients",),
        "simulations.features.encoder": ("FeatureEncoder", "Image", "with_features"),
        "simulations.features.image_model": ("ImageModel",),
        "simulations.features.log_number": ("LogNumber",),
    },
)

__all__ = ["ColourGradients", "FeatureEncoder", "Image", "ImageModel", "LogNumber", "with_features"]
