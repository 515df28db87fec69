"""The suite as a table, and the command: fields, the page, exit statuses with audits that are made up."""

import ast
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import simulations.audits
from simulations.audits import AUDITS, Audit, AuditResult, Outcome, run_audits
from simulations.cli import app
from simulations.report import Progress

FOLDER = Path(simulations.audits.__file__).parent
FIELDS = {"pass", "control_caught", "statistic", "bar", "interval", "sentence", "seconds"}


def made_up(name: str, passes: bool = True, caught: bool = True, quick: bool = True, control: float = 9.0) -> Audit:
    def run(seed: int) -> AuditResult:
        return AuditResult(
            passes, caught, 1.5 + seed, 2.0, (1.0, 2.0) if seed else None, control, f"<{name}> found it."
        )

    return Audit(name, f"nobody breaks {name}", run, quick)


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda *audits: monkeypatch.setattr(simulations.audits, "AUDITS", audits)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def test_names_are_kebab_case_each_once_and_some_audits_are_quick() -> None:
    names = [audit.name for audit in AUDITS]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and "_" not in name and " " not in name for name in names)
    assert any(audit.quick for audit in AUDITS)
    assert {"user-canary", "user-one-run", "event-one-run", "masks", "sybil", "noise-entropy"} <= set(names)


@pytest.mark.parametrize("audit", AUDITS, ids=lambda audit: audit.name)
def test_an_audits_file_says_claim_adversary_unit_method_control_and_paper(audit: Audit) -> None:
    text = ast.get_docstring(ast.parse((FOLDER / f"{audit.name.replace('-', '_')}.py").read_text(encoding="utf-8")))
    assert text is not None
    for word in ("Claim:", "Adversary:", "Unit", "Method:", "Bar:", "Control", "Paper", "](https://"):
        assert word in text, word
    assert audit.claim == audit.claim.rstrip(".")


def test_the_table_brings_in_no_attack_before_it_is_asked_for() -> None:
    for name in ("suite.py", "__init__.py", "outcome.py", "audit.py"):
        body = ast.parse((FOLDER / name).read_text(encoding="utf-8")).body
        imported = {node.module for node in body if isinstance(node, ast.ImportFrom)}
        assert imported <= {
            "collections.abc", "contextlib", "dataclasses", "importlib", "typing", "simulations.audits.audit",
            "simulations.audits.outcome", "simulations.audits.page", "simulations.audits.suite",
        }  # fmt: skip


def test_json_has_the_fields_of_the_contract_and_nothing_else(suite: Callable[..., None]) -> None:
    suite(made_up("one", control=math.inf), made_up("two"))
    answer = call("--json", "--seed", "1")
    assert answer.exit_code == 0
    audits = json.loads(answer.stdout.splitlines()[-1])["audits"]
    assert list(audits) == ["one", "two"]
    assert set(audits["one"]) == FIELDS
    seconds = audits["one"].pop("seconds")
    assert seconds >= 0
    assert audits["one"] == {
        "pass": True,
        "control_caught": True,
        "statistic": 2.5,
        "bar": 2.0,
        "interval": [1.0, 2.0],
        "sentence": "<one> found it.",
    }


@pytest.mark.parametrize(("passes", "caught", "status"), [(True, True, 0), (False, True, 1), (True, False, 1)])
def test_a_broken_promise_and_a_control_that_is_not_caught_are_status_one(
    suite: Callable[..., None], passes: bool, caught: bool, status: int
) -> None:
    suite(made_up("one"), made_up("two", passes, caught), made_up("three"))
    for options in ((), ("--json",)):
        answer = call(*options)
        assert answer.exit_code == status
        assert "three" in answer.stdout  # the others run all the same
    assert call("one", "three").exit_code == 0


def test_the_table_says_no_aloud_and_a_sentence_for_each(suite: Callable[..., None]) -> None:
    suite(made_up("one"), made_up("two", passes=False))
    answer = call()
    assert "NO" in answer.stdout
    assert "<two> found it." in answer.stdout
    assert "nobody breaks two" in answer.stderr  # what it does, while it does it


def test_an_unknown_name_lists_those_there_are(suite: Callable[..., None]) -> None:
    suite(made_up("one"), made_up("two"))
    answer = call("three")
    assert answer.exit_code == 2
    assert "expected some of one, two, got three" in answer.stderr


def test_quick_leaves_out_what_takes_longer(suite: Callable[..., None]) -> None:
    suite(made_up("one"), made_up("two", quick=False))
    assert list(json.loads(call("--quick", "--json").stdout.splitlines()[-1])["audits"]) == ["one"]
    answer = call("two", "--quick")
    assert answer.exit_code == 2
    assert "expected some of one, got two" in answer.stderr


def test_names_and_claims_are_listed(suite: Callable[..., None]) -> None:
    suite(made_up("one"))
    assert call("--list").stdout == "one  nobody breaks one\n"


def test_the_page_is_self_contained_and_escapes_what_it_says(suite: Callable[..., None], tmp_path: Path) -> None:
    suite(made_up("one", control=math.inf), made_up("two", caught=False))
    assert call("--seed", "1", "--report", str(tmp_path / "audits.html")).exit_code == 1
    page = (tmp_path / "audits.html").read_text(encoding="utf-8")
    assert "&lt;one&gt; found it." in page
    assert "control not caught: two" in page
    assert "1 to 2" in page
    assert "nobody breaks two" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "nan" not in page


def test_every_audit_runs_whatever_became_of_those_before_it() -> None:
    lines: list[str] = []
    outcomes = run_audits([made_up("one", passes=False), made_up("two")], 3, Progress(write=lines.append))
    assert [(outcome.audit.name, outcome.holds) for outcome in outcomes] == [("one", False), ("two", True)]
    assert isinstance(outcomes[0], Outcome)
    assert lines[0] == "audits, seed 3: one, two ..."
    assert any(line.startswith("one (nobody breaks one): done") and "does not hold" in line for line in lines)
