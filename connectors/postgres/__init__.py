"""The relational store on PostgreSQL: the journal, reference data, configuration versions and the compliance log."""
