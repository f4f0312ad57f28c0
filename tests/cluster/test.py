"""The example cluster: does it hold what its README says?

Usage: test.py LOCKJAR. It is started by its one command, on free ports and with its data in a folder of the test's own.
"""

import signal
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

from cluster import PROCESSES, Answer, Cluster, eventually
from manifests import manifests

PASSWORD = "gravel umbrella seventeen"
ALICE = {"username": "alice", "password": PASSWORD}
BOB = {"username": "bob", "password": PASSWORD}
NODES = ["node1", "node2", "node3"]


class Checks:
    made = wrong = 0

    def __call__(self, what: str, got, wanted) -> None:
        self.made += 1
        if got != wanted:
            self.wrong += 1
            print(f"{what}: {got!r} instead of {wanted!r}")


def cookie_of(check: Checks, answer: Answer, cluster: Cluster) -> str:
    """The session that an answer sets, beside the device: the balancer adds no cookie."""
    names = [line.split("=")[0] for line in answer.cookies]
    check("cookies", names, [f"lockjar_{cluster.port}", f"lockjar_device_{cluster.port}"])
    return answer.cookies[0].split(";")[0]


def logged_in_on_one_is_logged_in_on_all(check: Checks, cluster: Cluster) -> str:
    answer = cluster.ask("POST", "/register", form=ALICE)
    check("sign-up", answer.status, 201)
    check("on all", cluster.everywhere(cookie_of(check, answer, cluster)), {200})
    answer = cluster.ask("POST", "/login", form=ALICE)
    check("log-in", answer.status, 200)
    cookie = cookie_of(check, answer, cluster)
    check("on all", cluster.everywhere(cookie), {200})
    check("without a cookie", cluster.everywhere(""), {401})
    forged = cluster.ask("POST", "/logout", cookie, Origin="https://attacker.example")
    check("Origin arrives unchanged", (forged.status, cluster.protected(cookie)), (403, 200))
    check("nodes in turn", eventually(lambda: cluster.nodes_in_turn(cookie) == NODES), True)
    return cookie


def nothing_is_told_to_others(check: Checks, cluster: Cluster) -> None:
    files = [*cluster.data.glob("*.password"), cluster.data / "env", cluster.data / "redis.conf"]
    check("files", len(files), 5)
    for file in files:
        check(f"rights of {file.name}", oct(stat.S_IMODE(file.stat().st_mode)), oct(0o600))
    passwords = [file.read_text() for file in files[:3]]
    lines = {name: Path(f"/proc/{pid}/cmdline").read_text() for name, pid in cluster.pids.items() if Path("/proc/self").exists()}
    logs = {log.name: log.read_text(errors="replace") for log in (cluster.data / "log").iterdir()}
    for name, text in (lines | logs).items():
        check(f"passwords in {name}", any(password in text for password in passwords), False)


def a_node_that_dies_fails_no_request(check: Checks, cluster: Cluster, cookie: str) -> None:
    at_once = ThreadPoolExecutor(12)
    # It is frozen first, so that requests are certain to be on it when it is killed: of six, about two.
    cluster.signal("node2", signal.SIGSTOP)
    reads = [at_once.submit(cluster.protected, cookie) for _ in range(6)]
    log_ins = [at_once.submit(cluster.ask, "POST", "/login", form=ALICE) for _ in range(6)]
    sleep(1)  # until they are where they go
    check("some wait for the frozen node", all(one.done() for one in reads), False)
    cluster.signal("node2", signal.SIGKILL)
    check("reads are asked again elsewhere", [one.result() for one in reads], [200] * 6)
    check("a log-in is not", {one.result().status for one in log_ins}, {200, 502})
    later = [at_once.submit(cluster.protected, cookie) for _ in range(100)]
    check("reads after it", {one.result() for one in later}, {200})
    check("log-ins after it", {cluster.ask("POST", "/login", form=ALICE).status for _ in range(4)}, {200})
    at_once.shutdown()
    check("it comes back", eventually(lambda: cluster.nodes_in_turn(cookie) == NODES), True)


def an_outage_of_the_database_is_no_log_out(check: Checks, cluster: Cluster, cookie: str) -> None:
    cluster.signal("postgres", signal.SIGINT)
    seen: list[Answer] = []

    def ask() -> int:
        seen.append(cluster.ask("GET", "/protected", cookie))
        return seen[-1].status

    check("it is noticed", eventually(lambda: ask() == 503), True)
    sleep(3)  # until the balancer knows as well
    check("it is a fault", (ask(), seen[-1].headers["Retry-After"] is not None), (503, True))
    check("it ends", eventually(lambda: cluster.everywhere(cookie) == {200} and ask() == 200), True)
    check("answers meanwhile", {answer.status for answer in seen}, {200, 503})
    check("cookies meanwhile", [answer.cookies for answer in seen if answer.cookies], [])


def logged_out_on_one_is_logged_out_on_all(check: Checks, cluster: Cluster, cookie: str) -> None:
    check("log-out", cluster.ask("POST", "/logout", cookie).status, 200)
    check("on all", eventually(lambda: cluster.everywhere(cookie) == {401}, 3), True)
    answer = cluster.ask("POST", "/register", form=BOB)
    cookie = cookie_of(check, answer, cluster)
    (line,) = cluster.command("session", "list", "bob").splitlines()
    check("an operator sees the session", line.split("\t")[0], cookie.split("=")[1].split(".")[0])
    check("on all", cluster.everywhere(cookie), {200})
    cluster.command("session", "revoke-all", "bob")
    check("an operator ends it on all", eventually(lambda: cluster.everywhere(cookie) == {401}, 3), True)


def ended(check: Checks, cluster: Cluster) -> None:
    alive = [name for name, pid in cluster.pids.items() if Path(f"/proc/{pid}").exists()]
    check("Ctrl-C ends everything", (cluster.status, alive), (0, []))
    check("files with ids of processes", list(cluster.data.glob("*.pid")), [])


def main(program: str) -> None:
    # A shell that starts this in the background ignores Ctrl-C, and what it starts would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    check = Checks()
    manifests(check)
    with TemporaryDirectory(prefix="lockjar-cluster-") as folder:
        # PostgreSQL runs as another user where the test is run by root.
        Path(folder).chmod(0o711)
        cluster = Cluster(str(Path(program).resolve()), Path(folder))
        with cluster:
            cookie = logged_in_on_one_is_logged_in_on_all(check, cluster)
            a_node_that_dies_fails_no_request(check, cluster, cookie)
            an_outage_of_the_database_is_no_log_out(check, cluster, cookie)
            logged_out_on_one_is_logged_out_on_all(check, cluster, cookie)
            cookie = cookie_of(check, cluster.ask("POST", "/login", form=ALICE), cluster)
            cluster.pids = {name: cluster.pid(name) for name in PROCESSES}
            nothing_is_told_to_others(check, cluster)
        ended(check, cluster)
        with cluster:
            check("started again, nobody is logged out", cluster.everywhere(cookie), {200})
        ended(check, cluster)
    print(f"{check.made} checks, {check.wrong} wrong")
    sys.exit(check.wrong > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
