"""Following a run from its files: for displays, the web page, observers. Nothing in a run directory is changed.

``follower`` reads what is new in the journal, ``view`` keeps what it says of each node, ``run`` is both together with
whether somebody runs it. ``calls`` sets nodes beside what the graph says will come, ``critical`` finds the chain of
steps that took the whole time, and ``tails`` reads the ends of logs.
"""
