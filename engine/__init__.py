"""The graph, and the engine that runs it. Imports no other folder of this project."""
