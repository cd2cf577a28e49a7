"""The packages of the extra, a connection to a cluster, and a look whether all its nodes have the same versions."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from .. import __version__
from ..errors import ClusterError, RequestError

__all__ = ["check", "connected", "needed", "nodes", "settled"]

EXTRA = "pip install 'antiphon[ray]'"
REACHING = 5.0  # seconds for a connection to the address of a cluster
PROBING = 120.0  # seconds for the first process on a node


def needed(module: str) -> Any:
    """A module of the extra `ray`. RequestError with the command that installs it where it is not there."""
    if module == "ray" or module.startswith("ray."):
        # Under `uv run`, Ray would otherwise send the working folder, with whatever lies there, to all nodes.
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        return import_module(module)
    except ImportError as problem:
        raise RequestError(
            f"the cluster engine needs the package {module.partition('.')[0]}",
            field="engine",
            hint=f"Install it: {EXTRA}",
        ) from problem


@contextmanager
def connected(address: str | None = None) -> Generator[Any]:
    """The package ray, connected to the cluster at `address` (HOST:PORT), else $RAY_ADDRESS, else that of this machine.

    A connection that the process has already is used, and left open. ClusterError where there is no cluster, or one
    with another Python or Ray.
    """
    ray = needed("ray")
    if ray.is_initialized():
        yield ray
        return
    where = address or os.environ.get("RAY_ADDRESS") or "auto"
    _reachable(where)
    try:
        ray.init(address=where, log_to_driver=False, logging_level="ERROR", configure_logging=False)
    except ConnectionError as error:
        raise _none(where) from error
    except (RuntimeError, ValueError) as error:
        raise ClusterError(
            f"the cluster at {where} cannot be used: {error}",
            hint="Use the Python and the Ray of the cluster.",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _reachable(where: str) -> None:
    """Ray ends the process where nobody answers at an address, so this is tried before."""
    if where.startswith("ray://"):
        raise ClusterError(
            f"{where} is an address of Ray Client, which hands on neither keys nor answers as they come",
            hint="Run it on a machine of the cluster, or as a Ray job.",
        )
    host, colon, port = where.rpartition(":")
    if where == "auto":
        return
    if not colon or not port.isdigit():
        raise RequestError(f"{where!r} is no HOST:PORT of a Ray cluster", field="ray_address")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHING).close()
    except (OSError, OverflowError) as error:
        raise _none(where) from error


def _none(where: str) -> ClusterError:
    here = "on this machine" if where == "auto" else f"at {where}"
    return ClusterError(
        f"there is no Ray cluster {here}",
        hint="Start one (`ray start --head`), or name it: --ray-address HOST:PORT, or $RAY_ADDRESS.",
    )


def nodes(ray: Any) -> list[str]:
    """The ids of the nodes that are alive, this machine's first."""
    here = ray.get_runtime_context().get_node_id()
    alive = sorted(node["NodeID"] for node in ray.nodes() if node["Alive"])
    return sorted(alive, key=lambda node: node != here)


def settled(node: str, *, soft: bool = True) -> Any:
    """The strategy that puts an actor on this node; with `soft` on another one, should it be gone."""
    strategies = needed("ray.util.scheduling_strategies")
    return strategies.NodeAffinitySchedulingStrategy(node, soft=soft)


def check(ray: Any, where: list[str]) -> None:
    """ClusterError where a node has no Antiphon, another one, or another Python."""
    probe = ray.remote(_probe())
    options = {"num_cpus": 0, "max_retries": 0}
    asked = [
        probe.options(**options, scheduling_strategy=settled(node, soft=False)).remote() for node in where
    ]
    for node, ref in zip(where, asked, strict=True):
        try:
            python, version = ray.get(ref, timeout=PROBING)
        except ray.exceptions.GetTimeoutError as error:
            raise ClusterError(
                f"node {node[:8]} gave no sign for {PROBING:g} s", hint="See `ray status`."
            ) from error
        except ray.exceptions.RayError as error:
            raise ClusterError(f"nothing can be run on node {node[:8]}: {type(error).__name__}") from error
        ours = platform.python_version_tuple()[:2]
        if tuple(python.split(".")[:2]) != ours:
            raise ClusterError(
                f"node {node[:8]} has Python {python}, and this is {platform.python_version()}",
                hint="All nodes need the same Python, to its second number.",
            )
        if version != __version__:
            has = f"has Antiphon {version}" if version else "has no Antiphon"
            raise ClusterError(
                f"node {node[:8]} {has}, and this is {__version__}",
                hint=f"Install it on all nodes: pip install 'antiphon[ray]=={__version__}'",
            )


def _probe() -> Any:
    """What looks around on a node. A closure, because those are sent whole: a node may have no Antiphon."""

    def probe() -> tuple[str, str]:
        import importlib
        import platform

        try:
            version = str(importlib.import_module("antiphon").__version__)
        except Exception:  # noqa: BLE001 - whatever is wrong with it there, it cannot be used
            version = ""
        return platform.python_version(), version

    return probe
