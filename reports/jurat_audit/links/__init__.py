"""The links of the chain, one module each, each with `run(profile, progress) -> LinkResult`."""
