"""Strategies, one file each; a file's name is the strategy's kind in `config/strategies.yaml`."""
