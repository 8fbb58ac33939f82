"""What is known of the embedded services before they run: one private file, made on first use.

It holds what web, worker and beat need, and nothing that they may not have: no file holds a password of
the tables' owner or of the superuser (see `Privileged`).
"""

import json
import os
import secrets
import socket
import tempfile
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

FILE = "services.json"
DATABASE = "reviewapp"
SUPERUSER, OWNER, APPLICATION = "postgres", "reviewapp_owner", "reviewapp_app"


class CannotStart(Exception):
    """The embedded services can't start; the message says why and what to do."""


def free_port() -> int:
    """A free port of this machine, below those that outgoing connections are given."""
    for _ in range(200):
        port = 20_000 + secrets.randbelow(12_000)
        if not port_taken("127.0.0.1", port):
            return port
    raise CannotStart("No free port between 20000 and 32000 for Valkey.")


def port_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


@dataclass(frozen=True)
class Privileged:
    """Passwords of the two roles that the product does not run as, kept in memory alone.

    The owner's is made anew at each start. The superuser has none and can't log in, unless one is given
    to whoever needs it, as tests do.
    """

    owner: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    superuser: str = ""


@dataclass(frozen=True)
class Credentials:
    """Passwords of the services of one `var`, and where they are found."""

    id: str
    secret_key: str
    application_password: str
    valkey_password: str
    valkey_port: int

    @classmethod
    def of(cls, var_dir: Path) -> Self:
        file = var_dir.resolve() / FILE
        try:
            return cls._read(file)
        except FileNotFoundError:
            cls._fresh()._write(file, replacing=False)
            return cls._read(file)

    @classmethod
    def _read(cls, file: Path) -> Self:
        # A second account would get services of its own beside the first one's data.
        if file.stat().st_uid != os.geteuid():
            raise CannotStart(f"{file.parent} belongs to another user: run as that user or set VAR_DIR.")
        try:
            kept, ours = json.loads(file.read_text()), {one.name for one in fields(cls)}
            return cls(**{name: value for name, value in kept.items() if name in ours})
        except (ValueError, TypeError, AttributeError) as problem:
            raise CannotStart(f"{file} is damaged: {problem}.") from None

    @classmethod
    def _fresh(cls) -> Self:
        return cls(
            id=secrets.token_hex(5),
            secret_key=secrets.token_urlsafe(48),
            application_password=secrets.token_urlsafe(24),
            valkey_password=secrets.token_urlsafe(24),
            valkey_port=free_port(),
        )

    def _write(self, file: Path, *, replacing: bool) -> None:
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{FILE}-")  # mode 0600
        except OSError as problem:
            raise CannotStart(f"{file.parent} can't be written: {problem.strerror}.") from None
        with os.fdopen(handle, "w") as out:
            json.dump(asdict(self), out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        if replacing:
            Path(draft).replace(file)
            return
        try:
            # Of two processes that come first at the same time, one wins whole.
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()

    def keep_nothing_else(self, var_dir: Path) -> None:
        """Forget what an older version kept in the file: passwords of the owner and the superuser."""
        file = var_dir.resolve() / FILE
        if json.loads(file.read_text()) != asdict(self):
            self._write(file, replacing=True)

    def moved(self, var_dir: Path) -> Self:
        """The same with another port for Valkey, kept."""
        other = replace(self, valkey_port=free_port())
        other._write(var_dir.resolve() / FILE, replacing=True)
        return other

    def database_url(self, sockets: Path) -> str:
        return address(APPLICATION, self.application_password, sockets)

    @property
    def valkey_url(self) -> str:
        # TCP, for Celery, Channels and the rate limits each want a unix socket written differently.
        return f"redis://:{self.valkey_password}@127.0.0.1:{self.valkey_port}/0"

    def environment(self, sockets: Path) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url(sockets),
            "DATABASE_OWNER_URL": address(OWNER, "", sockets),  # who may migrate adds the password
            "VALKEY_URL": self.valkey_url,
            "SECRET_KEY": self.secret_key,
        }


def address(role: str, password: str, sockets: Path, *, database: str = DATABASE) -> str:
    """Where the database is found as this role; without a password nobody is let in."""
    who = f"{role}:{password}" if password else role
    return f"postgres://{who}@/{database}?{urlencode({'host': str(sockets)}, safe='/')}"
