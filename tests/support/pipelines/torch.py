"""The types that the examples of docs/guide/pipelines.md name."""

bfloat16, float16 = "bfloat16", "float16"
