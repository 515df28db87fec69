"""The card of a release: what it is and what was promised to the people it learnt from, for people to read.

It is made of the release and its federation file alone; no path, no address and nothing about any one device is in it.
"""

from collections.abc import Mapping, Sequence

from shared.charges import adds_local_noise
from shared.federation import FederationFile

_PROMISED, _CHANGED, _EARLIER = "## What was promised", "## Terms from here on", "## Earlier terms"
_EVENT = "one window of events"
_USER = "everything one person ever did"


def write_card(
    federation: FederationFile,
    items: int,
    concept_names: Sequence[str],
    round_number: int,
    metrics: Mapping[str, float],
    measured_round: int | None = None,
) -> str:
    """Markdown.

    Args:
        federation: whose terms and promises are told.
        items: in the catalogue.
        concept_names: in their order; may be empty.
        round_number: training rounds that are done.
        metrics: what devices measured last (`shared.metrics.decode_metrics`); may be empty.
        measured_round: after which round that was, where it was another.
    """
    parts = [
        f"# {federation.name}, after round {round_number} of {federation.training.rounds}",
        _about(federation, items, round_number),
        f"{_PROMISED}\n\n{_promises_listed(federation)}",
        "## How well it ranks\n\n" + _measured(federation, metrics, measured_round or round_number, round_number),
    ]
    if concept_names:
        numbered = [f"{number}. {name}" for number, name in enumerate(concept_names, start=1)]
        parts.append("## Concepts\n\n" + "\n".join(numbered))
    return "\n\n".join(parts) + "\n"


def amended_card(card: str, federation: FederationFile) -> str:
    """The card of a release whose terms are others from now on: what it learnt was promised by those before."""
    before, _, _ = card.partition(f"\n{_CHANGED}")
    return f"{before}\n{_CHANGED}\n\n{_promises_listed(federation)}\n"


def earlier_terms(card: str) -> str:
    """What a later card has to go on saying: promises of terms that were changed since, and "" where none were.

    Args:
        card: of the release before it.
    """
    earlier = _section(card, _EARLIER)
    if _CHANGED in card:
        said = f"Some of what it learnt was promised by these:\n\n{_section(card, _PROMISED)}"
        earlier = f"{earlier}\n\n{said}" if earlier else said
    return f"\n{_EARLIER}\n\n{earlier}\n" if earlier else ""


def _section(card: str, heading: str) -> str:
    _, _, rest = card.partition(f"{heading}\n\n")
    return rest.partition("\n## ")[0].strip()


def _promises_listed(federation: FederationFile) -> str:
    return "\n".join(f"* {line}" for line in _promises(federation))


def _about(federation: FederationFile, items: int, round_number: int) -> str:
    views = " and ".join(federation.model.views)
    digest = federation.backbone.model_sha256
    pinned = f"pinned by SHA-256 {digest}" if digest else "not pinned"
    source = (
        "Nobody's behaviour is in it: whitening and concepts come from the catalogue alone."
        if round_number == 0
        else f"Trained parameters: {', '.join(federation.training.groups)}."
    )
    return (
        f"A concept model that ranks {items} public items by their texts, on a person's own device, with the {views} "
        f"view. Its encoder is a frozen transformer, {pinned}, with low-rank adapters. {source}\n\n"
        f"Federation file: SHA-256 {federation.digest()}."
    )


def _promises(federation: FederationFile) -> list[str]:
    privacy, total = federation.privacy, federation.sum
    masked = (
        f"A device sends masked summands only; the server sees sums over at least {federation.round.minimum_answers} "
        f"devices, as long as at most {total.corrupt_share:.0%} of them help it."
        if total.mode == "secure"
        else "A simulation: summands were not masked."
    )
    lines = [masked]
    if privacy.user:
        answers = ", ".join(f"{task} {privacy.most_answers(task)}" for task in privacy.tasks)
        lines.append(
            f"Differential privacy of {_USER}: epsilon {privacy.user_epsilon:g} at delta {privacy.user_delta:g} over a "
            f"device's whole life{_within(privacy.period_days, privacy.period_user_epsilon)}. At most so often in "
            f"{privacy.span}: {answers}."
        )
    if privacy.level == "both":
        lines.append(
            f"Differential privacy of {_EVENT} over a device's whole life: epsilon {privacy.event_epsilon:g} at delta "
            f"{privacy.event_delta:g}{_within(privacy.period_days, privacy.period_event_epsilon)}."
        )
    if adds_local_noise(federation):
        lines.append(
            f"Differential privacy of {_EVENT} towards a server that saw single answers without the sum: epsilon "
            f"{privacy.local_epsilon:g} at delta {privacy.event_delta:g}."
        )
    if not (privacy.user or privacy.event):
        lines.append("No differential privacy.")
    lines.append("Interest vectors, texts, lists shown and choices never leave a device.")
    return lines


def _within(days: int, epsilon: float) -> str:
    """The same promise for a period, where there is one."""
    return f", and epsilon {epsilon:g} for what leaves a device within any {days} days in a row" if days else ""


def _measured(federation: FederationFile, metrics: Mapping[str, float], measured: int, now: int) -> str:
    if not metrics:
        return "Not measured by devices."
    when = "" if measured == now else f" This was after round {measured}, before the last {now - measured}."
    rows = "\n".join(
        f"| {name} | {value:.4f} | {metrics[f'{name} deviation']:.4f} |"
        for name, value in metrics.items()
        if not name.endswith(" deviation")
    )
    return (
        f"Each device ranked the item it had kept out of training among {federation.evaluation.negatives} others of "
        f"the catalogue; means over a private sum, its noise included.{when}\n\n"
        f"| | | standard deviation |\n| --- | --- | --- |\n{rows}"
    )
