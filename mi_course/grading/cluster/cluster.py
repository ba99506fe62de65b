"""Grade on many machines: the grader here, the sandboxes on the workers of a dask cluster.

The grader sends each submission's answers to whichever worker is free and writes the records that
come back; it alone writes. A worker makes the chapter's paper itself from the secret, keeps its
sandboxes warm, and runs no student's code outside of them. Work of a worker that dies goes to
another. A submission on which workers die again and again gets a record that says so.
In go submissions and the address of a scheduler, out come records.
"""

import importlib.metadata
import platform
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mi_course.grading.isolation.isolation import SandboxError, find_tier
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.pool import Work, unmarked
from mi_course.grading.records import Record

PACKAGES = ("mi-course", "torch")  # a mark may depend on their versions
CONNECT_SECONDS = 30.0
LONELY_SECONDS = 120.0  # without any worker; a batch system takes a while to start others
LOOK_SECONDS = 0.05
AGAIN = 2  # times that a worker with a broken sandbox may hand its work to another


@dataclass(frozen=True)
class Cluster:
    """A dask scheduler and what its workers must offer.

    Args:
        address: such as tcp://host:8786, or the path of a scheduler file.
        isolation: "auto", or the name of the tier to use.
        allow_unsafe: whether workers may go without isolation where they have none.
    """

    address: str
    isolation: str = "auto"
    allow_unsafe: bool = False

    def tiers(self) -> str:
        """The isolation of all workers that are there now.

        Raises:
            SandboxError: a worker has none.
            ValueError: no scheduler, no worker, or one with another version of the course.
        """
        with _connected(self.address) as client:
            found = _asked(client, self.address, self.tier)
        for worker, tier in found.items():
            if isinstance(tier, BaseException):
                raise SandboxError(f"worker {worker}: {tier}")
        return " + ".join(sorted(set(found.values())))

    def tier(self) -> str:
        """The isolation of the machine that this runs on."""
        return find_tier(self.allow_unsafe, self.isolation)


def graded(
    todo: dict[int, Work], cluster: Cluster, secret: bytes, limits: Limits
) -> Iterator[tuple[int, Record]]:
    """Grade one chapter's submissions on a cluster.

    Args:
        todo: place -> work, all on the same paper.
        cluster: where.
        secret: what the paper was drawn from.
        limits: what one exercise may use.

    Returns:
        An iterator of places and records, as they are ready.

    Raises:
        ValueError: no cluster, a worker with another version, or all workers are gone.
        SandboxError: a sandbox does not work on several workers.
    """
    with _connected(cluster.address) as client:
        from mi_course.grading.cluster.cluster_worker import Desk

        paper = next(iter(todo.values())).paper
        desk = Desk(
            f"mi-course-{secrets.token_hex(8)}", cluster, limits, secret,
            chapter=paper.chapter, cells=paper.setup.cells, digest=paper.digest,
        )  # fmt: skip
        _register(client, desk)
        try:
            yield from _Run(client, desk.name, todo).results()
        finally:
            if client.status == "running":
                with suppress(OSError):  # a worker that died; the others have been told
                    client.unregister_worker_plugin(desk.name)


