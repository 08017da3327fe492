"""What a person sees of a run while it goes on, and when it has ended: in a terminal, in a log, in a notebook.

``outline`` says which rows a run has, ``fitting`` which of them there is room for, ``frame`` what stands in them.
``screen`` keeps them at the bottom of a terminal, ``plain`` prints lines, ``notebook`` shows HTML. ``display`` follows
a run with one of these while it is run by this process, ``watching`` from another one, ``top`` all runs of a
directory. ``summary`` is what is left when a run has ended.
"""
