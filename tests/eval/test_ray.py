"""Two nodes on one machine, of which one dies in the middle: lists and suites are those of a single process."""

import json
import socket
import threading
from contextlib import ExitStack, suppress
from types import SimpleNamespace

import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from eval.batch.job import run_batch
from eval.batch.lists import Lists
from eval.nodes import Here, WorkError
from eval.suite.config import read_suite
from eval.suite.run import make_plan, run
from eval.suite.store import installed
from retrieval.artifacts import save
from retrieval.errors import ConfigError, ServerError
from tests.agent.faults import faulty_server
from tests.eval.test_batch import SIZE, USERS, asked, batch_of, made, quiet, single  # noqa: F401  (a fixture)
from tests.eval.test_suite import contents, write

pytest.importorskip("ray", reason="Ray is not installed: pip install 'polytaste[ray]'")


@pytest.fixture(scope="module")
def two_nodes():
    """A head that does no work but its own, and two nodes, all on this machine."""
    from ray.cluster_utils import Cluster

    from eval.ray_nodes import cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        with cluster(made.address) as nodes:
            yield made, nodes
    finally:
        made.shutdown()


def test_jobs_of_a_node_that_dies_are_done_again(two_nodes):
    ray_cluster, nodes = two_nodes
    doomed = ray_cluster.add_node(num_cpus=1)
    killed, found = [], {}

    def work(job):  # goes to the nodes by value
        import time

        import ray

        time.sleep(0.1)
        return job**2, ray.get_runtime_context().get_node_id()

    for at, (square, node) in nodes.map(work, range(40)):
        found[at] = square
        if node == doomed.node_id and not killed:
            killed.append(at)
            ray_cluster.remove_node(doomed, allow_graceful=False)
    assert killed and len(found) == 40
    assert all(square == at**2 for at, square in found.items())


def test_a_node_that_dies_in_the_middle_changes_nothing(model, single, two_nodes, tmp_path):  # noqa: F811
    """The lists of one process; no user is asked about twice but those in flight on the node."""
    ray_cluster, nodes = two_nodes
    doomed = ray_cluster.add_node(num_cpus=1)
    killed = []

    def progress(_, done, total):
        if done == 2 and not killed:
            killed.append(doomed)
            ray_cluster.remove_node(doomed, allow_graceful=False)

    with ExitStack() as stack:
        servers = [stack.enter_context(faulty_server("slow")) for _ in range(2)]
        run_batch(batch_of(model, tmp_path / "out", [url for url, _ in servers]), nodes, progress)
        questions = [*asked(servers[0]), *asked(servers[1])]
    assert killed
    assert all(a.equals(b) for a, b in zip(made(tmp_path / "out"), single, strict=True))
    assert len(set(questions)) == USERS and len(questions) <= USERS + SIZE
    kept = [json.loads(line) for line in (tmp_path / "out" / "answers.jsonl").read_text().splitlines()]
    assert len({answer["asked"] for answer in kept if "labels" not in answer}) == USERS


def test_all_users_are_the_same_to_the_last_bit(model, two_nodes, tmp_path):
    everyone = {"users": model.user_ids, "size": 100}
    run_batch(batch_of(model, tmp_path / "here", **everyone), Here(), quiet)
    run_batch(batch_of(model, tmp_path / "nodes", **everyone), two_nodes[1], quiet)
    assert all(a.equals(b) for a, b in zip(made(tmp_path / "nodes"), made(tmp_path / "here"), strict=True))


def test_a_pipeline_of_ray_data_makes_the_same_lists(model, two_nodes, tmp_path):
    """The same stages as a callable class of ``map_batches``, on the cluster."""
    data = pytest.importorskip("ray.data", reason="ray.data needs pandas and pyarrow: pip install 'ray[data]'")
    everyone = model.user_ids[:120]
    run_batch(batch_of(model, tmp_path / "here", users=everyone), Here(), quiet)
    users = data.from_items([{"user_id": user} for user in everyone])
    lists = users.map_batches(
        Lists,
        fn_constructor_args=[str(save(model, tmp_path / "model"))],
        batch_format="numpy",
        batch_size=40,
        num_cpus=0.2,
        concurrency=1,
    )
    found = pl.from_dicts(lists.take_all()).with_columns(
        pl.col("rank").cast(pl.Int32), pl.col("score").cast(pl.Float32)
    )
    order = ["user_id", "rank"]
    assert found.sort(order).equals(made(tmp_path / "here")[0].select(found.columns).sort(order))


def test_refusals_cross_the_cluster(model, two_nodes, tmp_path):
    _, nodes = two_nodes
    with pytest.raises(ServerError, match="no server of m"):
        run_batch(batch_of(model, tmp_path / "out", ("http://127.0.0.1:9",), users=("1",)), nodes, quiet)


def test_where_nothing_listens_is_told_and_not_waited_for(monkeypatch):
    from eval import ray_nodes

    def waits(**_):
        raise AssertionError("Ray itself asks for minutes")

    monkeypatch.setattr("ray.init", waits)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with (
        pytest.raises(ConfigError, match=rf"--ray 127\.0\.0\.1:{port}: nothing answers") as refused,
        ray_nodes.cluster(f"127.0.0.1:{port}"),
    ):
        pass
    assert "ray start --head" in refused.value.remedy


