"""How much this process has in hand, and whether it is about to stop. One value a server, read where it matters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """Requests being worked on, how many there may be, and whether more are welcome."""

    limit: int
    in_flight: int = 0
    is_stopping: bool = False
    """Said by `/readyz` to load balancers and by `Connection: close` to clients; what still comes is answered."""
