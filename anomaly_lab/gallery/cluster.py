"""Running on a ``dask.distributed`` cluster through joblib.

Imported only where there is a cluster: it needs the extra ``cluster``.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import joblib
from distributed import Client, Future
from distributed.comm import get_address_host_port
from joblib.parallel import ParallelBackendBase

from anomaly_lab.errors import InputError

SECONDS = 5  # to reach a scheduler, at first or again
WORKER_SECONDS = 20  # for a first worker to come


class Backend(ParallelBackendBase):
    """Sends each call of ``function(i, ...) -> (i, outcome)`` to a cluster.

    joblib's own backend for dask (1.6.0) waits for ever on a task that dask gives up because its
    workers died one after the other, and on all of them where the scheduler is gone. Here the one
    is an outcome like another, and the other an error.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    """

    supports_retrieve_callback = True

    def __init__(self, client: Client):
        super().__init__()
        self.client = client
        self._sent: set[Future] = set()

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Return how many calls the cluster takes at a time, whatever was asked for.

        Never 1, which joblib takes for leave to work in this process.
        """
        return max(2, sum(self.client.ncores().values()))

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Send one call; `callback` gets what comes of it."""
        ((function, args, _),) = func.items
        self.client.loop.add_callback(self._call, function, args, callback)
        return concurrent.futures.Future()  # joblib keeps it and asks the callback instead

    async def _call(self, function: Any, args: Any, callback: Any) -> None:
        future = self.client.submit(function, *args, key=f"gallery-{uuid4().hex}", pure=False)
        self._sent.add(future)
        try:
            outcome = await self.client.gather(future, asynchronous=True)
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            outcome = ConnectionError("the scheduler is gone.")
        except Exception as error:  # the call itself raises none
            outcome = args[0], f"{type(error).__name__}: {error}"
        self._sent.discard(future)
        callback(outcome)

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return what joblib hands on, or raise what ends its work."""
        if isinstance(out, ConnectionError):
            raise out
        return [out]

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Call off what has been sent and is not done."""
        self.client.cancel(list(self._sent), asynchronous=False)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Run the block's tasks on the cluster of the scheduler at `address`.

    Raises
    ------
    InputError
        Where there is no scheduler, or it has no worker.
    """
    try:
        socket.create_connection(get_address_host_port(address), timeout=SECONDS).close()
        client = Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No scheduler answers at {address!r}: {error}. Start one with 'dask scheduler', and "
            "name the address that it prints, such as tcp://127.0.0.1:8786."
        ) from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # `run` tells what is wrong
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError as error:
            raise InputError(
                f"The scheduler at {address} has no worker. Start one with "
                f"'dask worker {address} --nthreads 1'."
            ) from error
        with joblib.parallel_config(Backend(client)):
            yield
