"""Where everything lives and listens, and who may come in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo, field_validator

from labelwheel.backend.validation import long_keys
from labelwheel.plugins.addresses import Allowed, allow
from labelwheel.plugins.errors import InvalidAddress
from labelwheel.training.checkpoints.store import Store


class Places(BaseModel):
    """Where everything lives and listens, and who may come in."""

    home: Path = Field(Path(".labelwheel"), description="where the database, the checkpoints and the jobs' logs live")
    host: str = Field("127.0.0.1", description="the address to listen on; any but a loopback one needs a token")
    port: int = Field(9090, ge=0, le=65535, description="the port to listen on")
    token: SecretStr | None = Field(
        None,
        min_length=16,
        description="the admin's, for commands and programs: as a bearer, or as the password of Basic; no tool gets it",
    )
    read_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="opens what changes nothing: status, metrics, health, checkpoints' scores, agreement without names",
    )
    space_token: SecretStr | None = Field(None, description="a Space's `FLAGS_TOKEN`, for `labelwheel space --pull`")
    url: str = Field("http://127.0.0.1:9090", description="where the commands find the running service")
    public_url: str | None = Field(
        None, description="where the labelling tool finds the service, if that is another address than the commands use"
    )
    tool_addresses: str = Field(
        "",
        description="the only places where labelling tools may be, separated by commas, such as "
        "`https://label.example.org, *.example.net, 10.0.0.5:8080`; anywhere if empty",
    )
    secret_key: Annotated[SecretStr | None, AfterValidator(long_keys)] = Field(
        None,
        description="encrypts the tools' keys in the database: 32 random characters or more, the same for web and "
        "worker; a file in `home` if not set; to change it, put the new one and a comma before the old one",
    )
    database: str | None = Field(None, description="a SQLAlchemy URL; SQLite in `home` if not set")
    store: str | None = Field(
        None,
        description="where checkpoints live: a folder, or an object store's URL, such as `s3://bucket/labelwheel`, "
        "for which a driver of fsspec is installed; the folder `checkpoints` in `home` if not set",
    )

    @field_validator("token", "read_token", "space_token", "secret_key", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return None if value == "" else value  # as a compose file hands on what is not set

    @field_validator("read_token")
    @classmethod
    def _read_token(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and value == info.data.get("token"):
            raise ValueError("must be another one than LABELWHEEL_TOKEN: it is for those who may only read")
        return value

    @field_validator("tool_addresses")
    @classmethod
    def _tool_addresses(cls, value: str) -> str:
        try:
            allow(value)
        except InvalidAddress as error:
            raise ValueError(str(error)) from None
        return value

    @property
    def tool_places(self) -> tuple[Allowed, ...]:
        return allow(self.tool_addresses)

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.home.absolute() / 'labelwheel.db'}"

    @property
    def checkpoints(self) -> Store:
        return Store(self.store or str(self.home.absolute() / "checkpoints"), self.cache_folder)

    @property
    def engines_file(self) -> Path:
        """What a processor computes soonest with, as this machine's processes have measured it."""
        return self.home.absolute() / "engines.json"

    @property
    def cache_folder(self) -> Path:
        return self.home.absolute() / "cache"
