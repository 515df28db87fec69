"""SHA-256 of the files of encoders that packages carry, so that naming one is enough to pin it."""

from collections.abc import Mapping
from types import MappingProxyType

# model.safetensors and tokenizer.json, by the encoder's name.
PACKAGED_ENCODERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "all-MiniLM-L6-v2": {
            "model_sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "tokenizer_sha256": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        "multilingual-e5-small": {
            "model_sha256": "8c3b47a767c90109c5f9fab47aca24eeb4d642956551de6cb1c850b0e5be5758",
            "tokenizer_sha256": "03ff757f8362eb7a99697cfe617d3b65f50a7ee8943b599d7299c6d4b41b0839",
        },
    }
)
