from __future__ import annotations

import gc

from reviewapp.processes.ready import make_ready


def test_what_a_server_process_begins_with_is_in_no_later_collection() -> None:
    gc.unfreeze()  # the tests' own process has set aside what it began with
    make_ready()
    assert gc.get_freeze_count() > 50_000
    assert len(gc.get_objects()) < 5_000
