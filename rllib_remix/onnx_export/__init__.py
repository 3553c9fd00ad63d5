"""A trained team as an ONNX file, for places without PyTorch: its graph, the check beside the original, and the file."""
