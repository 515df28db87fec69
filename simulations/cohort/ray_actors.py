"""Helpers on the processors of a Ray cluster, which may be of many machines."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import torch

from client.workers import Ended, Outcome, call_method
from shared.errors import Misconfigured
from simulations.cohort.helpers import Helper, open_worker
from simulations.processors import processors

R = TypeVar("R")

_OBJECT_STORE_BYTES = 256 * 2**20  # of a cluster of our own; what is beyond lies on disk
# Nothing is sent home, no accelerator is hidden from anybody, and actors yield to no other process of their machine:
# Ray's niceness of 15 would leave them a thirtieth of what each other process of a busy machine gets.
_SURROUNDINGS = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}


class RayActors:
    """One actor on each processor of a Ray cluster; this process works only while there is none.

    The cluster is the one that RAY_ADDRESS names, or that this process has joined already. Without, one is started on
    this machine, and ends with `close`. All nodes need the same Hushrec, and must see the work folder under one path.
    Moritz et al. 2018, "Ray: A Distributed Framework for Emerging AI Applications" (OSDI).
    """

    beside_this_process = False

    def __init__(self, most: int | None = None) -> None:
        """Join the cluster or start one.

        Args:
            most: actors at most; left out, one for each processor there is.

        Raises:
            ImportError: Ray is not installed.
            Misconfigured: there is no cluster at RAY_ADDRESS, or none with processors.
        """
        os.environ.update(_SURROUNDINGS)
        self._ray = importlib.import_module("ray")  # an extra
        self._joined_before = self._ray.is_initialized()
        if not self._joined_before:
            self._join()
        there = int(self._ray.cluster_resources().get("CPU", 0))
        if not there:
            raise Misconfigured("engine: expected a Ray cluster with processors, got one of none; add a node to it")
        self.count = min(most or there, there)

    def __repr__(self) -> str:
        return f"RayActors({self.count})"

    def start(self, number: int, home: Path, seed: int, accelerator: torch.device) -> Helper:
        """See `Helpers.start`; it waits for a free processor."""
        return _RayActor(self._ray, number, home.absolute(), seed, accelerator)

    def close(self) -> None:
        """See `Helpers.close`."""
        if not self._joined_before:
            self._ray.shutdown()

    def _join(self) -> None:
        quiet = {"log_to_driver": False, "logging_level": "error"}
        address = os.environ.get("RAY_ADDRESS")
        if address:
            try:
                self._ray.init(address=address, **quiet)
            except (ConnectionError, ValueError, self._ray.exceptions.RayError) as error:
                raise Misconfigured(
                    f"RAY_ADDRESS: expected the address of a running Ray cluster, got {address!r} "
                    f"({type(error).__name__}); start one with ray start --head, or unset it"
                ) from None
        else:
            self._ray.init(
                address="local",
                num_cpus=processors(),
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=False,
                **quiet,
            )


class _RayActor:
    """A `Helper` behind Ray."""

    def __init__(self, ray: Any, number: int, home: Path, seed: int, accelerator: torch.device) -> None:
        self._ray, self._number = ray, number
        # One that is lost comes to nothing: what has to be done again, and where, the pool knows better than Ray.
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"}
        # Ray sets one thread, with which numpy's BLAS adds floats up in another order than in this process.
        threads = os.environ.get("OMP_NUM_THREADS") or str(processors())
        surroundings = {"env_vars": {"OMP_NUM_THREADS": threads}}
        self._actor = ray.remote(runtime_env=surroundings, **options)(_Actor).remote(str(home), seed, accelerator)

    def __repr__(self) -> str:
        return f"_RayActor({self._number})"

    def call(self, timeout_seconds: float, method: Callable[..., R], *args: Any) -> R:
        """See `Helper.call`."""
        errors, name = self._ray.exceptions, method.__name__
        try:
            result, error = self._ray.get(self._actor.call.remote(name, *args), timeout=timeout_seconds)
        except errors.GetTimeoutError:
            self.stop()
            raise TimeoutError(f"actor {self._number}: {name} took more than {timeout_seconds:g} seconds") from None
        except errors.RayTaskError as error:  # outside the worker's method: on the way there or back
            raise RuntimeError(f"{name} failed ({type(error.cause).__name__})") from None
        except errors.RayError as error:
            if getattr(error, "actor_init_failed", False):
                raise Misconfigured(
                    "engine: expected the Hushrec of this process on all nodes of the Ray cluster, got an actor that "
                    f"could not load it; install it there ({str(error).splitlines()[-1]})"
                ) from None
            # The actor, its node, or what lay in its node's memory is gone.
            raise Ended(f"actor {self._number}: {type(error).__name__}") from None
        if error is not None:
            raise error
        return cast(R, result)

    def stop(self) -> None:
        """See `Helper.stop`."""
        self._ray.kill(self._actor)


class _Actor:
    """What lives in the actor's process."""

    def __init__(self, home: str, seed: int, accelerator: torch.device) -> None:
        self._worker = open_worker(home, seed, accelerator)

    def call(self, name: str, *args: Any) -> Outcome:
        return call_method(self._worker, name, args, {})
