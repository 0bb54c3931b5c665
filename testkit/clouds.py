"""Object stores for tests: moto for S3, azurite for Azure's blobs, gcp-storage-emulator for Google's.

    with Moto() as cloud:
        url = cloud.bucket("models")
        subprocess.run([…], env={**os.environ, **cloud.environment})

They come from `.venv-stand-ins`, which `make test` installs.
"""

from __future__ import annotations

import json
import signal
from abc import abstractmethod
from pathlib import Path
from typing import Self

from fsspec import get_filesystem_class

from testkit.server import REPOSITORY, Process, Server, clean_environment, end, listens

STAND_INS = REPOSITORY / ".venv-stand-ins"
_STARTS_WITHIN = 120.0
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # azurite's own


class Cloud(Server):
    """One of them; `environment` has what its driver reads to find it and to be let in.

    fsspec's drivers in this process forget the one before, which listened elsewhere.
    """

    scheme: str
    _process: Process | None = None

    def __init__(self, port: int | None = None, folder: Path | None = None) -> None:
        super().__init__(port, folder)

    def start(self) -> Self:
        program, *arguments = self.command
        assert (STAND_INS / program).exists(), f"no {program} in {STAND_INS}: run `make .venv-stand-ins/installed`"
        self._process = self._spawn([str(STAND_INS / program), *arguments], clean_environment() | self.settings)
        self._up(self.name, self._process, lambda: listens(self.port), _STARTS_WITHIN)
        get_filesystem_class(self.scheme).clear_instance_cache()
        return self

    def stop(self) -> None:
        get_filesystem_class(self.scheme).clear_instance_cache()
        if self._process is not None:
            end(self._process, signal.SIGTERM)

    @property
    @abstractmethod
    def command(self) -> list[str]:
        """A program in the environment of the stand-ins, and its arguments."""

    @property
    def settings(self) -> dict[str, str]:
        """What the program itself reads."""
        return {}

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]: ...

    @abstractmethod
    def bucket(self, name: str) -> str:
        """Makes a bucket; its URL."""


class Moto(Cloud):
    """S3. With `checks`, only its own key opens it, which may do all."""

    name, scheme = "moto", "s3"

    def __init__(self, port: int | None = None, folder: Path | None = None, checks: bool = False) -> None:
        super().__init__(port, folder)
        self._checks = checks
        self._key = ("anybody", "anything")

    @property
    def command(self) -> list[str]:
        return ["bin/moto_server", "-H", "127.0.0.1", "-p", str(self.port)]

    @property
    def settings(self) -> dict[str, str]:
        # the first calls are for free: they make the user that has the key
        return {"INITIAL_NO_AUTH_ACTION_COUNT": "3"} if self._checks else {}

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": self._key[0], "AWS_SECRET_ACCESS_KEY": self._key[1],
            "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip

    def start(self) -> Self:
        super().start()
        if self._checks:
            import botocore.session

            iam = botocore.session.get_session().create_client(
                "iam", "us-east-1", endpoint_url=self.url, aws_access_key_id="none", aws_secret_access_key="none"
            )
            everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}], "Version": "2012-10-17"}
            iam.create_user(UserName="labelwheel")
            iam.put_user_policy(UserName="labelwheel", PolicyName="all", PolicyDocument=json.dumps(everything))
            key = iam.create_access_key(UserName="labelwheel")["AccessKey"]
            self._key = (key["AccessKeyId"], key["SecretAccessKey"])
        return self

    def bucket(self, name: str) -> str:
        import botocore.session

        key = {"aws_access_key_id": self._key[0], "aws_secret_access_key": self._key[1]}
        client = botocore.session.get_session().create_client("s3", "us-east-1", endpoint_url=self.url, **key)
        client.create_bucket(Bucket=name)
        return f"s3://{name}"

    def names(self, bucket: str) -> list[str]:
        """What is in a bucket of one that does not check keys."""
        found = self._session.get(f"{self.url}/{bucket}", timeout=10).text
        return [part.partition("</Key>")[0] for part in found.split("<Key>")[1:]]


class Azurite(Cloud):
    """Azure's blobs."""

    name, scheme = "azurite", "az"

    @property
    def command(self) -> list[str]:
        main = STAND_INS / "azurite/node_modules/azurite/dist/src/blob/main.js"
        options = ["--skipApiVersionCheck", "--inMemoryPersistence", "--silent", "--disableTelemetry"]
        return ["bin/node", str(main), "--blobHost", "127.0.0.1", "--blobPort", str(self.port), *options]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
            f"AccountKey={_AZURE_KEY};BlobEndpoint={self.url}/devstoreaccount1;"
        }

    def bucket(self, name: str) -> str:
        from azure.storage.blob import BlobServiceClient

        there = self.environment["AZURE_STORAGE_CONNECTION_STRING"]
        with BlobServiceClient.from_connection_string(there) as client:
            client.create_container(name)
        return f"az://{name}"


class GoogleStorage(Cloud):
    """Google's storage; lets everybody in."""

    name, scheme = "google-storage", "gs"

    @property
    def command(self) -> list[str]:
        return ["bin/gcp-storage-emulator", "start", "--host=127.0.0.1", f"--port={self.port}", "--in-memory"]

    @property
    def environment(self) -> dict[str, str]:
        # gcsfs asks an emulator by gRPC otherwise, which this one does not speak, and waits a minute for each answer
        hns = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        return {"STORAGE_EMULATOR_HOST": self.url, "GOOGLE_CLOUD_PROJECT": "tests", **hns}

    def bucket(self, name: str) -> str:
        made = self._session.post(
            f"{self.url}/storage/v1/b", params={"project": "tests"}, json={"name": name}, timeout=10
        )
        made.raise_for_status()
        return f"gs://{name}"
