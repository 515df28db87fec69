"""The command line: options become calls, results become JSON or tables, errors become exit statuses."""

import json
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from shared.errors import Corrupt, HushrecError, Misconfigured, NotYet, Refused
from simulations.cli import app
from simulations.report import write_report
from tests.support.sample import sample


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Replaces `simulate` by one that keeps its arguments and answers with the sample."""
    calls: list[dict[str, Any]] = []

    def simulate(**arguments: Any) -> Any:
        calls.append(arguments)
        print("a library that prints to standard output")
        return sample(out=arguments["out"])

    _stand_in(monkeypatch, "simulations.run", simulate=simulate)
    monkeypatch.chdir(tmp_path)
    return calls


def _stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    module = ModuleType(name)
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)


def test_run_calls_simulate_with_the_defaults_and_a_fresh_folder(simulated: list[dict[str, Any]]) -> None:
    assert call("run").exit_code == 0
    arguments = simulated[0]
    del arguments["progress"]
    assert arguments == {
        "data": "demo?people=1000",
        "federation": None,
        "set": (),
        "rounds": None,
        "clients_per_round": None,
        "engine": "local",
        "processes": None,
        "device": "auto",
        "privacy": "both",
        "aggregation": "checked",
        "seed": 0,
        "out": Path("runs/demo-1"),
        "resume": False,
        "compare": False,
        "baselines": "fast",
        "concept_graph": None,
        "concept_names": None,
        "track": (),
        "language": None,
    }


def test_a_quick_run_is_a_small_demo_and_takes_no_other_data(simulated: list[dict[str, Any]]) -> None:
    assert call("run", "--quick").exit_code == 0
    assert simulated[0]["data"] == "demo?people=200"
    refused = call("run", "--quick", "--data", "demo")
    assert (refused.exit_code, len(simulated)) == (2, 1)
    assert "--quick: expected no --data beside it" in refused.stderr


def test_a_release_is_tried_from_its_folder_or_that_of_its_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served = []

    def serve(folder: Path, port: int, ready: Any) -> None:
        served.append((folder, port))
        ready("http://127.0.0.1:1")

    _stand_in(monkeypatch, "simulations.tryout", serve_tryout=serve)
    (tmp_path / "release").mkdir()
    assert call("try", str(tmp_path), "--port", "1").stdout.startswith("http://127.0.0.1:1\n")
    assert json.loads(call("try", str(tmp_path / "release"), "--json").stdout) == {"url": "http://127.0.0.1:1"}
    assert served == [(tmp_path / "release", 1), (tmp_path / "release", 8780)]


def test_every_option_of_run_reaches_simulate(simulated: list[dict[str, Any]]) -> None:
    line = (
        "run --data movielens:x/ml-100k --federation f.toml --set a.b=1 --set c.d=[2] --rounds 5 --clients-per-round 9 "
        "--engine ray --processes 3 --device cpu --privacy none --aggregation plain --seed 3 --out o --resume "
        "--compare --baselines all --concept-graph g.json --concept-names n.json --language zh "
        "--track tensorboard --track wandb"
    )
    Path("x/ml-100k").mkdir(parents=True)
    assert call(*line.split()).exit_code == 0
    arguments = simulated[0]
    del arguments["progress"]
    assert arguments == {
        "data": "movielens:x/ml-100k",
        "federation": Path("f.toml"),
        "set": ("a.b=1", "c.d=[2]"),
        "rounds": 5,
        "clients_per_round": 9,
        "engine": "ray",
        "processes": 3,
        "device": "cpu",
        "privacy": "none",
        "aggregation": "plain",
        "seed": 3,
        "out": Path("o"),
        "resume": True,
        "compare": True,
        "baselines": "all",
        "concept_graph": Path("g.json"),
        "concept_names": Path("n.json"),
        "track": ("tensorboard", "wandb"),
        "language": "zh",
    }


def test_a_run_without_a_folder_never_takes_one_that_is_there(simulated: list[dict[str, Any]]) -> None:
    Path("runs/ml-100k-1").mkdir(parents=True)
    Path("x/ml-100k").mkdir(parents=True)
    call("run", "--data", "movielens:x/ml-100k/")
    assert simulated[0]["out"] == Path("runs/ml-100k-2")


def test_json_is_the_last_line_of_standard_output_and_nothing_follows_it(simulated: list[dict[str, Any]]) -> None:
    answer = call("run", "--json")
    assert json.loads(answer.stdout.splitlines()[-1]) == json.loads(sample().to_json())
    assert answer.stderr == ""


def test_without_json_a_table_is_printed(simulated: list[dict[str, Any]]) -> None:
    answer = call("run", "--out", "here")
    assert "popularity" in answer.stdout
    assert "here/report.html" in answer.stdout


WRONG = "events.csv:3: expected five columns, got four; add the time"


@pytest.mark.parametrize(
    ("error", "status"),
    [(Misconfigured(WRONG), 2), (Corrupt(WRONG), 2), (Refused(WRONG, code="policy"), 3), (NotYet(WRONG), 4)],
    ids=["misconfigured", "corrupt", "refused", "not yet"],
)
def test_each_kind_of_error_has_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: HushrecError, status: int
) -> None:
    def simulate(**_: Any) -> Any:
        raise error

    _stand_in(monkeypatch, "simulations.run", simulate=simulate)
    monkeypatch.chdir(tmp_path)
    answer = call("run", "--json")
    assert answer.exit_code == status
    assert json.loads(answer.stdout) == {"error": {"code": error.code, "message": WRONG}}
    assert answer.stderr == f"hushrec-simulate: {WRONG}\n"


def test_a_fault_of_ours_asks_for_a_report_and_keeps_its_message_for_debug(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def simulate(**_: Any) -> Any:
        raise KeyError("what a person wrote")

    _stand_in(monkeypatch, "simulations.run", simulate=simulate)
    monkeypatch.chdir(tmp_path)
    plain, debug = call("run"), call("run", "--debug")
    assert plain.exit_code == debug.exit_code == 1
    assert "fault of ours" in plain.stderr
    assert "please report" in plain.stderr
    assert "what a person wrote" not in plain.stderr
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--privacy", "all"], "'both'"),
        (["--aggregation", "open"], "'ideal'"),
        (["--device", "gpu"], "'cuda'"),
        (["--resume"], "expected --out DIR"),
    ],
)
def test_a_choice_that_there_is_not_says_which_there_are(
    simulated: list[dict[str, Any]], options: list[str], words: str
) -> None:
    answer = call("run", *options)
    assert answer.exit_code == 2
    assert words in answer.stderr
    assert simulated == []


@pytest.mark.parametrize("options", [["--engine", "spark"], ["--rounds", "0"], ["--seed", "-1"], ["--unknown"]])
def test_a_wrong_option_is_status_two(simulated: list[dict[str, Any]], options: list[str]) -> None:
    assert call("run", *options).exit_code == 2
    assert simulated == []


@pytest.mark.parametrize(
    ("data", "left_out"),
    [("demo?people=60", {"clicks", "repeats"}), ("music", {"changes", "clicks", "interests"}),
     ("adverts", {"changes", "interests", "repeats"})],
)  # fmt: skip
def test_compare_without_a_name_makes_those_that_the_data_can_answer(
    monkeypatch: pytest.MonkeyPatch, data: str, left_out: set[str]
) -> None:
    made: list[str] = []
    _stand_in(monkeypatch, "simulations.studies", run_comparison=lambda name, **_: made.append(name) or {"rows": []})
    known = json.loads(call("compare", "--list", "--json").stdout).keys()
    assert call("compare", "--data", data).exit_code == 0
    assert set(made) == known - left_out


def test_compare_lists_its_names_and_measures_the_ones_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    def compare(name: str, **arguments: Any) -> dict[str, Any]:
        calls.append((name, arguments))
        return {"rows": [{"arm": "heads only", "ndcg@10": 0.5}], "seed": arguments["seed"]}

    _stand_in(monkeypatch, "simulations.studies", run_comparison=compare)
    assert json.loads(call("compare", "--list", "--json").stdout).keys() == {
        "ablations", "adapters", "baselines", "changes", "clicks", "cold-start", "interests", "neighbours", "privacy",
        "recipe", "repeats",
    }  # fmt: skip
    answer = call("compare", "adapters", "--data", "demo", "--seed", "4", "--json")
    assert json.loads(answer.stdout) == {
        "comparisons": {"adapters": {"rows": [{"arm": "heads only", "ndcg@10": 0.5}], "seed": 4}}
    }
    assert [name for name, _ in calls] == ["adapters"]
    assert calls[0][1].keys() == {
        "data", "federation", "set", "rounds", "clients_per_round", "engine", "seed", "epsilons", "seeds", "tries",
        "progress",
    }  # fmt: skip
    call("compare", "privacy", "--epsilon", "8", "2", "--seeds", "3", "--json")
    assert calls[1][0] == "privacy"
    assert (calls[1][1]["epsilons"], calls[1][1]["seeds"]) == ((8.0, 2.0), 3)
    unknown = call("compare", "adaptors")
    assert unknown.exit_code == 2
    assert (
        "expected some of baselines, adapters, ablations, changes, clicks, cold-start, interests, neighbours, privacy, "
        "repeats, recipe, got adaptors" in unknown.stderr
    )


def test_bench_lists_and_runs_what_is_registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def encoder(progress: Any, devices: int | None) -> dict[str, Any]:
        return {"texts_per_second": 100.0}

    row = SimpleNamespace(summary="texts encoded per second", measure=encoder, takes_devices=False)
    monkeypatch.setattr("simulations.benchmarks.BENCHMARKS", {"encoder": row})
    assert call("bench", "--list").stdout == "encoder  texts encoded per second\n"
    said = json.loads(call("bench", "--json").stdout)
    assert said["benchmarks"] == {"encoder": {"texts_per_second": 100.0}}
    assert said["machine"]["cores"] >= 1
    table = call("bench", "encoder").stdout
    assert "texts_per_second" in table
    kept = tmp_path / "bench.json"
    kept.write_text(json.dumps({"benchmarks": {"encoder": {"texts_per_second": 50.0}}}))
    said = json.loads(call("bench", "--json", "--against", str(kept)).stdout)
    assert said["against"]["encoder"][0]["now / before"] == 2.0
    assert "now / before" in call("bench", "--against", str(kept)).stdout
    assert call("bench", "--against", str(tmp_path / "absent")).exit_code == 2
    assert call("bench", "decoder").exit_code == 2
    assert call("bench", "encoder", "--devices", "3").exit_code == 2


def test_report_draws_the_page_again(tmp_path: Path) -> None:
    write_report(sample(), tmp_path)
    (tmp_path / "report.html").unlink()
    answer = call("report", str(tmp_path), "--json")
    assert json.loads(answer.stdout) == {
        "report": str(tmp_path / "report.html"),
        "curve": str(tmp_path / "curve.png"),
    }
    assert (tmp_path / "report.html").exists()
    assert "rounds.csv" in call("report", "--list").stdout


def test_report_of_several_runs_is_one_page_and_of_any_in_the_language_asked_for(tmp_path: Path) -> None:
    folders = [str(write_report(sample(seed=seed), tmp_path / str(seed)).parent) for seed in (1, 2)]
    page = tmp_path / "both.html"
    answer = call("report", *folders, "--out", str(page), "--language", "zh", "--json")
    assert json.loads(answer.stdout) == {"report": str(page)}
    assert "2 次运行的比较" in page.read_text(encoding="utf-8")
    assert call("report", folders[0], "--language", "zh").exit_code == 0
    assert 'lang="zh-Hans"' in (tmp_path / "1" / "report.html").read_text(encoding="utf-8")
    refused = call("report", folders[0], "--out", str(page))
    assert (refused.exit_code, "--out: expected with several runs" in refused.stderr) == (2, True)


def test_report_without_a_run_is_status_two(tmp_path: Path) -> None:
    assert call("report").exit_code == 2
    answer = call("report", str(tmp_path / "missing"))
    assert answer.exit_code == 2
    assert "finished run" in answer.stderr


def test_export_says_what_it_wrote(tmp_path: Path) -> None:
    answer = call("export", str(tmp_path / "out"), "--people", "1", "--json")
    written = json.loads(answer.stdout)
    assert written["people"] == 1
    assert written["items"] == len((tmp_path / "out" / "items.jsonl").read_text().splitlines())
    assert call("export", str(tmp_path / "out")).exit_code == 2


def test_a_run_that_is_stopped_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def simulate(**_: Any) -> Any:
        raise KeyboardInterrupt

    _stand_in(monkeypatch, "simulations.run", simulate=simulate)
    monkeypatch.chdir(tmp_path)
    answer = call("run", "--out", "mine")
    assert (answer.exit_code, "start anew" in answer.stderr) == (130, True)
    (tmp_path / "mine" / "work").mkdir(parents=True)
    (tmp_path / "mine" / "work" / "identity").touch()
    answer = call("run", "--out", "mine")
    assert answer.exit_code == 130
    assert answer.stderr == "hushrec-simulate: stopped; go on with the same command and --out mine --resume\n"


def test_the_version_is_told() -> None:
    answer = call("--version")
    assert (answer.exit_code, answer.stdout) == (0, f"hushrec {metadata.version('hushrec')}\n")


def test_a_sweep_takes_its_keys_and_prints_its_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = []
    record = {"rows": [], "best": {}, "recipe": 0.3}
    space = {"training.rounds": "1..2"}
    _stand_in(
        monkeypatch, "simulations.studies", DEFAULT_SPACE=space, run_sweep=lambda **given: calls.append(given) or record
    )
    assert json.loads(call("sweep", "--list", "--json").stdout) == space
    told = call("sweep", "--tune", "a.b=1..2", "--tune", "c.d=x|y", "--trials", "3", "--out", str(tmp_path), "--json")
    assert json.loads(told.stdout) == {"sweeps": {"sweep": record}}
    assert (calls[0]["tune"], calls[0]["trials"], calls[0]["out"]) == (("a.b=1..2", "c.d=x|y"), 3, tmp_path)


def test_a_deployment_is_shown_in_a_new_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls, printed = [], []
    found = {"url": "https://127.0.0.1:1", "rounds": 2}

    def show(folder: Path, devices: int, rounds: int, progress: Any, ready: Any) -> None:
        calls.append((folder, devices, rounds))
        ready(found)

    name = "simulations.federation_of_processes"
    _stand_in(monkeypatch, name, show_federation=show, print_shown=lambda told, console: printed.append(told))
    told = call("deployment", "--devices", "5", "--rounds", "3", "--out", str(tmp_path / "new"), "--json")
    assert json.loads(told.stdout) == found
    assert calls == [(tmp_path / "new", 5, 3)]
    assert call("deployment", "--out", str(tmp_path / "new")).exit_code == 0
    assert printed == [found]
    refused = call("deployment", "--out", str(tmp_path))
    assert (refused.exit_code, len(calls)) == (2, 2)
    assert "expected a new folder" in refused.stderr
