"""`python -m server.flower.superexec ...`: Flower's SuperExec, which starts ServerApps, as long as `up` is there."""

import os
import signal

from flwr.supercore.cli import flower_superexec

from shared.lifetime import end_with_parent

if __name__ == "__main__":
    end_with_parent(os.getppid(), signal.SIGTERM)
    flower_superexec()
