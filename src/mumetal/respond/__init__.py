"""Groups, ranks, explains and acts on what was found."""
