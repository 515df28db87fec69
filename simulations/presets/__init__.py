"""Federation files for each kind of data, and concept graphs for some."""
