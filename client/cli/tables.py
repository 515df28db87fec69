"""Answers as a person reads them in a terminal. Texts of items come from elsewhere: they are never read as markup."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.privacy import epsilon_text


def recommendations(answer: Mapping[str, Any]) -> None:
    """Best first."""
    rows = [
        (place, one["item"], one["title"], f"{one['score']:.3f}", f"{one['propensity']:.2f}", one["because"])
        for place, one in enumerate(answer["recommendations"], start=1)
    ]
    _print("recommended", ("", "item", "title", "score", "chance", "because"), rows)


def explanation(answer: Mapping[str, Any]) -> None:
    """The addends of the score, the events behind it, and what would be without them."""
    title = f"{answer['title']} ({answer['item']}): rank {answer['rank']}, score {answer['score']:.3f}"
    _print(title, ("reason", "of", "adds"), [(r["kind"], r["name"], f"{r['part']:+.3f}") for r in answer["reasons"]])
    events = [(one["id"], one["item"] or "own words", f"{one['part']:+.3f}") for one in answer["events"]]
    _print("events that matter", ("event", "item", "adds"), events)
    without = answer["without"]
    named = ", ".join(map(str, without["events"])) or "none"
    _console().print(Text(f"without the events {named}: rank {without['rank']}"))


def print_interests(answer: Mapping[str, Any]) -> None:
    """Concepts by their share."""
    rows = [
        (one["name"], f"{one['share']:.1%}", f"{one['uncertainty']:.1%}", _decision(one)) for one in answer["concepts"]
    ]
    if not answer["events"]:
        _console().print(Text("nothing is known of you: there are no events"))
        decided = [(name, said) for name, _, _, said in rows if said]
        return _print("what you decided stays", ("concept", "decided"), decided) if decided else None
    _print(f"interests, from {answer['events']} events", ("concept", "share", "unsure by", "decided"), rows)
    levels = ", ".join(f"{name} {weight:.2f}" for name, weight in answer["levels"].items())
    _console().print(Text(plain(f"levels: {levels}; drift {answer['drift']:.2f}")))


def print_privacy(answer: Mapping[str, Any]) -> None:
    """Promises beside what is spent of them, what the policy allows, and how often the device has answered."""
    promised, spent, allowed = answer["promised"], answer["spent"], answer["allowed"]
    rows = []
    levels = {
        "user": "everything you ever did",
        "event": "every few events in a row",
        "local": "the same, should one answer be seen",
    }
    for level, what in levels.items():
        promise = promised and promised[level]
        if level == "local" and not promise and not spent[level]:
            continue  # the only level that is asked for rather than usual
        said = f"epsilon {epsilon_text(promise['epsilon'])} at delta {promise['delta']:g}" if promise else "nothing"
        rows.append((what, said, f"epsilon {epsilon_text(spent[level])}"))
    period, recent = promised and promised["period"], answer["spent_in_period"]
    for level in ("user", "event") if period and recent else ():
        if period[level]:
            said = f"epsilon {epsilon_text(period[level])} in any {period['days']} days in a row"
            rows.append((levels[level], said, f"epsilon {epsilon_text(recent[level])}"))
    title = f"promised by {promised['federation']}" if promised else "promised: nothing; in no federation"
    _print(title, ("to", "promised", "spent"), rows)
    answered = ", ".join(f"{task} {count}" for task, count in answer["answers"].items())
    lines = (
        *(["paused: no round is answered until: hushrec-device resume"] if answer["paused"] else ()),
        *(
            ["the server offers other terms, and waits for your word: hushrec-device terms"]
            * bool(answer["offered_terms"])
        ),
        f"answered: {answered}",
        f"your policy allows: {', '.join(allowed['tasks']) or 'no task'}; epsilon {allowed['epsilon']:g} in life and "
        f"{allowed['epsilon_per_round']:g} in a round, at delta {allowed['delta']:g}; sums of {allowed['cohort']} "
        "people or more",
        *(f"fault: {fault}; see: hushrec-device check" for fault in answer["faults"]),
    )
    if promised and promised["epsilon_alone"] is not None:
        _console().print(
            Text(
                f"were everybody else in league with the server: epsilon {epsilon_text(promised['epsilon_alone'])}; "
                "that they are not is the word of whoever certifies devices"
            )
        )
    for line in lines:
        _console().print(Text(plain(line)))


def print_terms(changes: Iterable[Mapping[str, Any]]) -> None:
    """What other terms would change, key by key."""
    rows = [(one["key"], one["before"], one["after"], one["meaning"]) for one in changes]
    _print("terms that the server offers", ("key", "agreed to", "offered", "meaning"), rows)


def unknown_items(items: Sequence[str]) -> str:
    """A sentence on items that were logged and that the catalogue has not."""
    some = ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")
    return plain(f"the catalogue does not have {some}; they count once it does, until then by the events' own texts")


def plain(text: str) -> str:
    """A text from elsewhere without control characters, which could write all over the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _decision(concept: Mapping[str, Any]) -> str:
    return "muted" if concept["muted"] else "boosted" if concept["boost"] else ""


def _print(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(title=Text(plain(title)), title_justify="left", show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(str(value))) for value in row))
    _console().print(table)


def _console() -> Console:
    """Standard output; wide where it is not a terminal, so that a pipe or a file gets whole rows."""
    console = Console()
    return console if console.is_terminal else Console(width=200)
