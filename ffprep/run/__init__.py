"""One run: the jobs that are not up to date, through threads or a Dask cluster into the ledger.

It prints nothing: results and warnings go to its caller. Begin with `runner`, then `task`.
"""
