"""Runs the tasks of SuperNodes as Flower's own executor does, each in a process of its own, but forked from this one.

Flower starts a new interpreter for every message; this one has read torch once, which saves a test minutes. Usage:
forking_executor.py RELEASE HOST:PORT ..., the folder of a release, read ahead, and the Runtime API of each SuperNode.
"""

import os
import signal
import sys
import time
from pathlib import Path

import torch
from flwr.proto.runtime_pb2 import AcquireTaskRequest
from flwr.supercore.constant import TaskType
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supercore.retry import make_simple_http_retry_invoker
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supernode.runtime.run_clientapp import run_clientapp

import simulations.devices.population  # noqa: F401 - what the app in the bundle imports
from client import load_release

_POLL_SECONDS = 0.1


def main(release: str, addresses: list[str]) -> None:
    """Take tasks for ever."""
    torch.set_num_threads(1)
    load_release(Path(release))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are not waited for
    nodes = {
        address: RuntimeHttpClient.from_server_address(
            server_address=address,
            insecure=True,
            root_certificates=None,
            interceptors=[RuntimeVersionHttpInterceptor(component_name="SuperExec")],
            retry_invoker=make_simple_http_retry_invoker(),
        )
        for address in addresses
    }
    while True:
        for address, node in nodes.items():
            answer = node.AcquireTask(
                AcquireTaskRequest(supported_task_types=[TaskType.CLIENT_APP], agentapp_fab_hashes=[])
            )
            if answer.HasField("task") and answer.token and not os.fork():
                _run(address, answer.token)
        time.sleep(_POLL_SECONDS)


def _run(address: str, token: str) -> None:
    """One message in this child, which then ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        run_clientapp(runtime_api_address=address, token=token, insecure=True, runtime_dependency_install=False)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
