"""Single objects of the API in other forms: pieces of a graph, pieces of a manifest, and runs of their own."""
