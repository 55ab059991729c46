"""Values in YAML, and the one module that reads them."""
