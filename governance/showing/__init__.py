"""How an action reads: names, labels, numbers, values, sentences and key figures, for every floor.

Whatever a page, a notice, a file or the API says of an action's arguments is made here, so that one
digest reads the same everywhere.
"""
