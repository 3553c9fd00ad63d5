"""Whether results can be written where an experiment puts them."""

from __future__ import annotations

import errno
import os

from rllib_remix.errors import UserError, nearest, shown
from rllib_remix.files.text_files import check_path_text, local_path


def check_storage(storage_path: str) -> str:
    """The absolute storage path, which need not be there yet; addresses with a scheme (s3://…) stay as they are.

    Raises:
        UserError: if the folder cannot be made or written to, or no file system has this scheme.
    """
    owner = "--storage-path"
    check_path_text(owner, storage_path)
    if "://" in storage_path:
        _check_scheme(owner, storage_path)
        return storage_path
    folder = there = local_path(owner, storage_path).absolute()
    try:
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "no permission to write")
    except OSError as error:
        raise UserError(
            f"{owner}: cannot write to {shown(str(folder))}: {shown(str(there))}: {error.strerror}."
        ) from None
    return str(folder)


def _check_scheme(owner: str, address: str) -> None:
    from fsspec import available_protocols

    scheme, _, rest = address.partition("://")
    if scheme not in available_protocols() or not rest.strip("/"):
        guess = nearest(scheme, available_protocols())
        hint = f"; did you mean {guess}://?" if guess and guess != scheme else "."
        raise UserError(
            f"{owner}: {shown(address)} is no address of a folder{hint} Allowed: a local folder, or an address such as "
            "s3://bucket/folder or gs://bucket/folder."
        )
