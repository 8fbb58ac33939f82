"""Breaks a whole system again and again, and counts what it lost, doubled or left behind: `make faults`.

`run` goes through cycles of a burst (`load`, over `client`), a fault (`nemesis`) and a check (`checker`).
`system` is what is broken: `manage.py up` with `settings` of ours, and a worker behind a `proxy` and with a
clock of its own (`clock`). `downstream` is the service that it calls, `people` who works with it. `applied`
lets `mutants` and `points` into its processes. `docs/reliability.md` says what it came to.
"""
