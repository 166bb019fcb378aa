"""What outlives the order table: that this stack has had one, and which accounts it ordered from.

Parameters in AWS Systems Manager under `/numberdesk/<stack>/`, written by the functions and not by the stack, so that neither a lost table
nor a deleted stack removes them. If they exist, an empty table is not a first deployment.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from numberdesk.services import aws_errors


class Marker:
    """The parameters of one stack."""

    def __init__(self, client: Any, stack: str) -> None:
        self._client = client
        self._root = f"/numberdesk/{stack}"

    def table_id(self) -> str | None:
        """Return the id of the first table; None if there was none yet."""
        return self._read(f"{self._root}/table")

    def claim(self, table_id: str) -> str:
        """Mark a table as the first one unless one is marked already; return the id of the marked one."""
        if self._write(f"{self._root}/table", table_id):
            return table_id
        return self.table_id() or ""

    def add_account(self, provider: str, account: str) -> None:
        """Mark an account that orders can be bought from."""
        name = f"{self._root}/accounts/{provider}/{account}"
        # SSM allows many reads a second, but only three writes.
        if self._read(name) is None:
            self._write(name, "known")

    def accounts(self) -> list[tuple[str, str]]:
        """Return every provider and account that was marked."""
        path = f"{self._root}/accounts/"
        pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
        names = [found["Name"].removeprefix(path).partition("/") for page in pages for found in page["Parameters"]]
        return [(provider, account) for provider, _, account in names]

    def _read(self, name: str) -> str | None:
        try:
            return str(self._client.get_parameter(Name=name)["Parameter"]["Value"])
        except ClientError as error:
            if aws_errors.code(error) == "ParameterNotFound":
                return None
            raise

    def _write(self, name: str, value: str) -> bool:
        try:
            self._client.put_parameter(Name=name, Value=value, Type="String", Overwrite=False)
        except ClientError as error:
            if aws_errors.code(error) == "ParameterAlreadyExists":
                return False
            raise
        return True
