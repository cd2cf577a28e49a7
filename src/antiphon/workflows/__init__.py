"""ComfyUI's workflow files and the pictures that hold them: looked through for keys and language model nodes, and cleaned.

Pure files: nothing here needs ComfyUI, and nothing is changed in place. `conversion` has the doors. Nothing is imported
here: the pack's nodes read `original` while ComfyUI starts.
"""
