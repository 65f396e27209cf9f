"""Search as a service: a page and a JSON API over an index, for a few people at a time."""
