"""Standard output and standard error, which may be files on a full disk, or pipes without a reader.

A run does not end in the middle when the reader has gone (`provisioner apply | head -1`): further output is dropped.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TextIO


class Output:
    """A text stream for rich; the first error in writing is kept in `trouble`, and none is raised."""

    def __init__(self, file: TextIO | None) -> None:
        """None is a stream that was closed before we began."""
        self._file = file
        self.trouble: OSError | None = None

    @property
    def encoding(self) -> str:
        """As rich asks for it, to choose its frames and marks."""
        return (self._file and self._file.encoding) or "utf-8"

    @property
    def is_full(self) -> bool:
        """Whether output is missing that a reader expects: not when the reader has closed the pipe itself."""
        return self.trouble is not None and not isinstance(self.trouble, BrokenPipeError)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._file is not None and self._file.isatty()

    def fileno(self) -> int:
        """Its descriptor; OSError when it has none."""
        if self._file is None:
            raise OSError("the stream is closed")
        return self._file.fileno()

    def write(self, text: str) -> int:
        """Write a text; characters that the encoding does not have are escaped."""
        if self._file is not None and not self.trouble:
            try:
                self._file.write(text)
            except UnicodeEncodeError:
                self._file.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flush what was written."""
        if self._file is not None and not self.trouble:
            try:
                self._file.flush()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Redirect it to /dev/null: otherwise Python would try to flush it at exit, and complain."""
        self.trouble = error
        with suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self.fileno())