class _Run:
    """One chapter's work on the cluster, and who is suspected of killing workers.

    Args:
        client: a `distributed.Client`; not named in types, since only a cluster needs dask.
        desk: name of the plugin that grades on each worker.
        todo: place -> work.
    """

    def __init__(self, client: Any, desk: str, todo: dict[int, Work]):
        self.client = client
        self.desk = desk
        self.todo = todo
        self.places: dict[str, int] = {}  # key of a task -> place
        self.suspects: list[int] = []

    def results(self) -> Iterator[tuple[int, Record]]:
        """Each place with its record.

        When a worker dies, everything that lay on it is suspected. So whatever was there on too
        many deaths is tried once more alone, and only what kills a worker then has no marks.
        """
        yield from self._finished([self._submit(place) for place in self.todo])
        for place in list(self.suspects):
            self.suspects.clear()
            yield from self._finished([self._submit(place)])
            if self.suspects:
                yield place, self._killer(self.todo[place])

    def _submit(self, place: int) -> Any:
        from mi_course.grading.cluster.cluster_worker import grade_order, order_of

        work = self.todo[place]
        key = f"grade-{secrets.token_hex(8)}-{place}"  # a dashboard shows it: no names
        self.places[key] = place
        return self.client.submit(
            grade_order, self.desk, order_of(work), key=key, retries=AGAIN, pure=False
        )

    def _finished(self, futures: list[Any]) -> Iterator[tuple[int, Record]]:
        from distributed import KilledWorker, as_completed

        waiting, seen = as_completed(futures, loop=self.client.loop), time.monotonic()
        futures.clear()  # a result is freed on the cluster as soon as it is here
        while not waiting.is_empty():
            batch = waiting.next_batch(block=False)
            for future in batch:
                place = self.places[future.key]
                try:
                    yield place, self._record(future)
                except KilledWorker:
                    self.suspects.append(place)
            if batch:
                seen = time.monotonic()
            else:
                time.sleep(LOOK_SECONDS)
                seen = self._look(seen)

    def _record(self, future: Any) -> Record:
        """What came of a task.

        Raises:
            KilledWorker: workers died on it.
            ValueError: the worker refused to grade, or the scheduler is gone.
        """
        from concurrent.futures import CancelledError

        try:
            result = future.result()
        except CancelledError as error:
            raise ValueError(
                "expected a scheduler to the end, got none any more, try again: what has been "
                "graded is kept"
            ) from error
        if isinstance(result, str):
            raise ValueError(result)
        return result

    def _look(self, seen: float) -> float:
        """When a worker was last there.

        Raises:
            ValueError: for too long there has been none.
        """
        quiet = time.monotonic() - seen
        if quiet < 1 or self.client.status != "running":
            return seen
        if self.client.nthreads():
            return time.monotonic()
        if quiet > LONELY_SECONDS:
            raise ValueError(
                f"expected workers, got none for {quiet:.0f} s, try again when there are some: "
                "what has been graded is kept"
            )
        return seen

    def _killer(self, work: Work) -> Record:
        told = "every worker that graded this died of it; grade it alone, without --cluster"
        chapter = work.paper.chapter
        return unmarked(work.submission, work.digest, chapter, tier="unknown", problem=told)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of a scheduler whose workers have our versions."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError(
            "expected dask for --cluster, got none, try `pip install 'mi-course[cluster]'`"
        ) from error
    file = address.endswith(".json")
    where = {"scheduler_file": address} if file else {"address": address}
    try:
        client = Client(**where, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"expected a dask scheduler at {address}, got none, try its tcp://host:8786"
        ) from error
    with client:
        _refuse_other_versions(client, address)
        yield client


def _asked(client: Any, address: str, question: Callable[..., Any], *words: Any) -> dict[str, Any]:
    """Each worker's answer, or its error, once there are any.

    The scheduler lists a worker that has died for a moment longer: that one is left out.
    """
    for _ in _tries():
        found = client.run(question, *words, on_error="return")
        if found := {each: it for each, it in found.items() if not isinstance(it, OSError)}:
            return found
    raise ValueError(
        f"expected workers of {address}, got none in {LONELY_SECONDS:.0f} s, try to start some: "
        f"dask worker {address}"
    )


def _register(client: Any, desk: Any) -> None:
    """A desk for each worker, tried again while one that has died is still listed."""
    for _ in _tries():
        with suppress(OSError):
            client.register_plugin(desk)
            return
    client.register_plugin(desk)  # says what is wrong


def _tries() -> Iterator[None]:
    """As many tries as there is time for while there is no worker, with pauses between them."""
    deadline = time.monotonic() + LONELY_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(LOOK_SECONDS)


def _refuse_other_versions(client: Any, address: str) -> None:
    """Stop where a worker would grade with other code than ours."""
    for package in PACKAGES:
        # A function of Python's own, so that a worker without our package can answer.
        found = _asked(client, address, importlib.metadata.version, package)
        _refuse_others(package, importlib.metadata.version(package), found)
    found = _asked(client, address, platform.python_version)
    _refuse_others("python", platform.python_version(), found)


def _refuse_others(package: str, ours: str, found: dict[str, Any]) -> None:
    for worker, theirs in found.items():
        if theirs != ours:
            told = "none" if isinstance(theirs, BaseException) else theirs
            raise ValueError(
                f"expected {package} {ours} on all workers, as here, got {told} on {worker}, try "
                "to install the same versions there"
            )
