"""/live and /ready: a kubelet or a load balancer that asks them has no credentials, and learns nothing else."""

# no annotations from __future__ here: pydantic would have to evaluate them, at the start of each process

from flask import Blueprint, Response

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving.readiness import Readiness
from labelwheel.backend.web.response_bodies import Body
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import body_limit, own_credentials


class Probed(Body):
    """How the process is, for whoever sends it requests."""

    status: str


def routes(readiness: Readiness) -> Blueprint:
    """The blueprint. Neither asks the database: its outage is no reason to send requests elsewhere, or to restart."""
    probes = Blueprint("probes", __name__)

    @probes.get("/live")
    @own_credentials(lambda: None)
    @body_limit(0)
    @described("That a thread answers", gives=Probed)
    def live() -> Response:
        return Probed(status="live").answer()

    @probes.get("/ready")
    @own_credentials(lambda: None)
    @body_limit(0)
    @described("That every project is served as it is wanted", gives=Probed, refuses=(Overloaded,))
    def ready() -> Response:
        readiness.check()
        return Probed(status="ready").answer()

    @probes.after_request
    def part(response: Response) -> Response:
        """No connection is kept for a stranger."""
        response.headers["Connection"] = "close"
        return response

    return probes
