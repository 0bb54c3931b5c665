"""Every setting, in one place: from the environment (`LABELWHEEL_…`), checked at start, documented in the README."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.networks import networks
from labelwheel.backend.validation import long_keys, plain
from labelwheel.plugins.addresses import Allowed, allow
from labelwheel.plugins.errors import InvalidAddress
from labelwheel.training import kinds
from labelwheel.training.checkpoints.store import Store
from labelwheel.training.evaluation import named_slices
from labelwheel.training.evaluation.looks import LEVEL
from labelwheel.training.evaluation.splits import HELD_OUT_SHARE
from labelwheel.training.kinds.base import Costs
from labelwheel.training.spec import NamedSlice

Cost = Annotated[float, Field(ge=0)]
_READERS = {"slices": named_slices.read, "groups": named_slices.names, "trusted_proxies": networks}


class Settings(BaseSettings):
    """What can be set. Each name is an environment variable with the prefix `LABELWHEEL_`."""

    model_config = SettingsConfigDict(env_prefix="LABELWHEEL_", frozen=True, extra="ignore")

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
    base_model: str | None = Field(
        None, description="a hub name or a folder to start from; the embedded MiniLM if not set"
    )
    device: str | None = Field(None, description="cpu, cuda or cuda:1; a GPU is used where there is one if not set")
    web_threads: int = Field(48, ge=2, le=256, description="how many requests are answered at once")
    serving_threads: int | None = Field(
        None, ge=1, description="how many cores inference may use, each for a batch of its own; all if not set"
    )
    engine: Literal["auto", "onnx", "torch"] = Field(
        "auto",
        description="`auto`: torch on a GPU, else ONNX Runtime where there is a graph for it; or `onnx` or `torch`",
    )
    serve_max_ms: float | None = Field(
        None,
        gt=0,
        description="how many milliseconds a long text may take on one core, or on the GPU, that serves; a base model "
        "that takes more is distilled into the embedded MiniLM, which is served in its place; no limit if not set",
    )
    models_mb: float | None = Field(
        None, gt=0, description="how much memory models may take: beyond it, those that were not asked for longest go"
    )
    features_mb: float = Field(
        512.0,
        ge=0,
        description="how much disk the encoders' features of texts may take, so that they are computed once; 0: none",
    )
    request_seconds: float = Field(
        90.0, gt=0, description="a request that is not answered by then gets 503, and is not computed any more"
    )
    jobs: int = Field(
        2,
        ge=1,
        le=64,
        description="how many training jobs may run at a time, of different questions; each takes memory",
    )
    launcher: str = Field(
        "local", description="where jobs run: `local`, `kubeflow` (docs/kubeflow.md), or one installed"
    )
    job_threads: int | None = Field(None, ge=1, description="how many cores a training job may use; all if not set")
    ml_backends: str = Field(
        "",
        description="classes of your own ML backends that rounds try: `path/to/model.py:Class`, with commas; trusted",
    )
    ml_backend_seconds: float = Field(10.0, gt=0, description="how long one of these may take for up to 32 examples")
    ml_backend_mb: float = Field(4096.0, gt=0, description="how much memory one of these may take before it is ended")
    ml_backend_variables: str = Field("", description="names of variables that these get beside `PATH` and the like")
    job_minutes: float = Field(30.0, gt=0, description="how long one training job may take")
    fine_tuning: bool = Field(
        True,
        description="whether jobs train the encoder, too, for minutes; if not, they fit light heads on what it "
        "reads, in seconds and with little memory, and train it only where nothing else learns the question",
    )
    tune_base_models: str = Field(
        "",
        description="base models that `labelwheel tune` may choose beside `LABELWHEEL_BASE_MODEL`, with commas: hub "
        "names or folders",
    )
    artefact: bool = Field(
        True, description="whether a job also writes an ONNX graph, in int8 where it gives the same answers"
    )
    max_length: int = Field(256, ge=16, le=8192, description="how many tokens of a text a model reads at once")
    max_characters: int = Field(20_000, ge=100, description="texts longer than this are not suggested anything")
    show: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        {},
        description='by kind of question the score below which nothing is suggested, such as `{"spans": 0.3}`; of a '
        "kind that is left out what `LABELWHEEL_COSTS` makes of it",
    )
    costs: dict[str, tuple[Cost, Cost, Cost]] = Field(
        {},
        description="by kind of question what a suggestion costs people that is wrong, missing or right, such as "
        '`{"spans": [2, 2, 0]}`: one is shown where that costs no more than none. If not set, a wrong span costs two '
        "clicks (choose it, take it away), a missing one two (draw it, name it), so they are shown from .5; the rest "
        "is always shown, as a wrong answer costs the one click that none costs, too",
    )
    fast_lane: bool = Field(
        True, description="whether suggestions follow each label between two rounds, by heads that are fitted anew"
    )
    blind: float = Field(
        0.1,
        ge=0,
        le=HELD_OUT_SHARE,
        description="the share of all examples, half of what is held out if not set, that nobody is shown a suggestion "
        "for, so that scores rest on labels that are no echo of one; 0: none",
    )
    order: Literal["mixed", "uncertain", "rare", "typical", "random"] = Field(
        "mixed",
        description="which examples people see next: `uncertain`, what the model is least sure of; `rare`, classes "
        "with few labels in turns; `typical`, what resembles the most others; `random`; `mixed`, half by chance and "
        "half by the others, of which what is typical comes first",
    )
    max_body_mb: float = Field(32.0, gt=0, description="larger request bodies are refused with 413")
    receive_seconds: float = Field(
        30.0, gt=0, description="how long a request may take to arrive, its head and then its body: slower ones get 408"
    )
    peer_connections: int = Field(
        100, ge=1, description="how many connections one address may hold open; loopback and trusted proxies any number"
    )
    trusted_proxies: str = Field(
        "", description="addresses or networks, with commas, of proxies and labelling tools that need more connections"
    )
    max_examples: int = Field(10_000, ge=1, description="more examples in one request are refused with 413")
    queue_examples: int = Field(20_000, ge=1, description="more examples waiting for the model are refused with 503")
    first_round: int = Field(16, ge=2, description="how many new labels start the first round of a question")
    growth: float = Field(0.25, gt=0, description="a later round starts when the labels have grown by this share")
    max_new: int = Field(200, ge=1, description="a round starts after this many new labels in any case")
    quiet_seconds: float = Field(3.0, ge=0, description="a round waits until no label came for so long, or twice that")
    poll_seconds: float = Field(
        5.0,
        gt=0,
        description="how often the labelling tool is asked what happened; a fourth as often while its webhooks name it",
    )
    sweep_minutes: float = Field(30.0, gt=0, description="how often a whole project is compared with the ledger")
    keep_checkpoints: int = Field(5, ge=2, description="how many checkpoints per question are kept to go back to")
    gate_floor: float = Field(0.10, ge=0, le=1, description="the F1 that no class may lose in a promotion")
    gate_level: float = Field(
        LEVEL, gt=0, le=1, description="how often chance may promote, in all rounds against one champion together"
    )
    gate_margin: float = Field(
        0.0, ge=0, le=1, description="what a challenger may be worse by, again and again; 0: it has to be better"
    )
    inspect: bool = Field(
        True,
        description="whether what is served is inspected where no round runs, at the lowest priority: label errors, "
        "weak slices, robustness and more for its report",
    )
    explain: bool = Field(
        False,
        description="whether people are shown which words carried a suggestion: found out for what comes next while "
        "nothing else is to be done, and shown where the labelling tool has a place for it",
    )
    inspect_minutes: float = Field(30.0, gt=0, description="how long one inspection may take, all in all")
    groups: str = Field(
        "",
        description="names of slices, with commas, such as `annotator, characters, source`, whose values should be "
        "answered equally well; inspections look for gaps between them. As in `LABELWHEEL_SLICES`, a name that is none "
        "of labelwheel's own is that of a column of the labelling tool",
    )
    slices: str = Field(
        "",
        description="parts of the examples that no challenger may leave behind, with commas, such as "
        "`length=under 40 characters, origin=made, source=mobile, price=10 to under 20`: any slice that the report "
        "has, as it has it; none of them may lose more than `LABELWHEEL_GATE_FLOOR` of mean score in a promotion. "
        "Columns of the labelling tool that are named here or in `LABELWHEEL_GROUPS` are kept, and no others; reports "
        "and model cards tell their values",
    )
    target: float = Field(0.9, gt=0, le=1, description="the score for which `status` says how many labels it takes")
    seed: int = Field(13, description="the seed of every round")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("tool_addresses")
    @classmethod
    def _tool_addresses(cls, value: str) -> str:
        try:
            allow(value)
        except InvalidAddress as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("slices", "groups", "trusted_proxies")
    @classmethod
    def _readable(cls, value: str, info: ValidationInfo) -> str:
        _READERS[str(info.field_name)](value)
        return value

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

    @field_validator("engine")
    @classmethod
    def _engine(cls, value: str, info: ValidationInfo) -> str:
        if value == "onnx" and str(info.data.get("device") or "cpu").startswith("cuda"):
            raise ValueError("onnx runs on a CPU; leave LABELWHEEL_DEVICE out, or take auto or torch")
        return value

    @field_validator("show", "costs")
    @classmethod
    def _by_kind(cls, value: dict[str, object]) -> dict[str, object]:
        if unknown := sorted(set(value) - set(kinds.names())):
            raise ValueError(f"there is no kind of question {', '.join(unknown)}; there are {', '.join(kinds.names())}")
        return value

    @cached_property
    def shown_from(self) -> Mapping[str, float]:
        """For each kind of question the score below which nothing is suggested."""
        costs = {name: Costs(*each) for name, each in self.costs.items()}
        return {each.name: self.show.get(each.name, each.shown_from(costs.get(each.name))) for each in kinds.kinds()}

    @cached_property
    def named_slices(self) -> tuple[NamedSlice, ...]:
        """What no challenger may leave behind."""
        return named_slices.read(self.slices)

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
    def cache_folder(self) -> Path:
        return self.home.absolute() / "cache"


def load(**overrides: object) -> Settings:
    """The settings of this process; raises InvalidSettings with one line per mistake."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"LABELWHEEL_{str(each['loc'][0]).upper()}: {plain(each)}" for each in error.errors()]
        raise InvalidSettings("; ".join(lines)) from None
