"""The door for ComfyUI, which imports this folder when it is cloned into custom_nodes, under whatever name."""

if __package__:  # pytest imports this file on its own
    from .src.antiphon.comfyui import WEB_DIRECTORY as WEB_DIRECTORY
    from .src.antiphon.comfyui import comfy_entrypoint as comfy_entrypoint
