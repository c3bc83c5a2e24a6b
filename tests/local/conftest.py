# SPDX-License-Identifier: MIT
"""Each test in a room of root's and in one of an ordinary user."""

import pytest

from sandbox_peer import NOBODY, Room


@pytest.fixture(params=[0, NOBODY], ids=["root", "user"], name="uid")
def uid_of_engine(request):
    return request.param


@pytest.fixture(name="room")
def a_room(uid):
    with Room(uid) as room:
        room.ready()
        yield room
