"""A browser's session: a signed cookie that says with which token somebody signed in. Nothing is kept on the server.

Its key is made from the token: whoever changes the token ends every session that was begun with it.
"""

from __future__ import annotations

import hashlib

from flask import Request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from labelwheel.backend.settings import Settings
from labelwheel.backend.web.roles import Role

COOKIE = "labelwheel_session"
HOURS = 12


class Sessions:
    """Writes the cookie and reads it."""

    def __init__(self, settings: Settings) -> None:
        tokens = {Role.ADMIN: settings.token, Role.READER: settings.read_token}
        self._signers = {
            role: URLSafeTimedSerializer(hashlib.sha256(token.get_secret_value().encode()).digest(), "session")
            for role, token in tokens.items()
            if token is not None
        }
        self._behind_tls = bool(settings.public_url and settings.public_url.startswith("https:"))

    def role(self, request: Request) -> Role | None:
        """As whom a browser signed in; None without a session, or with one that has ended."""
        cookie = request.cookies.get(COOKIE, "")
        for role, signer in self._signers.items() if cookie else ():
            try:
                if signer.loads(cookie, max_age=HOURS * 3600) == role.value:
                    return role
            except BadData:
                continue
        return None

    def begin(self, request: Request, response: Response, role: Role) -> None:
        """Puts the session of `role` into an answer."""
        response.set_cookie(
            COOKIE,
            self._signers[role].dumps(role.value),
            max_age=HOURS * 3600,
            httponly=True,
            samesite="Strict",
            secure=self._behind_tls or request.is_secure,
        )

    def end(self, response: Response) -> None:
        """Has the browser forget it."""
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
