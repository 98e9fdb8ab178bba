"""Codes by a real cluster of two nodes: those of one process, also where a worker is lost."""

import os
import signal
import sys
from pathlib import Path

import pytest
from encoders import archive, draw, parts

from dah.encoder.cluster import Share, connected, encode_on_cluster, share_of
from dah.encoder.encoder import load_encoder
from dah.encoder.file import write_encoder
from dah.encoder.imagecodes import read_rows
from dah.encoder.inputs import origins
from dah.encoder.shards import SHARD, already_done, encode_rest, finish, header_of
from dah.errors import UserError

NAMES = [f"{number:04}.png" for number in range(600)]


def node(alive=True, **resources):
    """A node as ``ray.nodes()`` tells of it."""
    return {"Alive": alive, "Resources": resources}


def test_all_gpus_work_or_all_cores():
    """A GPU gets its part of its machine's cores; a machine that is gone does not count."""
    cores, gpus = node(CPU=4.0), node(CPU=16.0, GPU=4.0)
    assert share_of([cores, cores, node(False, CPU=9.0)], "auto") == Share("cpu", 1, 0, 8)
    assert share_of([cores, gpus], "auto") == Share("cuda", 4, 1, 4)
    assert share_of([cores, gpus], "cpu") == Share("cpu", 1, 0, 20)
    with pytest.raises(UserError, match="4 cores and no GPU"):
        share_of([cores], "cuda")


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one core each, as of two machines."""
    pytest.importorskip("ray", reason="ray is not installed: pip install -e '.[ray]'")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """An encoder's file; a folder with a broken image, and an archive."""
    folder = tmp_path_factory.mktemp("work")
    write_encoder(folder / "encoder.pt", parts())
    draw(folder / "folder", NAMES)
    (folder / "folder" / NAMES[5]).write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    archive(folder / "set.tar", NAMES[:300])
    return folder


def encoded(work, out, kill=None, address=None):
    """The rows of all images by a cluster, or by this process; the failures' names."""
    encoder = load_encoder(work / "encoder.pt", "cpu")
    header = header_of(encoder, work / "encoder.pt", outputs=True)
    found = origins([str(work / "folder"), f"file://{work}/set.tar"])
    given = encoder, found, out, header, already_done(out, header)
    coded = encode_rest(*given) if address is None else encode_on_cluster(*given, address)
    failures = []
    for step, (_, batch) in enumerate(coded):
        failures += batch.failures
        if step == 0 and kill is not None:
            kill()
    finish(out, header)
    (rows,) = read_rows(out)
    return rows, failures


def kill_a_worker():
    """Kill the process of one worker of this machine, as a lack of memory does."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    titles = {}
    for pid in pids:
        try:
            titles[pid] = (Path("/proc") / str(pid) / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
    os.kill(
        next(pid for pid, of in titles.items() if of.startswith(b"ray::Worker")), signal.SIGKILL
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_two_nodes_make_the_codes_of_one_process(cluster, work, tmp_path):
    """Bit for bit and in its order, with a worker killed in the middle; nothing is left over."""
    alone, failed = encoded(work, tmp_path / "one.h5")
    rows, failures = encoded(work, tmp_path / "two.h5", kill_a_worker, cluster.address)
    assert failures == failed == [NAMES[5]]
    assert len(rows.names) == 899 < SHARD
    assert rows.names == alone.names
    assert rows.origins == alone.origins
    for column, of in zip(rows[2:], alone[2:], strict=True):
        assert column.tobytes() == of.tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.h5", "two.h5"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_run_that_was_stopped_goes_on(cluster, work, tmp_path):
    """What is finished is not made again."""
    out = tmp_path / "codes.h5"
    encoder = load_encoder(work / "encoder.pt", "cpu")
    header = header_of(encoder, work / "encoder.pt", outputs=True)
    found = origins([str(work / "folder"), f"file://{work}/set.tar"])
    coded = encode_on_cluster(encoder, found, out, header, {}, cluster.address)
    _, first = next(coded)
    coded.close()
    done = already_done(out, header)
    assert set(first.names) <= set().union(*done.values())
    rest = encode_on_cluster(encoder, found, out, header, done, cluster.address)
    names = [name for _, batch in rest for name in batch.names]
    assert len(names) == 899 - sum(len(of) for of in done.values())
    assert finish(out, header) == 899


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_mistake_on_a_worker_is_told_here(cluster, work, tmp_path):
    """In the words of one process."""
    out = tmp_path / "codes.h5"
    encoder = load_encoder(work / "encoder.pt", "cpu")
    header = header_of(encoder, work / "encoder.pt")
    gone = tmp_path / "gone.tar"
    gone.write_bytes((work / "set.tar").read_bytes())
    found = origins([str(gone)])
    listed = type(found[0])(found[0].path, None)
    coded = encode_on_cluster(encoder, [listed], out, header, {}, cluster.address)
    with pytest.raises(UserError, match=r"gone\.tar: expected an archive .* found: No such file"):
        gone.unlink() or next(coded)


def test_an_address_without_a_cluster_is_told():
    pytest.importorskip("ray", reason="ray is not installed: pip install -e '.[ray]'")
    with (
        pytest.raises(UserError, match=r"^--ray nowhere: no cluster answers there"),
        connected("nowhere"),
    ):
        pass


def test_without_ray_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(UserError, match=r"not installed: pip install 'dah\[ray\]'"),
        connected(""),
    ):
        pass
