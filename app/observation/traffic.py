"""How much this process has in hand, and whether it is about to stop. One value a server, read where it matters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """Requests being worked on, how many there may be, and whether more are welcome."""

    limit: int
    in_flight: int = 0
    is_stopping: bool = False
    """Said by `/readyz` to load balancers and by `Connection: close` to clients; what still comes is answered."""
    waiting: int = 0
    """Requests that only wait for something to happen."""

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Count a request among the waiting ones instead, while the block lasts: it keeps nobody from being served."""
        self.in_flight -= 1
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1
            self.in_flight += 1
