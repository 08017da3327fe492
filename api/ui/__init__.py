"""The web page, ``dflow ui``: what the run directories of a folder say, shown in a browser of this machine.

``start`` makes the address and runs the server, ``guard`` lets in who has the token, ``app`` has the routes, and
``shown`` what they answer from. ``folder`` lists runs, ``watched`` follows those that are looked at, and ``graphs``,
``nodes``, ``timeline``, ``files`` and ``logs`` are the answers. Nothing is changed but by ``actions``, which does what
the command line does.
"""
