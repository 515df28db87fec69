"""The card of an exported model, as a model hub reads it: YAML about it before the release's own card.

It names no folder of this machine: an encoder of one's own is left out of `base_model`, and a data set's folder out of
the figures.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.model import Pooling
from shared.release import Release
from simulations.report import read_result

# Of the encoders that come with packages: what the hub calls them, and what they read.
_HUB_NAMES = {
    "all-MiniLM-L6-v2": "sentence-transformers/all-MiniLM-L6-v2",
    "multilingual-e5-small": "intfloat/multilingual-e5-small",
}
_LANGUAGES = {"all-MiniLM-L6-v2": "en", "multilingual-e5-small": "multilingual"}
_TAGS = ("recommendation", "federated-learning", "hushrec")

_PEFT_USE = """```python
from peft import PeftModel
from transformers import AutoModel

model = PeftModel.from_pretrained(AutoModel.from_pretrained({encoder!r}), "FOLDER")
```

A text's embedding is the {pooling} of its tokens' last states, cut at {tokens} tokens. The encoder must be the one that
is pinned below: other weights of the same name give other embeddings."""

_SENTENCE_USE = """```python
from sentence_transformers import SentenceTransformer

embeddings = SentenceTransformer("FOLDER").encode(["a text"])
```

These are the dense view of a text: encoder with the adapter merged into it, pooling, whitening by the catalogue and
what training made of it, brought to length 1. A device adds the concept view, popularity and what goes together."""


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What a card says that no release knows.

    Attributes:
        licence: SPDX name in lower case, as the hub lists them ("apache-2.0"); left out when empty.
        languages: of the texts ("en"); those of the encoder, where it is known, when empty.
        datasets: what it was trained on, by the hub's names.
    """

    licence: str = ""
    languages: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


def hub_name(release: Release) -> str | None:
    """What the hub calls the encoder; None for a folder of one's own."""
    name = release.federation.backbone.name
    if name in _HUB_NAMES or Path(name).expanduser().is_absolute() or Path(name).expanduser().is_dir():
        return _HUB_NAMES.get(name)
    return name if "/" in name else f"sentence-transformers/{name}"


def hub_card(release: Release, form: str, pooling: Pooling, facts: HubFacts, run: Path | None = None) -> str:
    """Markdown with YAML before it.

    Args:
        release: what was exported.
        form: "peft" or "sentence-transformers".
        pooling: what of the tokens' states is a text's embedding.
        facts: what the release does not know.
        run: folder of the run whose figures the card tells; none when left out.
    """
    from huggingface_hub import ModelCardData

    backbone, encoder = release.federation.backbone, hub_name(release)
    adapter = form == "peft"
    known = [_LANGUAGES[backbone.name]] if backbone.name in _LANGUAGES else []
    promised = ["differential-privacy"] if release.federation.privacy.level != "none" else []
    data = ModelCardData(
        language=list(facts.languages) or known or None,
        license=facts.licence or None,
        library_name=form,
        pipeline_tag="feature-extraction" if adapter else "sentence-similarity",
        tags=[*_TAGS, *promised, "lora" if adapter else "sentence-transformers"],
        base_model=encoder,
        base_model_relation=("adapter" if adapter else "finetune") if encoder else None,
        datasets=list(facts.datasets) or None,
        **({} if run is None else _figures(release.federation.name, run)),
    )
    use = _PEFT_USE if adapter else _SENTENCE_USE
    used = use.format(
        encoder=encoder or "FOLDER OF THE ENCODER",
        pooling="mean" if pooling == "mean" else "first",
        tokens=backbone.max_tokens,
    )
    title, _, about = release.card.partition("\n")
    return f"---\n{data.to_yaml()}\n---\n\n{title}\n\n## How to use it\n\n{used}\n{about}"


def _figures(name: str, run: Path) -> dict[str, Any]:
    """Those of the run that made the release, on its test part."""
    from huggingface_hub import EvalResult

    result = read_result(run)
    kind = result.data.partition("?")[0].partition(":")[0]
    results = [
        EvalResult("recommendation", kind, kind, figure, value, metric_name=f"{figure}, {part} ranking")
        for part, figures in result.metrics.items()
        for figure, value in (figures or {}).items()
        if value is not None
    ]
    return {"metrics": list(dict.fromkeys(one.metric_type for one in results)), "model_name": name,
            "eval_results": results}  # fmt: skip
