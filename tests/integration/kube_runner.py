# SPDX-License-Identifier: MIT
"""The command on Kubernetes, in a namespace of its own and with the rights of an ordinary user."""
import shlex

from runner import Runner


class KubeRunner(Runner):
    """kube(document, "--flag"): runs the document with JSON events; kube.start() to meddle while it runs.

    `namespace` is a kube.Namespace, `cluster` where it is.
    """

    def __init__(self, build, home, namespace):
        super().__init__(build, home)
        self.namespace, self.cluster = namespace, namespace.cluster
        self.flags = []  # of each run
        self.own["KUBECONFIG"] = str(namespace.kubeconfig)

    def start(self, document, flags="", wrap=(), **kwargs):
        flags = shlex.split(flags) if isinstance(flags, str) else list(flags)
        args = ["--backend", "kubernetes", "--output", "json", "run", *self.flags, *flags, "-"]
        return super().start(args, document, wrap=[*self.cluster.enter, *wrap], **kwargs)

    def __call__(self, document, flags="", **kwargs):
        return self.start(document, flags, **kwargs).finish()

    def command_line(self, args, **kwargs):
        """Another command than run."""
        return super().start(args, wrap=self.cluster.enter, **kwargs).finish()

    def end(self):
        """Nothing is left in the namespace."""
        super().end()
        left = self.namespace.leftovers()
        self.namespace.clear()
        self.namespace.remove()
        assert left == [], f"left in {self.cluster.name}: {left}"
