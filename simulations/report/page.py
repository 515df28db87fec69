"""The report of a run as one self-contained HTML page. It fetches nothing, and every text of the data is escaped."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from shared.tasks import TASKS
from simulations.options import Language
from simulations.report import formatting
from simulations.report.curve import learning_curve, newcomers_chart
from simulations.report.drawing import PROPERTIES, Chart
from simulations.report.ladder import SIGHT_COLOURS, interval_of, ladder_chart, rungs, sight_of
from simulations.report.language import Words
from simulations.report.parts import ExamplePerson, Journey
from simulations.report.people_charts import concept_chart, fairness_chart, journey_chart
from simulations.report.promises import learners, promises
from simulations.report.result import RunResult, headline
from simulations.report.rows_chart import in_figures
from simulations.report.sent import message_rows, sent_kinds, shown_answer, strips_chart
from simulations.report.sentences import cards, in_sentences

_FAIRNESS = ("ndcg@10, ", "gap")
_MARKED = 4
_COLD = (("users", "new users"), ("items", "new items"))


def render(result: RunResult, audits: Mapping[str, Any] | None = None, language: Language | None = None) -> str:
    """The whole page.

    Args:
        result: of the run.
        audits: what `audit --json` found, by the audit's name; None where nothing lies beside the run.
        language: of the page; that of the result when left out.
    """
    words = Words(language or result.language)
    answer = shown_answer(result.answers)
    rows = [row | {"sees": sight_of(row["model"], result.privacy)} for row in result.table()]
    way, _, metric = headline({name: None for row in rows for name in row}).partition(" ")
    parts = dict.fromkeys([(way, metric), ("sampled", "ndcg@10"), ("full", "ndcg@10")])
    number = result.journey.number if result.journey else 1
    shown = next((person for person in result.examples if person.number == number), None)
    concepts = result.concept_map
    return (
        environment(words)
        .get_template("report.html.j2")
        .render(
            result=result,
            record=result.to_record(),
            lead=in_sentences(result, words),
            cards=cards(result, words),
            ladders=[
                (chart, words.named("figure", " ".join(part)))
                for part in parts
                if (chart := ladder_chart(result, *part, words)) is not None
            ],
            sights=_sights(result, way, metric),
            rows=rows,
            column_names=[_column_name(column, words) for column in rows[0]],
            best={column: _best(rows, column) for column in rows[0] if column not in ("model", "sees")},
            headline=words.named("figure", f"{way} {metric}"),
            curve=learning_curve(result, words),
            newcomers=newcomers_chart(result.cold_start_curve, words),
            asked=max((row.get("questions") or 0 for row in result.cold_start_curve), default=0),
            cold=_cold(result, words),
            sent=sent_kinds(result.rounds_table, result.answers),
            answer=answer,
            strips=strips_chart(answer, words) if answer else None,
            messages=message_rows(answer, words) if answer else [],
            learners=learners(result, words),
            promises=promises(result, words),
            concepts=concept_chart(concepts, _strongest(shown), words) if concepts else None,
            shown=shown,
            journey=journey_chart(result.journey, words) if result.journey else None,
            moves=_moves(result.journey, words) if result.journey else [],
            fairness=fairness_chart(result.fairness, words),
            device=_device(result, words),
            audits=audits,
            rounds=_rounds(result, words),
            round_columns=list(dict.fromkeys(column for row in result.rounds_table for column in row)),
        )
    )


def environment(words: Words) -> Environment:
    """Templates, filters and words of a page."""
    made = Environment(
        loader=PackageLoader("simulations.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["t"] = words
    made.filters.update(
        cell=formatting.cell,
        size=formatting.size,
        spent=formatting.format_spent,
        milliseconds=formatting.milliseconds,
        epsilon=formatting.epsilon,
        percent=formatting.percent,
        chart=_placed,
        interval=lambda ends: _interval(ends, words),
        reason=lambda reason: words(f"reason_{reason.kind}", name=reason.name),
    )
    return made


def _interval(ends: Sequence[float] | None, words: Words) -> str:
    return words("interval", low=formatting.cell(ends[0]), high=formatting.cell(ends[1])) if ends else formatting.DASH


def _placed(chart: Chart) -> Markup:
    """A chart is made by `drawing`, which escapes every text in it."""
    return Markup(chart.svg)  # noqa: S704


def _column_name(column: str, words: Words) -> str:
    way, _, metric = column.partition(" ")
    return f"{metric} {words(f'part_{way}')}" if metric else words(column)


def _best(rows: Sequence[Mapping[str, Any]], column: str) -> float | None:
    return max((row[column] for row in rows if row[column] is not None), default=None)


def _sights(result: RunResult, way: str, metric: str) -> list[tuple[str, str]]:
    """What models of the ladder are made from: the custom property of its colour, and its name."""
    there = dict.fromkeys(rung.sight for rung in rungs(result, way, metric))
    return [(PROPERTIES[colour], sight) for sight, colour in SIGHT_COLOURS.items() if sight in there]


def _cold(result: RunResult, words: Words) -> list[tuple[str, list[tuple[str, str]]]]:
    """Of new people and new items the figures with their intervals."""
    told = []
    for part, model in _COLD:
        figures = result.cold_start.get(part) or {}
        if figures.get("questions"):
            values = [
                (words.named("figure", f"{way} ndcg@10"), in_figures(
                    (figures.get(way) or {}).get("ndcg@10"), interval_of(result, model, f"{way} ndcg@10"), words
                ))
                for way in ("sampled", "full")
            ]  # fmt: skip
            told.append((words(f"cold_{part}", questions=formatting.cell(figures["questions"])), values))
    return told


def _device(result: RunResult, words: Words) -> list[tuple[str, str]]:
    """What people's own devices offer; how well groups fare stands in a chart of its own."""
    told = []
    for name, value in (result.device or {}).items():
        if not name.startswith(_FAIRNESS):
            estimated = isinstance(value, float) or value is None
            around = interval_of(result, "device", name)
            told.append((name, in_figures(value, around, words) if estimated else formatting.cell(value)))
    return told


def _strongest(person: ExamplePerson | None) -> list[str]:
    """The concepts that are marked as a person's."""
    return [name for name, _ in person.concepts[:_MARKED]] if person else []


def _moves(journey: Journey, words: Words) -> list[tuple[str, str]]:
    """The later list, each title with how far it moved since the earlier one."""
    before = {title: place for place, title in enumerate(journey.before)}
    moves = []
    for place, title in enumerate(journey.after):
        by = before.get(title, place) - place
        way = "new" if title not in before else "up" if by > 0 else "down" if by < 0 else "same"
        moves.append((title, words(f"moved_{way}", by=abs(by))))
    return moves


def _rounds(result: RunResult, words: Words) -> list[tuple[str, str]]:
    """What happened in the private sums of each task, in a few figures."""
    summary: list[tuple[str, str]] = []
    for task in TASKS:
        held = [row for row in result.rounds_table if row["task"] == task]
        if held:
            answers = [row["answered"] for row in held]
            low, middle, high = (formatting.cell(round(n)) for n in (min(answers), median(answers), max(answers)))
            skipped = sum(bool(row["skipped"]) for row in held)
            summary.append((words(f"tasks_{task}"), formatting.cell(len(held))))
            summary.append((words("answers_in_each"), words.listed([low, middle, high])))
            if skipped:
                summary.append((words("skipped"), formatting.cell(skipped)))
    return [
        *summary,
        (words("under_masks"), formatting.cell(result.masked_rounds)),
        (words("computed_on"), result.accelerator),
        (words("whole_run"), formatting.format_spent(result.cost.get("seconds"))),
    ]
