"""What a release needs; docs/development/releasing.md has the steps."""
