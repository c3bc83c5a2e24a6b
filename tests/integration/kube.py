# SPDX-License-Identifier: MIT
"""Clusters as objects, and the namespaces of tests in them: Kubernetes of tests/cluster, or the user's own that
KUBECONFIG_FOR_TESTS names."""
import base64
import os
import re
import secrets
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

from rest import Rest

SCRIPTS = Path(__file__).resolve().parent.parent / "cluster"

# All that a user of the backend must be given, in one namespace, and who has a pod for each step.
RULES = [
    {"apiGroups": [""], "resources": ["pods"],
     "verbs": ["create", "get", "list", "watch", "patch", "delete", "deletecollection"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
]
APART = [
    *RULES,
    {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["services"], "verbs": ["create"]},
]
ACCOUNT = "runner"
TOKEN = "kubernetes.io/service-account-token"


def wait_for(what, seconds=60):
    """Until WHAT() is true: its value."""
    deadline = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return value


class _Cluster(Rest):
    """An API server with the rights of an administrator, on the socket of a `kubectl proxy`."""

    enter = []  # the command by which a program of this machine reaches it

    def has(self, minor):
        """Whether its Kubernetes is 1.MINOR or later."""
        return int(re.match(r"\d+", self.get("/version")["minor"])[0]) >= minor

    def namespace(self, **labels):
        return Namespace(self, f"t-{secrets.token_hex(4)}", labels)


class Cluster(_Cluster):
    """One of tests/cluster, in a room of its own, which ends with this process at the latest."""

    def __init__(self, version):
        self.name = f"kube-{version}"
        self.version = version
        self.state = Path(f"/tmp/plr-test-{os.getpid()}-{self.name}")
        super().__init__(self.state / "api.sock")

    def _run(self, *args, timeout=240):
        done = subprocess.run([SCRIPTS / "cluster", *args], env=dict(os.environ, PLR_STATE=str(self.state)),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"cluster {' '.join(args)}: {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def up(self):
        # The first ever builds Kubernetes and makes images: many minutes.
        self._run("up", self.version, "--owner", str(os.getpid()), timeout=2700)
        return self

    def down(self):
        # Some hundred processes are to end.
        self._run("down")

    def kill(self, part, how="KILL"):
        """Ends a part, and waits until it has."""
        pid = self.pid(part)
        fd = os.pidfd_open(pid)
        signal.pidfd_send_signal(fd, signal.Signals[f"SIG{how}"])
        select.select([fd], [], [], 60)
        os.close(fd)
        wait_for(lambda: not Path(f"/proc/{pid}").exists())

    def start(self, part):
        self._run("start", part)
        if part == "apiserver":
            # While it was away they have asked for it less and less often: the next pod would wait half a minute.
            for other in ("controllers", "scheduler"):
                self.kill(other)
                self._run("start", other)

    def pid(self, part):
        return int((self.state / f"{part}.pid").read_text())

    def kubectl(self, *args):
        return self._run("kubectl", *args)

    @property
    def netns_pid(self):
        """A process in the cluster's network: /proc/PID/ns/net."""
        return int((self.state / "room.pid").read_text().split()[0])

    @property
    def enter(self):
        return ["nsenter", f"--net=/proc/{self.netns_pid}/ns/net", "--"]

    def where(self):
        """The cluster of the administrator's kubeconfig."""
        return yaml.safe_load((self.state / "keys/admin.kubeconfig").read_text())["clusters"][0]["cluster"]


class UsersCluster(_Cluster):
    """What KUBECONFIG_FOR_TESTS names: only namespaces of tests' own are made there, and removed."""

    name = "kube-own"
    netns_pid = None  # a peer on this machine's loopback is where programs under test look for it

    def __init__(self, kubeconfig):
        self.folder = tempfile.TemporaryDirectory(prefix="plr-kube-")
        self.client = subprocess.check_output([SCRIPTS / "build", "1.36"], text=True).strip() + "/kubectl"
        self.env = dict(os.environ, KUBECONFIG=kubeconfig)
        super().__init__(Path(self.folder.name, "api.sock"))

    def up(self):
        self.proxy = subprocess.Popen([self.client, "proxy", "--accept-hosts", ".*", "--unix-socket", self.path],
                                      env=self.env, stdout=subprocess.DEVNULL)
        wait_for(Path(self.path).exists)
        return self

    def down(self):
        self.proxy.terminate()
        self.proxy.wait()
        self.folder.cleanup()

    def kubectl(self, *args, timeout=60):
        return subprocess.run([self.client, *args], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True, timeout=timeout, check=True).stdout

    def where(self):
        shown = self.kubectl("config", "view", "--raw", "--minify", "--flatten")
        return yaml.safe_load(shown)["clusters"][0]["cluster"]


class Namespace:
    """A namespace with a service account that has exactly APART, and a kubeconfig of that account. Its labels may set
    the level of Pod Security."""

    def __init__(self, cluster, name, labels):
        self.cluster, self.name, self.account = cluster, name, ACCOUNT
        self.path = f"/api/v1/namespaces/{name}"
        cluster.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        self.roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{name}"
        cluster.post(f"{self.path}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
        cluster.post(f"{self.roles}/roles", {"metadata": {"name": ACCOUNT}, "rules": APART})
        cluster.post(f"{self.roles}/rolebindings", {
            "metadata": {"name": ACCOUNT}, "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": name}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT}})
        self.folder = tempfile.TemporaryDirectory(prefix="plr-kube-")
        self.kubeconfig = self.write_kubeconfig()
        # Pods are refused until the namespace has its default account; controllers whose API server was away for a
        # while may take half a minute to make it.
        self.cluster.call("POST", f"{self.path}/serviceaccounts", {"metadata": {"name": "default"}}, ok=[201, 409])

    def allow(self, rules):
        """The account may do this, and nothing else."""
        self.cluster.call("PATCH", f"{self.roles}/roles/{self.account}", {"rules": rules},
                          kind="application/merge-patch+json")

    def token(self, account=ACCOUNT):
        answer = self.post(f"serviceaccounts/{account}/token", {"spec": {"expirationSeconds": 86400}})
        return answer["status"]["token"]

    def write_kubeconfig(self, name="kubeconfig", user=None, **cluster):
        """A file that a user would have; USER and members of its cluster in place of the usual ones."""
        path = Path(self.folder.name, name)
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "tests",
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests", "namespace": self.name}}],
            "clusters": [{"name": "tests", "cluster": cluster or self.cluster.where()}],
            "users": [{"name": "tests", "user": user or {"token": self.token()}}]}))
        return path

    # Objects below the namespace, as an administrator sees them.

    def get(self, path, **query):
        return self.cluster.get(f"{self.path}/{path}", **query)

    def post(self, path, body):
        return self.cluster.post(f"{self.path}/{path}", body)

    def delete(self, path, **query):
        return self.cluster.delete(f"{self.path}/{path}", **query)

    def pods(self):
        return self.get("pods")["items"]

    def pod(self):
        """The only one."""
        pods = self.pods()
        assert len(pods) == 1, pods
        return pods[0]

    def secrets(self):
        """Those that somebody made: before 1.24 each account has its token in one."""
        return [secret for secret in self.get("secrets")["items"] if secret["type"] != TOKEN]

    def services(self):
        return self.get("services")["items"]

    def claims(self):
        return self.get("persistentvolumeclaims")["items"]

    def secret_values(self):
        return [base64.b64decode(value) for secret in self.secrets() for value in secret.get("data", {}).values()]

    def status(self, container):
        """The state of a container of the only pod."""
        return next(one for one in self.pod()["status"].get("containerStatuses", []) if one["name"] == container)

    def exit_codes(self):
        """Of the containers of the only pod; None: not ended yet."""
        return {one["name"]: one["state"].get("terminated", {}).get("exitCode")
                for one in self.pod()["status"].get("containerStatuses", [])}

    def _left(self):
        """All but the program that runs share."""
        return ([f"pod {pod['metadata']['name']} {pod['status']['phase']}" for pod in self.pods()] +
                [f"secret {secret['metadata']['name']}" for secret in self.secrets()
                 if not secret["metadata"]["name"].startswith("plr-init-")] +
                [f"service {service['metadata']['name']}" for service in self.services()] +
                [f"claim {claim['metadata']['name']}" for claim in self.claims()])

    def leftovers(self, seconds=120):
        """What is there after the grace of a pod that is deaf, and after the garbage collector had its time."""
        deadline = time.monotonic() + seconds
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def clear(self):
        self.cluster.call("DELETE", f"{self.path}/pods", gracePeriodSeconds="0")
        for secret in self.secrets():
            if not secret["metadata"]["name"].startswith("plr-init-"):
                self.delete(f"secrets/{secret['metadata']['name']}")

    def remove(self):
        self.cluster.delete(self.path)
        self.folder.cleanup()


if "KUBECONFIG_FOR_TESTS" in os.environ:
    CLUSTERS = {"kube-own": lambda: UsersCluster(os.environ["KUBECONFIG_FOR_TESTS"])}
else:
    CLUSTERS = {"kube-1.36": lambda: Cluster("1.36"), "kube-1.34": lambda: Cluster("1.34"),
                "kube-1.20": lambda: Cluster("1.20")}
