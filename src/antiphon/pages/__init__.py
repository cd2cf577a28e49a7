"""The pages: history, credentials, models and a playground over HTTP, for ComfyUI's page and for `antiphon ui`.

`guard` says who may ask, `routes` what there is to ask for, `server` serves both by itself on loopback. The pack mounts
the same routes in ComfyUI. docs/reference/pages.md lists the routes, docs/design/face.md says why they are like this.
"""

from __future__ import annotations
