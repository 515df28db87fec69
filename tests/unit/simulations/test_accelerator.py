"""Which accelerator a simulation takes, and in which precision texts are encoded there."""

import pytest
import torch

from shared.errors import Misconfigured
from simulations.accelerator import CPU, encoder_precision, find_accelerator


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch):
    """Says which GPUs this machine has, and which torch was built for."""

    def say(*names: str, built: tuple[str, ...] = ()) -> None:
        for name, module in (("cuda", torch.cuda), ("mps", torch.backends.mps)):
            monkeypatch.setattr(module, "is_available", lambda name=name: name in names)
        for name, module in (("cuda", torch.backends.cuda), ("mps", torch.backends.mps)):
            monkeypatch.setattr(module, "is_built", lambda name=name: name in (*names, *built))

    return say


@pytest.mark.parametrize(
    ("names", "best"), [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")]
)
def test_auto_takes_the_best_there_is(there, names, best) -> None:
    there(*names)
    assert find_accelerator("auto").type == best
    assert [find_accelerator(name).type for name in (*names, "cpu")] == [*names, "cpu"]


def test_one_that_is_not_there_is_refused_with_what_was_found_and_what_to_do(there) -> None:
    there()
    with pytest.raises(
        Misconfigured, match=r"^device: expected cuda, found cpu, with torch .* built without cuda; install a build"
    ):
        find_accelerator("cuda")
    there("mps", built=("cuda",))
    with pytest.raises(Misconfigured, match=r"found mps and cpu, .* built with cuda; see that its driver is installed"):
        find_accelerator("cuda")


@pytest.mark.parametrize(
    ("kind", "has_bfloat16", "precision"),
    [
        ("cuda", True, torch.bfloat16),
        ("cuda", False, torch.float32),
        ("mps", False, torch.float16),
        ("cpu", True, torch.float32),
    ],
)
def test_texts_are_encoded_in_the_precision_that_suits_the_accelerator(
    monkeypatch: pytest.MonkeyPatch, kind, has_bfloat16, precision
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
    assert encoder_precision(torch.device(kind)) == precision
    assert CPU.type == "cpu"
