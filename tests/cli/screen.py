# SPDX-License-Identifier: MIT
"""A terminal's screen, as far as the command uses one: it is what a test looks at instead of escape sequences."""
import re

TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\x1b.)|(\r)|(\n)|([^\x1b\r\n])", re.S)


class Screen:
    """Knows cursor up, erase below, colours and wrapping; anything else is an error."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.row, self.column = [""], 0, 0
        self.tallest = 0  # how many rows one frame went back

    def feed(self, text):
        for parameters, final, other, carriage, newline, character in TOKEN.findall(text):
            if final:
                self._sequence(parameters, final)
            elif other:
                raise AssertionError(f"an escape sequence that moves the screen: {other!r}")
            elif carriage:
                self.column = 0
            elif newline:
                self._down()
            else:
                self._put(character)
        return self

    def _sequence(self, parameters, final):
        if final == "A":
            up = int(parameters or 1)
            assert up < self.rows, f"{up} rows up on a screen of {self.rows}"
            self.tallest = max(self.tallest, up)
            self.row -= up
        elif final == "J" and parameters in ("", "0"):
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
        elif final != "m":
            raise AssertionError(f"an escape sequence that moves the screen: {parameters}{final}")

    def _down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def _put(self, character):
        if self.column == self.columns:
            self.column = 0
            self._down()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
        self.column += 1

    @property
    def text(self):
        return "\n".join(self.lines)
