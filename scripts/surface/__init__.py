"""Record everything that docs/operations/compatibility.md calls stable, one name a line."""
