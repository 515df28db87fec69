"""A round is answered once, however many processes of a device there are."""

import subprocess
import sys
from pathlib import Path

from tests.support.records import file_record

ROOT = Path(__file__).parents[3]


def test_processes_that_answer_at_once_answer_each_round_once(tmp_path):
    program = (
        "import sys, pathlib\nfrom client.budget_guard import BudgetGuard\n"
        "from tests.support.records import file_record\n"
        "from shared.errors import Refused\n"
        "folder = pathlib.Path(sys.argv[1])\npromises = BudgetGuard(file_record(folder))\n"
        "sys.stdin.readline()\n"
        "for number in range(200):\n"
        "    try:\n        promises.reserve_round('update', number)\n        print(number)\n"
        "    except Refused:\n        pass\n"
    )
    file_record(tmp_path)
    runs = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(3)
    ]  # fmt: skip
    answered = [int(word) for run in runs for word in run.communicate("go\n")[0].split()]
    assert len(answered) == len(set(answered))
    assert max(answered) == 199