@pytest.mark.parametrize(
    ("answer", "says"),
    [(b"", "no answer from"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no Ray cluster"), (None, "no Ray cluster")],
    ids=["silent", "a web server", "one that hangs up"],
)
def test_what_listens_and_is_no_cluster_is_told(monkeypatch, answer, says):
    from eval import ray_address

    monkeypatch.setattr(ray_address, "ANSWER_S", 0.3)
    with socket.create_server(("", 0)) as server:

        def serve():
            line, _ = server.accept()
            with line, suppress(ConnectionError):
                line.recv(100)
                line.sendall(answer or b"")
                line.recv(0 if answer is None else 1)  # until the other side has enough

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ConfigError, match=says):
            ray_address.require_cluster(f"localhost:{server.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize("address", ["local", "nowhere", "ray://127.0.0.1:1", "127.0.0.1:x", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_told(address):
    from eval.ray_address import require_cluster

    with pytest.raises(ConfigError, match=f"--ray {address}"):
        require_cluster(address)


def test_a_node_that_dies_in_the_middle_of_a_suite_changes_nothing(two_nodes, tmp_path):
    """Trained there, ranked there: the files of one process, which has one thread as a node's processes have."""
    ray_cluster, nodes = two_nodes
    retrievers = [
        "popularity",
        {"name": "ease", "config": {"ridge": 100.0}},
        {"name": "ease", "config": {"ridge": 200.0}},
    ]
    suite = write(
        tmp_path / "suite.yaml", retrievers=retrievers, rerankers=["top-k", "calibrated", "xquad", "mmr"], users=60
    )
    plan = make_plan(read_suite(suite, {}))
    with threadpool_limits(1):
        run(tmp_path / "alone", plan, quiet)
    doomed = ray_cluster.add_node(num_cpus=1)
    told, killed = [], []

    def progress(what, done, total):
        told.append((done, total))
        if done and not killed:  # the first is finished, and others are being made
            killed.append(what)
            ray_cluster.remove_node(doomed, allow_graceful=False)

    run(tmp_path / "nodes", plan, progress, nodes)
    assert killed and killed[0] != "done"
    assert contents(tmp_path / "nodes") == contents(tmp_path / "alone")
    assert told[-1][0] == told[-1][1] and [at for at, _ in told] == sorted(at for at, _ in told)
    again = []
    run(tmp_path / "nodes", plan, lambda *what: again.append(what), nodes)
    assert len(again) == 1


def test_a_node_of_another_version_is_refused(model, two_nodes, tmp_path, monkeypatch):
    from eval import ray_nodes

    monkeypatch.setattr(ray_nodes, "installed", lambda: {**installed(), "code": "0123", "numpy": "99"})
    with pytest.raises(
        ConfigError,
        match=r"node .*\(.*\) would make other results: it has code \w+ \(here 0123\), numpy .* \(here 99\)",
    ):
        run_batch(batch_of(model, tmp_path / "out", users=("1",)), two_nodes[1], quiet)
    assert not list((tmp_path / "out").glob("slates/*"))


def test_a_defect_is_told_as_one(two_nodes):
    def work(job):
        raise ValueError("no\x1b[31m such\x1b[0m item")

    with pytest.raises(
        WorkError, match=r"node .* failed: ValueError: no such item; test_ray\.py, line \d+: raise"
    ) as failed:
        list(two_nodes[1].map(work, [1]))
    assert "run again" not in failed.value.remedy


class Fake:
    """What Ray says of a cluster, by the clock of a test.

    Args:
        processors: How many it has, each time that it is asked; the last from then on.
        done: Whether jobs come to an end.
    """

    exceptions = __import__("ray").exceptions

    def __init__(self, processors, *, done):
        self._processors, self._done = list(processors), done

    def remote(self, **_):
        return lambda _work: SimpleNamespace(remote=lambda *_: object())

    def put(self, work):
        return work

    def wait(self, running, **_):
        return (running[:1], running[1:]) if self._done else ([], running)

    def get(self, _ready):
        return 0

    def cluster_resources(self):
        return {"CPU": self._processors.pop(0) if self._processors[1:] else self._processors[0]}


def test_a_cluster_without_a_processor_is_told_and_given_up(monkeypatch, capsys):
    from eval import ray_nodes

    monkeypatch.setattr(ray_nodes, "_TELL_S", 0.0)
    with pytest.raises(ServerError, match="no processor") as failed:
        list(ray_nodes.RayNodes(Fake([0.0], done=False), 0.05).map(abs, [1]))
    assert "run again" in failed.value.remedy
    assert capsys.readouterr().err.count("no processor left") == 1


def test_a_node_that_is_lost_is_told(capsys):
    from eval import ray_nodes

    assert len(list(ray_nodes.RayNodes(Fake([2.0, 3.0, 1.0], done=True)).map(abs, range(9)))) == 9
    assert capsys.readouterr().err.count("a node is lost, 1 of 3 processors") == 1


def test_jobs_that_are_left_alone_do_no_harm(two_nodes):
    """Whoever stops in the middle of jobs that end at once goes on; Ray ends a process that cancels what is just finished."""
    for _ in range(600):
        jobs = two_nodes[1].map(abs, range(-6, 0))
        next(jobs)
        jobs.close()
    assert sorted(found for _, found in two_nodes[1].map(abs, range(-6, 0))) == [1, 2, 3, 4, 5, 6]
