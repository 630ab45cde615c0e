"""What a model file may hold: ONNX, safetensors or JSON, read by its structure and never loaded."""
