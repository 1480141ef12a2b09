"""Everything between `gateway serve` and its end, in order."""

import multiprocessing
import resource
import signal
import threading
from collections.abc import Callable

from gateway.settings import Settings
from gateway.state.pepper import load_pepper
from gateway.supervisor.child import Child
from gateway.supervisor.takeover import Orphans, check_port, open_shared, take_lock
from gateway.supervisor.workers import Workers


class Supervisor:
    """`reload` reads the settings anew; `on_ready` is called once, when calls are taken."""

    def __init__(self, settings: Settings, reload: Callable[[], Settings], on_ready: Callable[[], None]) -> None:
        self._settings = settings
        self._reload = reload
        self._on_ready = on_ready
        self._children: dict[str, Child] = {}
        self._taking_over: threading.Thread | None = None

    def run(self) -> None:
        """Serves until told to stop. Raises AlreadyServingError, ListenError, OSError, RuntimeError, PepperError."""
        multiprocessing.set_start_method("spawn", force=True)
        # The usual soft limit of 1024 is for programs that use select(); a thousand streams are two thousand sockets.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        settings, paths = self._settings, self._settings.paths
        with take_lock(paths):
            load_pepper(paths.pepper)
            shared = open_shared(paths)
            try:
                orphans = Orphans(paths, shared)
                check_port(settings.host, settings.port, orphans=bool(orphans.workers))
                shared.draining = False
                workers = Workers(
                    settings, shared, self._reload, self._replace_children, lambda: self._ready(orphans, settings.drain_timeout_s)
                )
                # From here on there is something to stop. Granian sets the same handlers later, and sees what came before.
                for word in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(word, workers.signal_handler_interrupt)
                signal.signal(signal.SIGHUP, workers.signal_handler_reload)
                orphans.stop_control()
                self._serve(workers, orphans)
            finally:
                shared.close()

    def _serve(self, workers: Workers, orphans: Orphans) -> None:
        try:
            for name in ("control", "simulator") if self._settings.simulated else ("control",):
                if not workers.told_to_stop:
                    self._start_child(name)
            if not workers.told_to_stop:
                workers.run()
        finally:
            if self._taking_over is not None:
                self._taking_over.join()
            elif orphans.workers:
                orphans.retire_workers(self._settings.drain_timeout_s)
            # The simulator is an upstream: it goes after the workers. The books come last.
            for name in ("simulator", "control"):
                if name in self._children:
                    self._children[name].stop()
                if name == "simulator":
                    orphans.stop_simulator()

    def _start_child(self, name: str) -> None:
        paths = self._settings.paths
        target, sock = {"control": (run_control, paths.control_sock), "simulator": (run_simulator, paths.simulator_sock)}[name]
        child = self._children[name] = Child(name, target, self._settings, sock)
        child.start()

    def _replace_children(self, settings: Settings) -> None:
        self._settings = settings
        if settings.simulated and "simulator" not in self._children:
            self._start_child("simulator")
        self._children["control"].replace(settings)

    def _ready(self, orphans: Orphans, drain_timeout_s: float) -> None:
        self._taking_over = threading.Thread(target=self._take_over, args=(orphans, drain_timeout_s), daemon=True)
        self._taking_over.start()
        self._on_ready()

    def _take_over(self, orphans: Orphans, drain_timeout_s: float) -> None:
        orphans.retire_workers(drain_timeout_s)
        if "simulator" not in self._children:
            orphans.stop_simulator()


def run_control(settings: Settings) -> None:
    """The control plane's life, in its process."""
    from gateway.console.console import Console
    from gateway.control.process import run

    run(settings, Console)


def run_simulator(settings: Settings) -> None:
    """The simulator's life, in its process."""
    from gateway.simulator.server import serve

    serve(uds=settings.paths.simulator_sock)
