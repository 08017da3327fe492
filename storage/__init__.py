"""Where artifacts are kept beyond the run directory."""
