"""The page of a session, part by part."""
