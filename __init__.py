"""The door for ComfyUI, which imports this folder when it is cloned into custom_nodes, under whatever name."""

import sys

# pytest imports this file too, and so does whoever looks at the folder as a package.
if __package__ and "folder_paths" in sys.modules:
    from .src.antiphon.comfyui import WEB_DIRECTORY as WEB_DIRECTORY
    from .src.antiphon.comfyui import comfy_entrypoint as comfy_entrypoint
